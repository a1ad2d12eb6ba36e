"""The rule: what it computes, what it may read, and that it needs no derivative."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom.models import ActivationFirstLayer, TableLayer
from lutloom.rules import gather_drive, move_counters, move_weights, output_error, read_addresses
from lutloom.rules.updates import WEIGHT_FLOOR


def all_inputs(k: int) -> torch.Tensor:
    """Give every combination of ``k`` bits once, ``uint8[1, k, 2**k]``."""
    address = torch.arange(1 << k)
    return ((address >> torch.arange(k)[:, None]) & 1).to(torch.uint8)[None]


@given(seed=st.integers(0, 10**6), k=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_drive_is_the_error_summed_by_address(seed, k):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (2, 9, 20), dtype=np.uint8)
    fan_in = rng.integers(0, 9, (2, 5, k))
    error = rng.normal(size=(2, 20)).astype(np.float32)
    expected = np.zeros((2, 5, 2**k))
    for g, j, b in itertools.product(range(2), range(5), range(20)):
        address = sum(int(bits[g, fan_in[g, j, i], b]) << i for i in range(k))
        expected[g, j, address] += error[g, b]
    address = read_addresses(torch.from_numpy(bits), torch.from_numpy(fan_in))
    drive = gather_drive(address, torch.from_numpy(error), 2**k)
    np.testing.assert_allclose(drive.numpy(), expected, atol=1e-4)


def test_error_is_target_minus_probability():
    scores = torch.tensor([[3, 0], [1, 4]], dtype=torch.int32)
    error = output_error(scores, torch.tensor([0, 0]), n_votes=4, temperature=2.0)
    p = np.exp([1.0, -1.0]) / np.exp([1.0, -1.0]).sum()
    np.testing.assert_allclose(error[:, 0], [1 - p[0], -p[1]], rtol=1e-5)
    assert error[0, 1] > error[0, 0] > 0, "a wrong answer is pushed harder than a right one"
    np.testing.assert_allclose(error.sum(0), 0, atol=1e-6)


def learn_gate(table: int, k: int) -> int:
    """Teach one neuron a truth table from its own error only; give the table it ends with."""
    layer = TableLayer(
        torch.arange(k).view(1, 1, k), k, torch.full((1, 1, 1 << k), 0.05), shared_input=True
    )
    bits = all_inputs(k)
    target = torch.tensor([table >> a & 1 for a in range(1 << k)], dtype=torch.float32)
    with torch.inference_mode():
        for _ in range(20):
            answer = layer.tables()[0, 0].to(torch.float32)
            error = (target - answer)[None]
            layer.learn(layer.drive(bits, error), learning_rate=0.05)
    return sum(int(bit) << a for a, bit in enumerate(layer.tables()[0, 0]))


@pytest.mark.parametrize("k", [2, 3])
def test_one_neuron_learns_every_gate(k):
    for table in range(1 << (1 << k)):
        assert learn_gate(table, k) == table


def test_one_neuron_learns_exclusive_or():
    assert learn_gate(0b0110, 2) == 0b0110


def make_layer(kind: str, seed: int):
    generator = torch.Generator().manual_seed(seed)
    fan_in = torch.randint(0, 9, (2, 5, 3), generator=generator)
    if kind == "table":
        counter = TableLayer.noise(2, 5, 3, generator)
        return TableLayer(fan_in, 9, counter, shared_input=False)
    source = torch.randint(0, 2, (2, 5, 3), generator=generator) * 2.0 - 1.0
    own = torch.randint(0, 2, (2, 5), generator=generator) * 2.0 - 1.0
    return ActivationFirstLayer(fan_in, 9, source, own, generator, shared_input=False)


@pytest.mark.parametrize("kind", ["table", "activation_first"])
def test_update_reads_error_previous_input_and_learning_rate_only(kind):
    """Every other layer is replaced; with error and previous input held, the update is the same."""
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(0, 2, (2, 9, 64), generator=generator, dtype=torch.uint8)
    error = torch.randn((2, 64), generator=generator)
    after = []
    for other_seed in (1, 2):
        layer, others = make_layer(kind, 0), [make_layer(kind, other_seed) for _ in range(3)]
        with torch.inference_mode():
            for member in (*others, layer):
                member.learn(member.drive(bits, error), 0.02)
        after.append(layer.state_dict())
    assert all(torch.equal(after[0][name], after[1][name]) for name in after[0])


@pytest.mark.parametrize("kind", ["table", "activation_first"])
def test_nothing_is_differentiated(kind):
    layer = make_layer(kind, 0)
    assert not list(layer.parameters()), "there is nothing an optimiser could take"
    assert not any(buffer.requires_grad for buffer in layer.buffers())
    with torch.inference_mode():
        bits = torch.randint(0, 2, (2, 9, 64), dtype=torch.uint8)
        drive = layer.drive(bits, torch.randn(2, 64))
        assert drive.is_inference()
        layer.learn(drive, 0.02)


@pytest.mark.parametrize("kind", ["table", "activation_first"])
def test_update_lowers_its_own_error(kind):
    """Driven up everywhere, outputs only rise; driven down, they only fall."""
    bits = all_inputs(3).expand(2, 3, 8)
    for direction in (1.0, -1.0):
        layer = make_layer(kind, 3)
        layer.fan_in.copy_(torch.arange(3).expand(2, 5, 3))
        if kind == "activation_first":
            layer.polarity.fill_(1.0)
            layer.polarity_source.fill_(1.0)
            layer.threshold.copy_(0.5 * layer.weight.sum(-1))
            layer.refresh()
        before = layer.tables().clone()
        for _ in range(200):
            layer.learn(layer.drive(bits, torch.full((2, 8), direction)), 0.01)
        after = layer.tables()
        moved = (after.int() - before.int()) * direction
        assert (moved >= 0).all()
        assert moved.sum() > 0


def test_polarity_turns_the_update_and_never_the_sign():
    weight, threshold = torch.full((1, 2, 2), 0.5), torch.zeros(1, 2)
    drive = torch.tensor([[[0.0, 1.0, 0.0, 0.0]] * 2])  # only input 0 was active
    source = torch.tensor([[[1.0, 1.0], [-1.0, 1.0]]])
    move_weights(weight, threshold, drive, 0.1, 1.0, source, torch.tensor([[1.0, -1.0]]))
    np.testing.assert_allclose(weight[0], [[0.55, 0.5], [0.45, 0.5]])
    np.testing.assert_allclose(threshold[0], [0.13125, 0.05], atol=1e-6)  # the first at its bound
    for _ in range(50):
        move_weights(weight, threshold, -drive, 1.0, 1.0, source, torch.ones(1, 2))
    assert weight.min() == WEIGHT_FLOOR
    assert weight.max() == 1.0


@pytest.mark.parametrize("limit", [1, 7, 127])
def test_integer_counters_stay_whole_saturate_and_keep_the_mean(limit):
    generator = torch.Generator().manual_seed(0)
    counter = torch.zeros(20_000)
    move_counters(counter, torch.full((20_000,), 0.3), 1.0, limit, generator)
    assert torch.equal(counter, counter.round())
    assert abs(float(counter.mean()) - 0.3) < 0.02
    for _ in range(300):
        move_counters(counter, torch.full((20_000,), -2.0), 1.0, limit, generator)
    assert torch.equal(counter, torch.full_like(counter, -float(limit)))
