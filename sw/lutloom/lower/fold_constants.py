"""Put neurons that never change into the tables, or the bias, of those that read them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import UNUSED, LutLayer, Network, VoteHead
from lutloom.lower.truth_table import ONES, compact, set_input, spread

_VARIES = -1


def _fold_layer(layer: LutLayer, known: NDArray[np.int8]) -> LutLayer:
    """Fold inputs of known value; ``known`` is 0, 1 or -1 (varies) for each of them."""
    full = spread(layer.table, layer.fan_in_count)
    idle = np.zeros(layer.fan_in.shape, dtype=bool)
    for k, source in enumerate(layer.fan_in.T):
        value = np.where(source == UNUSED, _VARIES, known[source])
        for constant in (0, 1):
            rows = np.flatnonzero(value == constant)
            full[rows] = set_input(full[rows], k, bool(constant))
        idle[:, k] = value != _VARIES
    idle[(full == 0) | (full == ONES)] = True
    return compact(layer.fan_in, full, idle, layer.origin)


def _fold_vote(head: VoteHead, known: NDArray[np.int8]) -> VoteHead:
    value = known[head.source]
    set_votes = head.class_index[value == 1]
    bias = head.bias + np.bincount(set_votes, minlength=head.n_classes).astype(np.int32)
    varies = value == _VARIES
    return VoteHead(head.source[varies], head.class_index[varies], bias - bias.min())


def fold_constants(network: Network) -> Network:
    """Fold constants forwards through all layers into the vote's bias.

    Constant neurons stay, read by none; :func:`~lutloom.lower.drop_dead_neurons` removes them.
    What the biases have in common is taken off, so scores may fall by one number for all classes.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
    """
    known = np.full(network.encoder.n_bits, _VARIES, dtype=np.int8)
    layers = []
    for layer in network.layers:
        folded = _fold_layer(layer, known)
        layers.append(folded)
        known = np.where(folded.fan_in_count == 0, folded.table.astype(np.int8), np.int8(_VARIES))
    return Network(network.encoder, tuple(layers), _fold_vote(network.head, known))
