"""Who reads what: the input bits a network uses, and the region each first reader is in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom import ir


def first_readers(network: ir.Network) -> NDArray[np.int32]:
    """Give what the first readers of the input bits read: layer 1's wiring, or the vote's.

    Parameters
    ----------
    network : ir.Network

    Returns
    -------
    int32[n_readers, k]
        Input bits, :data:`ir.UNUSED` where a slot is not connected.
    """
    if network.layers:
        return network.layers[0].fan_in
    return network.head.source[:, None]


def used_input_bits(network: ir.Network) -> NDArray[np.int32]:
    """Give the input bits that anything reads, rising.

    Parameters
    ----------
    network : ir.Network

    Returns
    -------
    int32[n_used]
    """
    read = np.unique(first_readers(network))
    used: NDArray[np.int32] = read[read != ir.UNUSED].astype(np.int32)
    return used


def reader_regions(network: ir.Network) -> NDArray[np.int32]:
    """Give each first reader a region: the lowest class it has a part in.

    A reader's class is found by walking the network backwards from the votes; a neuron that
    feeds nothing belongs to class 0.

    Parameters
    ----------
    network : ir.Network

    Returns
    -------
    int32[n_readers]
        ``0..n_classes - 1``.
    """
    head = network.head
    if not network.layers:
        return head.class_index
    nobody = head.n_classes
    region = np.full(network.layers[-1].n_neurons, nobody, dtype=np.int32)
    np.minimum.at(region, head.source, head.class_index)
    for index in range(len(network.layers) - 1, 0, -1):
        layer = network.layers[index]
        below = np.full(network.layer_input_size(index), nobody, dtype=np.int32)
        used = layer.fan_in != ir.UNUSED
        readers = np.broadcast_to(region[:, None], layer.fan_in.shape)
        np.minimum.at(below, layer.fan_in[used], readers[used])
        region = below
    return np.where(region == nobody, 0, region).astype(np.int32)
