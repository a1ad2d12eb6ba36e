"""Who reads what: the input bits a network uses."""

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
