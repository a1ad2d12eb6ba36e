"""Classes in groups: the cut loses no answer, the chain no image, and every rank is short."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom import ir
from lutloom.lower import lower
from lutloom.lower.random_network import random_network
from lutloom_hw.class_groups import ClassGroups, plan_chains, split_classes
from lutloom_hw.usage import used_input_bits


def make_network(seed, widths=(30, 20), n_classes=5, **options):
    return random_network(seed, widths, n_classes=n_classes, image=(5, 6), **options)


def images_of(network, n=60):
    encoder = network.encoder
    shape = (n, encoder.height, encoder.width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 1000),
    st.lists(st.integers(5, 30), max_size=3),
    st.integers(2, 7),
    st.integers(1, 9),
    st.booleans(),
)
def test_each_part_scores_its_classes_as_the_whole_does(seed, widths, n_classes, n_groups, lowered):
    network = make_network(seed, tuple(widths), n_classes, waste=0.2)
    if lowered:
        network = lower(network).network
    images = images_of(network)
    parts = split_classes(network, n_groups)
    scores = np.concatenate([ir.scores(part, images) for part in parts], axis=1)
    assert np.array_equal(scores, ir.scores(network, images))
    assert len(parts) == min(n_groups, n_classes)


def test_a_part_holds_only_what_it_needs():
    network = lower(make_network(3)).network
    for part in split_classes(network, 5):
        needed = np.unique(part.head.source)
        for layer in reversed(part.layers):
            assert np.array_equal(needed, np.arange(layer.n_neurons))
            needed = np.unique(layer.fan_in[layer.fan_in != ir.UNUSED])


@pytest.mark.parametrize("n", range(1, 12))
def test_chains_start_in_the_middle_and_reach_every_group_once(n):
    hops = plan_chains(n)
    assert [hop.group for hop in hops] == list(range(n))
    by_group = {hop.group: hop for hop in hops}
    for hop in hops:
        if hop.after is None:
            assert hop.distance == 0
        else:
            assert abs(hop.after - hop.group) == 1
            assert hop.distance == by_group[hop.after].distance + 1
    assert sum(hop.after is None for hop in hops) == min(n, 2)
    assert max(hop.distance for hop in hops) <= n // 2


def make_groups(network, n_groups, score_ranks=2):
    return ClassGroups(
        network, n_groups=n_groups, score_ranks=score_ranks, lut_style="expression",
        vote_form="compressor", vote_register_every=1,
    )  # fmt: skip


@pytest.mark.parametrize("n_groups", [1, 2, 3, 5])
@pytest.mark.parametrize("score_ranks", [0, 2])
def test_scores_of_one_image_a_clock(check_stage, n_groups, score_ranks):
    network = make_network(7)
    groups = make_groups(network, n_groups, score_ranks)
    bits = network.encoder.encode(images_of(network))
    assert np.array_equal(groups.model(bits), ir.scores(network, images_of(network)))
    check_stage(groups, bits)


def test_a_rank_holds_its_own_bits_and_those_of_the_ranks_behind_it():
    network = lower(make_network(5)).network
    groups = make_groups(network, 5)
    held = {hop.group: set(groups.groups[hop.group].held.tolist()) for hop in groups.hops}
    parts = split_classes(network, 5)
    behind = {hop.after: hop.group for hop in groups.hops}
    for hop in groups.hops:
        wanted = set(used_input_bits(parts[hop.group]).tolist())
        if hop.group in behind:
            wanted |= held[behind[hop.group]]
        assert held[hop.group] == wanted
