import itertools

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lutloom import ir
from lutloom.errors import InvalidNetworkError
from lutloom_hw import credit, pipeline
from lutloom_hw.credit import CreditGate
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.stage import pack_rows
from lutloom_hw.vote import Vote


def images_and_items(network, n, seed=5):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, network.encoder.height, network.encoder.width))
    images = images.astype(np.uint8)
    return images, [[word] for word in pack_rows(network.encoder.encode(images), 1)]


OPTIONS = [
    PipelineOptions(),
    PipelineOptions(family="ice40"),
    PipelineOptions(family="ecp5", class_groups=2),
    PipelineOptions(vote_form="compressor", vote_register_every=2, class_groups=1),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_contract_and_answers_of_the_interpreter(check_streams, random_network, options):
    network = random_network(np.random.default_rng(8), bias=[0, 2, 0])
    images, items = images_and_items(network, 24)
    dut = Pipeline(network, options)
    wanted = ir.classify(network, images)
    assert len(set(wanted.tolist())) > 1
    assert (dut.model(network.encoder.encode(images))[:, 0] == wanted).all()
    check_streams(dut, items, wanted.tolist())


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_random_networks_and_options(settle, random_network, data):
    """Every stage after the other in simulation, against the interpreter."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    n_classes = data.draw(st.integers(2, 6))
    layer = st.tuples(st.integers(n_classes, 24), st.integers(1, 6))
    network = random_network(
        rng,
        height=data.draw(st.integers(1, 4)),
        width=data.draw(st.integers(2, 5)),
        layers=data.draw(st.lists(layer, max_size=3)),
        n_classes=n_classes,
        bias=data.draw(st.lists(st.integers(0, 9), min_size=n_classes, max_size=n_classes)),
    )
    options = PipelineOptions(
        family=data.draw(st.sampled_from(["ice40", "ecp5", "generic"])),
        class_groups=data.draw(st.integers(0, 3)),
        vote_form=data.draw(st.sampled_from(["compressor", "carry"])),
        vote_register_every=data.draw(st.integers(1, 4)),
    )
    images, _ = images_and_items(network, 30)
    rows = network.encoder.encode(images).astype(np.int64)
    for stage in Pipeline(network, options).stages.values():
        rows = settle(stage, rows)
    assert rows[:, 0].tolist() == ir.classify(network, images).tolist()


@pytest.mark.parametrize("options", [PipelineOptions(), PipelineOptions(class_groups=2)])
def test_a_network_without_layers(check_streams, random_network, options):
    network = random_network(np.random.default_rng(9), layers=(), n_classes=2)
    images, items = images_and_items(network, 16)
    check_streams(Pipeline(network, options), items, ir.classify(network, images).tolist())


@pytest.mark.parametrize("images_in_flight", [1, 2, 3, 5])
def test_few_images_in_flight_lose_none(check_streams, random_network, images_in_flight):
    network = random_network(np.random.default_rng(10), layers=((9, 3),))
    images, items = images_and_items(network, 16)
    dut = Pipeline(network, PipelineOptions(), images_in_flight=images_in_flight)
    if images_in_flight == 1:  # the next image enters the clock after the answer has left
        check_streams(
            dut,
            items,
            ir.classify(network, images).tolist(),
            clocks_per_item=dut.latency_cycles + 1,
        )
    else:
        with pytest.raises(AssertionError, match="an item must enter every 1 clocks"):
            check_streams(dut, items, ir.classify(network, images).tolist())


def test_stages_carry_their_names_and_wiring(random_network):
    network = random_network(np.random.default_rng(8))
    dut = Pipeline(network, PipelineOptions(class_groups=2))
    assert list(dut.stages) == ["groups", "argmax"]
    dut = Pipeline(network, PipelineOptions())
    assert list(dut.stages) == ["layer1", "layer2", "vote", "argmax"]
    assert dut.latency_cycles == sum(s.latency_cycles for s in dut.stages.values()) + 2
    for before, after in itertools.pairwise(dut.stages.values()):
        assert len(before.o.payload) == len(after.i.payload)


def test_a_broken_network_is_refused(random_network):
    network = random_network(np.random.default_rng(8))
    head = ir.VoteHead([99], [0], [0, 0])
    with pytest.raises(InvalidNetworkError, match="vote 0"):
        Pipeline(ir.Network(network.encoder, network.layers, head), PipelineOptions())


class GateWithoutCredits(CreditGate):
    """A shell that always takes an image, whether its answer will have a place or not."""

    def _build(self, m: Module) -> None:
        super()._build(m)
        m.d.comb += [self.i_ready.eq(1), self.accepted.eq(self.i_valid)]


class GateWithOneCreditTooMany(CreditGate):
    """A shell whose queue is one answer too short for its credits."""

    def _build(self, m: Module) -> None:
        real = credit.SyncFIFOBuffered
        try:
            credit.SyncFIFOBuffered = lambda *, width, depth: real(width=width, depth=depth - 1)
            super()._build(m)
        finally:
            credit.SyncFIFOBuffered = real


class VoteWithStickyValid(Vote):
    """A stage whose ``valid`` outlives a reset."""

    def elaborate(self, platform):
        del platform
        m = Module()
        self._build(m)
        valid = self.i.valid
        for _ in range(self.latency_cycles):
            delayed = Signal(reset_less=True)
            m.d.sync += delayed.eq(valid)
            valid = delayed
        m.d.comb += self.o.valid.eq(valid)
        return m


@pytest.mark.parametrize(
    ("name", "faulty"),
    [
        ("CreditGate", GateWithoutCredits),
        ("CreditGate", GateWithOneCreditTooMany),
        ("Vote", VoteWithStickyValid),
    ],
)
def test_a_shell_that_loses_or_a_valid_that_outlives_a_reset_is_caught(
    check_streams, random_network, monkeypatch, name, faulty
):
    network = random_network(np.random.default_rng(8), layers=((9, 3),))
    images, items = images_and_items(network, 40)
    wanted = ir.classify(network, images).tolist()
    check_streams(Pipeline(network, PipelineOptions()), items, wanted)
    monkeypatch.setattr(pipeline, name, faulty)
    with pytest.raises(AssertionError):
        check_streams(Pipeline(network, PipelineOptions()), items, wanted)
