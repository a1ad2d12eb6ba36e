"""Drop neurons that no vote depends on, and layers before which nothing is left to read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import UNUSED, LutLayer, Network, VoteHead


def keep_neurons(layer: LutLayer, kept: NDArray[np.integer]) -> LutLayer:
    """Select some neurons of a layer.

    Parameters
    ----------
    layer : LutLayer
    kept : int[n_kept]
        Neuron numbers, rising.

    Returns
    -------
    LutLayer
        With the ``fan_in`` columns that are still used.
    """
    slots = layer.fan_in_count[kept].max(initial=0)
    return LutLayer(
        fan_in=layer.fan_in[kept, :slots], table=layer.table[kept], origin=layer.origin[kept]
    )


def renumber_inputs(layer: LutLayer, number: NDArray[np.integer]) -> LutLayer:
    """Rename what a layer reads.

    Parameters
    ----------
    layer : LutLayer
    number : int[n_inputs]
        The new number of every old input.

    Returns
    -------
    LutLayer
    """
    fan_in = np.where(layer.fan_in == UNUSED, UNUSED, number[layer.fan_in])
    return LutLayer(fan_in=fan_in, table=layer.table, origin=layer.origin)


def drop_dead_neurons(network: Network) -> Network:
    """Drop backwards from the vote everything that is not read.

    If all neurons of a layer are constants, the layers before it are dropped too, and with no vote
    left there are no layers at all.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
    """
    head, read = network.head, network.head.source
    layers: list[LutLayer] = []
    for layer in reversed(network.layers):
        kept = np.unique(read)
        if kept.size == 0:
            break
        number = np.zeros(layer.n_neurons, dtype=np.int32)
        number[kept] = np.arange(kept.size, dtype=np.int32)
        if layers:
            layers[-1] = renumber_inputs(layers[-1], number)
        else:
            head = VoteHead(number[head.source], head.class_index, head.bias)
        layers.append(keep_neurons(layer, kept))
        read = layers[-1].fan_in[layers[-1].fan_in != UNUSED]
    return Network(network.encoder, tuple(reversed(layers)), head)
