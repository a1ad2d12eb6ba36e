import numpy as np
import pytest

from lutloom import ir
from lutloom_hw.input_register import InputRegister, plan_input_copies


@pytest.mark.parametrize("copies", [1, 2, 3, 100])
def test_a_rewired_network_answers_the_same(random_network, copies):
    rng = np.random.default_rng(copies)
    network = random_network(rng, n_classes=4)
    plan = plan_input_copies(network, copies)
    bits = rng.integers(0, 2, (100, network.encoder.n_bits)).astype(np.uint8)
    before = ir.evaluate_layers(network, ir.pack_images(bits))[-1]
    after = ir.evaluate_layers(plan.network, ir.pack_images(bits[:, plan.source]))[-1]
    assert (before == after).all()


def test_a_bit_is_held_once_in_every_region_that_reads_it_and_nowhere_else():
    encoder = ir.ThermometerEncoder(1, 3, [100])
    layer = ir.LutLayer([[2, 0], [2, -1], [1, 2]], [6, 2, 8], np.arange(3))
    network = ir.Network(encoder, (layer,), ir.VoteHead([0, 1, 2], [0, 1, 2], [0, 0, 0]))
    plan = plan_input_copies(network, 3)
    assert plan.source.tolist() == [0, 2, 2, 1, 2]
    assert plan.region_ends == (2, 3, 5)
    assert plan.network.layers[0].fan_in.tolist() == [[1, 0], [2, -1], [3, 4]]
    two = plan_input_copies(network, 2)  # classes 0 and 1 share a region
    assert two.source.tolist() == [0, 2, 1, 2]
    assert two.region_ends == (2, 4)


def test_without_layers_the_votes_are_rewired():
    encoder = ir.ThermometerEncoder(1, 4, [100])
    network = ir.Network(encoder, (), ir.VoteHead([3, 1, 3], [0, 0, 1], [0, 0]))
    plan = plan_input_copies(network, 2)
    assert plan.source.tolist() == [1, 3, 3]
    assert plan.network.head.source.tolist() == [1, 0, 2]


def stage(source=(4, 1, 1, 0, 1), region_ends=(2, 5)):
    return InputRegister(np.array(source), region_ends=region_ends, n_inputs=6)


def test_contract(check_stage):
    rows = (np.arange(64)[:, None] >> np.arange(6)) & 1
    check_stage(stage(), rows)


def test_a_wrong_source_is_caught(check_stage):
    rows = (np.arange(64)[:, None] >> np.arange(6)) & 1
    with pytest.raises(AssertionError, match="wrong answers"):
        check_stage(stage(source=(4, 1, 2, 0, 1)), rows, golden=stage())


def test_an_empty_region_is_allowed(check_stage):
    rows = (np.arange(64)[:, None] >> np.arange(6)) & 1
    check_stage(stage(source=(4, 1), region_ends=(0, 2, 2)), rows)
