"""Accuracy against size: the same network with votes left out, not retrained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.compare.results import TradeOff

SHARES = (1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1.0)
"""Shares of each class's votes that are kept, one point each."""


def trade_off(
    network: ir.Network, images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> tuple[TradeOff, ...]:
    """Measure smaller networks made by leaving votes out.

    Parameters
    ----------
    network : ir.Network
    images : uint8[n, height, width]
    labels : int64[n]

    Returns
    -------
    tuple of TradeOff
        Rising in size; the last is the whole network.
    """
    points = {}
    for share in SHARES:
        smaller = keep_votes(network, share)
        right = ir.classify(smaller, images) == labels
        point = TradeOff(
            votes_per_class=-(-smaller.head.n_votes // smaller.n_classes),
            neurons=smaller.n_neurons,
            lut4=lut4_count(smaller),
            accuracy=float(right.mean()),
        )
        points[point.neurons] = point
    return tuple(points[size] for size in sorted(points))


def keep_votes(network: ir.Network, share: float) -> ir.Network:
    """Keep a share of each class's votes, spread evenly, and what they depend on.

    Parameters
    ----------
    network : ir.Network
    share : float
        0..1; at least one vote a class stays.

    Returns
    -------
    ir.Network
    """
    from lutloom.lower.drop_dead_neurons import drop_dead_neurons

    head = network.head
    kept = []
    for c in range(head.n_classes):
        votes = np.flatnonzero(head.class_index == c)
        count = min(votes.size, max(1, round(share * votes.size)))
        kept.append(votes[np.linspace(0, votes.size - 1, count).round().astype(np.int64)])
    chosen = np.concatenate(kept)
    smaller = ir.VoteHead(head.source[chosen], head.class_index[chosen], head.bias)
    return ir.verify(drop_dead_neurons(ir.Network(network.encoder, network.layers, smaller)))


def lut4_count(network: ir.Network) -> int:
    """Count the LUT4s of the neurons: one up to fan-in 4, then double for each more input."""
    return sum(int((1 << np.maximum(layer.fan_in_count - 4, 0)).sum()) for layer in network.layers)
