"""Draw networks for tests and benchmarks, with as much to lower as asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import UNUSED, LutLayer, Network, ThermometerEncoder, VoteHead, verify
from lutloom.lower.truth_table import shorten


def _random_layer(
    rng: np.random.Generator, n: int, n_inputs: int, fan_in: int, waste: float
) -> LutLayer:
    sources = rng.integers(0, n_inputs, (n, fan_in), dtype=np.int32)
    table = rng.integers(0, 1 << 64, n, dtype=np.uint64, endpoint=False)
    fewer = rng.random(n) < waste  # open slots, some down to constants, buffers and inverters
    count = np.where(fewer, rng.integers(0, fan_in + 1, n), fan_in)
    sources[np.arange(fan_in) >= count[:, None]] = UNUSED
    copied = np.flatnonzero(rng.random(n) < waste / 2)
    if copied.size:
        model = rng.integers(0, n, copied.size)
        sources[copied], table[copied] = sources[model], table[model]
        table[copied[::2]] ^= np.uint64(0xFFFF_FFFF_FFFF_FFFF)  # every other one complemented
    count = (sources != UNUSED).sum(axis=1)
    return LutLayer(sources, shorten(table, count), np.arange(n, dtype=np.int32))


def random_network(
    seed: int,
    widths: tuple[int, ...],
    *,
    fan_in: int = 4,
    n_classes: int = 10,
    image: tuple[int, int] = (28, 28),
    thresholds: tuple[int, ...] = (32, 96, 160),
    waste: float = 0.0,
) -> Network:
    """Draw a network of random wiring and tables, the same one for the same arguments.

    Parameters
    ----------
    seed : int
    widths : tuple of int
        Neurons of each layer.
    fan_in : int
        Inputs of a neuron, 1 to 6.
    n_classes : int
        Classes; neurons of the last layer vote for them in turn, in equal blocks if they divide.
    image : (int, int)
        Height and width in pixels.
    thresholds : tuple of int
    waste : float
        Share of neurons that are constant, wire, smaller than ``fan_in``, or nearly copies.

    Returns
    -------
    Network
        Verified.
    """
    rng = np.random.default_rng(seed)
    encoder = ThermometerEncoder(*image, thresholds=np.array(thresholds, dtype=np.uint8))
    layers, n_inputs = [], encoder.n_bits
    for width in widths:
        layers.append(_random_layer(rng, width, n_inputs, fan_in, waste))
        n_inputs = width
    n_votes = n_inputs if widths else min(n_inputs, 4 * n_classes)
    votes: NDArray[np.int32] = np.arange(n_votes, dtype=np.int32)
    head = VoteHead(votes, votes * n_classes // n_votes, np.zeros(n_classes, dtype=np.int32))
    return verify(Network(encoder, tuple(layers), head))
