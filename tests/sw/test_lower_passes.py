"""Every pass against an evaluator that shares nothing with the interpreter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lutloom.ir import (
    UNUSED,
    LutLayer,
    Network,
    ThermometerEncoder,
    VoteHead,
    network_digest,
    verify,
)
from lutloom.lower import lower
from lutloom.lower.absorb_buffers import absorb_buffers
from lutloom.lower.absorb_inverters import absorb_inverters
from lutloom.lower.drop_dead_neurons import drop_dead_neurons
from lutloom.lower.drop_idle_inputs import drop_idle_inputs
from lutloom.lower.fold_constants import fold_constants
from lutloom.lower.merge_equal_neurons import merge_equal_neurons
from lutloom.lower.pipeline import PASSES, Pass
from lutloom.lower.random_network import random_network

every_pass = pytest.mark.parametrize("run", PASSES, ids=lambda run: run.__name__)


def naive_scores(network: Network, images: NDArray[np.uint8]) -> list[list[int]]:
    """Follow the definitions, image by image and neuron by neuron."""
    result = []
    for image in images:
        levels = network.encoder.thresholds.tolist()
        bits = [int(p >= t) for p in image.ravel().tolist() for t in levels]
        for layer in network.layers:
            out = []
            for row, table in zip(layer.fan_in.tolist(), layer.table.tolist(), strict=True):
                address = sum(bits[s] << k for k, s in enumerate(row) if s != UNUSED)
                out.append(table >> address & 1)
            bits = out
        score = network.head.bias.tolist()
        for s, c in zip(network.head.source.tolist(), network.head.class_index.tolist(),
                        strict=True):  # fmt: skip
            score[c] += bits[s]
        result.append(score)
    return result


def assert_same_answers(before: Network, after: Network, images: NDArray[np.uint8]) -> None:
    """Scores may differ by one number, the same for all images and classes."""
    verify(after)
    moved = np.subtract(naive_scores(after, images), naive_scores(before, images))
    assert np.unique(moved).size <= 1, moved


def every_image(n_pixels: int, levels: tuple[int, ...] = (0, 255)) -> NDArray[np.uint8]:
    grey = list(itertools.product(levels, repeat=n_pixels))
    return np.array(grey, dtype=np.uint8).reshape(-1, 1, n_pixels)


def network_of(
    layers: list[tuple[list[list[int]], list[int]]],
    n_pixels: int,
    sources: list[int],
    classes: list[int],
    thresholds: tuple[int, ...] = (128,),
) -> Network:
    return verify(
        Network(
            ThermometerEncoder(1, n_pixels, np.array(thresholds)),
            tuple(LutLayer(f, t, range(len(t))) for f, t in layers),  # type: ignore[arg-type]
            VoteHead(sources, classes, [0] * 2),  # type: ignore[arg-type]
        )
    )


FUNCTIONS = [(k, table) for k in (1, 2, 3) for table in range(1 << (1 << k))]


def essential(k: int, table: int) -> int:
    return sum(
        any(table >> a & 1 != table >> (a ^ 1 << i) & 1 for a in range(1 << k)) for i in range(k)
    )


@every_pass
@pytest.mark.parametrize("shape", ["voted", "read", "reading"])
def test_every_small_function_keeps_its_answers_through_every_pass(run: Pass, shape: str) -> None:
    images = every_image(3)
    for k, table in FUNCTIONS:
        own = list(range(k))
        if shape == "voted":
            layers, votes = [([own], [table])], [0]
        elif shape == "read":  # by an XOR with another neuron
            layers = [([own, [2] + [UNUSED] * (k - 1)], [table, 0b10]), ([[0, 1]], [0b0110])]
            votes = [0]
        else:  # reads an inverter, a buffer and a constant
            first = ([[0], [1], [UNUSED]], [0b01, 0b10, 0b1])
            layers, votes = [first, ([own], [table])], [0]
        network = network_of(layers, 3, votes, [1])
        digest = network_digest(network)
        assert_same_answers(network, run(network), images)
        assert network_digest(network) == digest


def test_lowering_leaves_exactly_the_inputs_each_small_function_depends_on() -> None:
    for k, table in FUNCTIONS:
        network = network_of([([list(range(k))], [table])], 3, [0], [1])
        lowered = lower(network).network
        needed = essential(k, table)
        if needed == 0:
            assert lowered.layers == ()
            assert lowered.head.n_votes == 0
            assert lowered.head.bias.tolist() == [0, table & 1]
        elif needed == 1 and bin(table & ((1 << (1 << k)) - 1)).endswith("0"):
            assert lowered.layers == ()  # a buffer: the vote reads the input bit
            assert lowered.head.n_votes == 1
        else:
            assert [la.fan_in_count.tolist() for la in lowered.layers] == [[needed]]


@pytest.mark.parametrize("fan_in", [[0, 1], [1, 0], [0, 0], [0, 1, 2], [2, 1, 0], [1, 2, 1]])
def test_every_table_over_levels_of_one_pixel_keeps_its_answers(fan_in: list[int]) -> None:
    images = every_image(1, (0, 100, 200, 255))
    for table in range(1 << (1 << len(fan_in))):
        network = network_of([([fan_in], [table])], 1, [0], [1], thresholds=(50, 150, 250))
        after = drop_idle_inputs(network)
        assert_same_answers(network, after, images)
        possible = {naive_scores(network, images[i : i + 1])[0][1] for i in range(4)}
        if len(possible) == 1:
            assert after.layers[0].fan_in_count.tolist() == [0]


networks = st.builds(
    random_network,
    st.integers(0, 1 << 32),
    st.lists(st.integers(1, 12), max_size=5).map(tuple),
    fan_in=st.integers(1, 6),
    n_classes=st.integers(2, 5),
    image=st.just((2, 3)),
    thresholds=st.sampled_from([(128,), (60, 120, 240)]),
    waste=st.sampled_from([0.0, 0.3, 0.8]),
)
IMAGES = np.random.default_rng(4).choice(np.array([0, 60, 128, 240], np.uint8), size=(24, 2, 3))


@every_pass
@settings(max_examples=60, deadline=None)
@given(network=networks)
def test_random_networks_keep_their_answers(run: Pass, network: Network) -> None:
    after = run(network)
    assert_same_answers(network, after, IMAGES)
    assert network_digest(run(network)) == network_digest(after)


@settings(max_examples=60, deadline=None)
@given(network=networks)
def test_lowering_to_the_end_keeps_answers_and_can_do_no_more(network: Network) -> None:
    lowered = lower(network, IMAGES).network
    assert_same_answers(network, lowered, IMAGES)
    assert network_digest(lower(lowered).network) == network_digest(lowered)
    assert lowered.n_neurons <= network.n_neurons
    assert len(lowered.layers) <= len(network.layers)


def test_constants_become_bias_without_what_classes_share() -> None:
    network = network_of([([[0], [UNUSED], [UNUSED]], [0b10, 1, 1])], 2, [0, 1, 2, 1], [0, 0, 1, 1])
    folded = fold_constants(network)
    assert folded.head.source.tolist() == [0]
    assert folded.head.bias.tolist() == [0, 1]


def test_constants_run_through_layers() -> None:
    layers = [([[0]], [0b00]), ([[0]], [0b01]), ([[0]], [0b10])]
    folded = fold_constants(network_of(layers, 1, [0], [1]))
    assert [la.fan_in_count.tolist() for la in folded.layers] == [[0]] * 3
    assert folded.head.bias.tolist() == [0, 1]


def test_dead_neurons_go_and_the_rest_keeps_its_origin() -> None:
    layers = [([[0], [1], [0]], [0b10, 0b10, 0b01]), ([[1], [2]], [0b10, 0b10])]
    after = drop_dead_neurons(network_of(layers, 2, [1], [0]))
    assert [la.origin.tolist() for la in after.layers] == [[2], [1]]
    assert after.layers[1].fan_in.tolist() == [[0]]


def test_layers_before_constants_go() -> None:
    layers = [([[0]], [0b10]), ([[UNUSED]], [1])]
    after = drop_dead_neurons(network_of(layers, 1, [0], [0]))
    assert [la.origin.tolist() for la in after.layers] == [[0]]


def test_equal_neurons_merge_whatever_the_order_of_their_inputs() -> None:
    layers = [([[0, 1], [1, 0], [1, 0]], [0b0010, 0b0100, 0b0010])]
    after = merge_equal_neurons(network_of(layers, 2, [0, 1, 2], [0, 1, 1]))
    assert after.layers[0].origin.tolist() == [0, 2]
    assert after.head.source.tolist() == [0, 0, 1]


def test_merges_reach_the_layers_behind() -> None:
    layers = [([[0], [0]], [0b10, 0b10]), ([[0], [1]], [0b01, 0b01])]
    after = merge_equal_neurons(network_of(layers, 1, [0, 1], [0, 1]))
    assert [la.n_neurons for la in after.layers] == [1, 1]


def test_complements_become_equal_but_votes_are_never_inverted() -> None:
    layers = [([[0, 1], [0, 1]], [0b1000, 0b0111]), ([[0, 1], [0, 1]], [0b0111, 0b0110])]
    network = network_of(layers, 2, [0, 1], [0, 1])
    after = absorb_inverters(network)
    assert after.layers[0].table.tolist() == [0b1000, 0b1000]
    assert after.layers[1].table.tolist() == [0b1101, 0b1001]
    assert_same_answers(network, after, every_image(2))


WIRES = ([[1], [0]], [0b01, 0b10])
GATES = ([[0, 1], [0, 1]], [0b1000, 0b0010])


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        ([WIRES, GATES], 1),
        ([GATES, WIRES], 1),
        ([WIRES, WIRES], 1),
        ([GATES, WIRES, WIRES, GATES, WIRES], 2),
        ([([[1], [0]], [0b10, 0b10])], 0),
        ([WIRES], 1),
        ([GATES, ([[1, UNUSED], [0, 1]], [0b10, 0b0110])], 2),
    ],
)
def test_layers_of_wires_disappear(
    layers: list[tuple[list[list[int]], list[int]]], left: int
) -> None:
    network = network_of(layers, 2, [0, 1], [0, 1])
    after = absorb_buffers(network)
    assert len(after.layers) == left
    assert_same_answers(network, after, every_image(2))
