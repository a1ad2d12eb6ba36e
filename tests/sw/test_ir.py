"""The interpreter against a naive one, and every rule of the representation broken once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom.errors import InvalidNetworkError
from lutloom.ir import (
    UNUSED,
    LutLayer,
    Network,
    ThermometerEncoder,
    VoteHead,
    classify,
    network_digest,
    pack_images,
    scores,
    unpack_images,
    verify,
)


def make_network(seed: int, widths: tuple[int, ...] = (30, 20), fan_in_max: int = 6) -> Network:
    rng = np.random.default_rng(seed)
    encoder = ThermometerEncoder(5, 4, [60, 120, 200])
    layers, n_inputs = [], encoder.n_bits
    for width in widths:
        fan_in = rng.integers(0, n_inputs, (width, fan_in_max))
        count = rng.integers(0, fan_in_max + 1, width)
        fan_in[np.arange(fan_in_max) >= count[:, None]] = UNUSED
        word = rng.integers(0, 2**63, width, dtype=np.uint64) * np.uint64(2) + rng.integers(
            0, 2, width, dtype=np.uint64
        )
        mask = np.array([2 ** (2**c) - 1 for c in count.tolist()], dtype=np.uint64)
        layers.append(LutLayer(fan_in, word & mask, np.arange(width)))
        n_inputs = width
    classes = np.sort(rng.integers(0, 3, 25))
    head = VoteHead(rng.integers(0, n_inputs, 25), classes, rng.integers(0, 4, 3))
    return Network(encoder, tuple(layers), head)


def naive_class(network: Network, image: np.ndarray) -> int:
    bits = [
        int(pixel >= level) for pixel in image.flatten() for level in network.encoder.thresholds
    ]
    for layer in network.layers:
        out = []
        for fan_in, table in zip(layer.fan_in.tolist(), layer.table.tolist(), strict=True):
            address = sum(bits[source] << k for k, source in enumerate(fan_in) if source != UNUSED)
            out.append(table >> address & 1)
        bits = out
    votes = network.head.bias.tolist()
    for source, c in zip(network.head.source, network.head.class_index, strict=True):
        votes[c] += bits[source]
    return max(range(len(votes)), key=lambda c: (votes[c], -c))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 130), depth=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_classify_agrees_with_one_bit_at_a_time(seed, n, depth):
    network = verify(make_network(seed, widths=(17,) * depth or ()) if depth else _no_layers(seed))
    images = np.random.default_rng(seed).integers(0, 256, (n, 5, 4), dtype=np.uint8)
    assert classify(network, images).tolist() == [naive_class(network, i) for i in images]


def _no_layers(seed: int) -> Network:
    network = make_network(seed)
    rng = np.random.default_rng(seed)
    head = replace(network.head, source=rng.integers(0, network.encoder.n_bits, 25))
    return Network(network.encoder, (), head)


def test_every_table_of_three_inputs():
    encoder = ThermometerEncoder(1, 3, [128])
    images = np.array([[[255 * (a >> k & 1) for k in range(3)]] for a in range(8)], dtype=np.uint8)
    for table in range(256):
        layer = LutLayer([[0, 1, 2]], [table], [0])
        network = verify(Network(encoder, (layer,), VoteHead([0], [1], [0, 0])))
        assert scores(network, images)[:, 1].tolist() == [table >> a & 1 for a in range(8)]


def test_ties_go_to_the_lowest_class():
    encoder = ThermometerEncoder(1, 1, [1])
    head = VoteHead([0, 0, 0], [1, 2, 3], [0, 0, 0, 0])
    network = verify(Network(encoder, (), head))
    assert classify(network, np.array([[[0]], [[9]]], dtype=np.uint8)).tolist() == [0, 1]


def test_no_images_give_no_answers():
    assert classify(make_network(0), np.empty((0, 5, 4), dtype=np.uint8)).shape == (0,)


@given(n=st.integers(1, 200), signals=st.integers(1, 9), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_packing_is_undone_by_unpacking(n, signals, seed):
    bits = np.random.default_rng(seed).integers(0, 2, (n, signals), dtype=np.uint8)
    words = pack_images(bits)
    assert words.shape == (signals, -(-n // 64))
    assert (unpack_images(words, n) == bits).all()
    assert int(words[0, 0]) & 1 == bits[0, 0]


def test_digest_sees_every_integer_but_no_names():
    network = make_network(1)
    layer = network.layers[0]
    flipped = layer.table.copy()
    flipped[np.argmax(layer.fan_in_count > 0)] ^= np.uint64(1)
    changed = replace(network, layers=(replace(layer, table=flipped), *network.layers[1:]))
    renamed = replace(
        network, layers=(replace(layer, origin=layer.origin + 5), *network.layers[1:])
    )
    biased = replace(network, head=replace(network.head, bias=[9, 0, 0]))
    assert network_digest(changed) != network_digest(network)
    assert network_digest(biased) != network_digest(network)
    assert network_digest(renamed) == network_digest(network)


def test_columns_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        make_network(0).layers[0].table[0] = 1


def _with_layer(**columns) -> Network:
    network = make_network(2)
    good = {"fan_in": [[0, 1]], "table": [6], "origin": [0]}
    layer = LutLayer(**(good | columns))
    return Network(network.encoder, (layer,), VoteHead([0], [1], [0, 0]))


def _with_head(**columns) -> Network:
    network = make_network(2)
    return replace(
        network, head=VoteHead(**({"source": [0], "class_index": [1], "bias": [0, 0]} | columns))
    )


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (_with_layer(fan_in=[[0, 60]]), r"layer 1, neuron 0: fan-in must point at outputs 0\.\.59"),
        (_with_layer(fan_in=[[-2, 1]]), "layer 1, neuron 0: fan-in must point"),
        (_with_layer(fan_in=[[UNUSED, 1]], table=[1]), "unused slots must come last"),
        (_with_layer(table=[16]), "table must have 4 bits, not 0x10"),
        (_with_layer(table=[6, 6]), "table and origin must have one row"),
        (_with_layer(fan_in=[[0] * 7]), r"fan-in must be 0\.\.6, not 7; lower 'fan_in'"),
        (_with_head(source=[20]), r"vote 0: source must be 0\.\.19, not 20"),
        (_with_head(class_index=[2]), r"vote 0: class_index must be 0\.\.1, not 2"),
        (_with_head(source=[0, 0], class_index=[1, 0]), "class_index must never fall"),
        (_with_head(bias=[0, -1]), "bias must not be negative"),
        (_with_head(class_index=[0], bias=[0]), r"classes must be 2\.\.100, not 1"),
        (replace(make_network(0), encoder=ThermometerEncoder(5, 4, [9, 9, 10])), "rise strictly"),
        (replace(make_network(0), encoder=ThermometerEncoder(65, 4, [9])), r"must be 1\.\.64"),
    ],
)
def test_each_broken_rule_is_named(network, says):
    with pytest.raises(InvalidNetworkError, match=says):
        verify(network)
