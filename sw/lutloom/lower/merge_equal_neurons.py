"""Merge neurons of a layer that compute the same function of the same inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import LutLayer, Network, VoteHead
from lutloom.lower.drop_dead_neurons import keep_neurons, renumber_inputs
from lutloom.lower.truth_table import sort_inputs, spread


def _first_equal(layer: LutLayer) -> NDArray[np.integer]:
    """Give each neuron the lowest-numbered neuron equal to it."""
    fan_in, full = sort_inputs(layer.fan_in, spread(layer.table, layer.fan_in_count))
    order = np.lexsort((full, *fan_in.T))  # stable: the first of a run has the lowest number
    fresh = np.ones(order.size, dtype=bool)
    fresh[1:] = full[order][1:] != full[order][:-1]
    for column in fan_in.T:
        fresh[1:] |= column[order][1:] != column[order][:-1]
    first = np.empty(order.size, dtype=order.dtype)
    first[order] = order[fresh][np.cumsum(fresh) - 1]
    return first


def merge_equal_neurons(network: Network) -> Network:
    """Merge forwards, so that neurons made equal by a merge before them merge too.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        One neuron may vote several times, for one class or several.
    """
    head, layers = network.head, []
    number = np.arange(network.encoder.n_bits)
    for layer in network.layers:
        renamed = renumber_inputs(layer, number)
        kept, number = np.unique(_first_equal(renamed), return_inverse=True)
        layers.append(keep_neurons(renamed, kept))
    head = VoteHead(number[head.source].astype(np.int32), head.class_index, head.bias)
    return Network(network.encoder, tuple(layers), head)
