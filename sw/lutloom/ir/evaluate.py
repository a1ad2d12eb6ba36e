"""The interpreter: 64 images a word, every layer by multiplexing its tables.

It is the reference every other executor (torch, ONNX Runtime, RTL, netlist) is compared with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.ir.network import LutLayer, Network, VoteHead
from lutloom.ir.packed import pack_images, unpack_images

_CHUNK_BITS = 1 << 28
"""Intermediate bits a step may hold; keeps memory flat whatever the network or data set."""

_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def _evaluate_tables(
    table: NDArray[np.uint64], inputs: list[NDArray[np.uint64]]
) -> NDArray[np.uint64]:
    """Evaluate neurons of one fan-in: ``table[n]``, ``inputs[k][n, words]`` -> ``[n, words]``."""
    n_entries = 1 << len(inputs)
    entries = [
        np.where((table >> np.uint64(a)) & np.uint64(1), _ONES, np.uint64(0))[:, None]
        for a in range(n_entries)
    ]
    for signal in inputs:  # address bit 0 first: it tells neighbouring entries apart
        entries = [
            low ^ ((low ^ high) & signal)
            for low, high in zip(entries[0::2], entries[1::2], strict=True)
        ]
    return entries[0]


def _evaluate_layer(layer: LutLayer, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    out = np.empty((layer.n_neurons, words.shape[1]), dtype=np.uint64)
    for count in np.unique(layer.fan_in_count):
        neurons = np.flatnonzero(layer.fan_in_count == count)
        step = max(1, _CHUNK_BITS // (64 * max(1, words.shape[1]) * (1 << int(count))))
        for start in range(0, neurons.size, step):
            some = neurons[start : start + step]
            inputs = [words[layer.fan_in[some, k]] for k in range(int(count))]
            out[some] = _evaluate_tables(layer.table[some], inputs)
    return out


def evaluate_layers(network: Network, words: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    """Evaluate every layer on packed input bits.

    Parameters
    ----------
    network : Network
    words : uint64[n_bits, n_words]
        Encoded images from :func:`~lutloom.ir.pack_images`.

    Returns
    -------
    list of uint64[n_neurons, n_words]
        One array a layer, in order; spare bits of the last word are not meaningful.
    """
    outputs = []
    for layer in network.layers:
        words = _evaluate_layer(layer, words)
        outputs.append(words)
    return outputs


def vote_scores(head: VoteHead, bits: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Count votes by class.

    Parameters
    ----------
    head : VoteHead
    bits : uint8[n_images, n_outputs]
        The last layer's outputs, zeros and ones.

    Returns
    -------
    int32[n_images, n_classes]
    """
    result = np.tile(head.bias, (len(bits), 1)).astype(np.int32)
    ends = np.searchsorted(head.class_index, np.arange(head.n_classes + 1))
    for c in range(head.n_classes):
        votes = bits[:, head.source[ends[c] : ends[c + 1]]]
        result[:, c] += votes.sum(axis=1, dtype=np.int32)
    return result


def scores(network: Network, images: NDArray[np.uint8], batch: int = 8192) -> NDArray[np.int32]:
    """Score images by class.

    Parameters
    ----------
    network : Network
    images : uint8[n, height, width]
    batch : int
        Images at a time; bounds the memory.

    Returns
    -------
    int32[n, n_classes]
    """
    parts = [np.empty((0, network.n_classes), dtype=np.int32)]
    for start in range(0, len(images), batch):
        some = images[start : start + batch]
        bits = network.encoder.encode(some)
        if network.layers:
            last = evaluate_layers(network, pack_images(bits))[-1]
            bits = unpack_images(last, len(some))
        parts.append(vote_scores(network.head, bits))
    return np.concatenate(parts)


def classify(network: Network, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Answer with a class for each image; ties go to the lowest class index.

    Parameters
    ----------
    network : Network
    images : uint8[n, height, width]

    Returns
    -------
    int64[n]
    """
    classes: NDArray[np.int64] = scores(network, images).argmax(axis=1).astype(np.int64)
    return classes
