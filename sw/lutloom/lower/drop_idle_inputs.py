"""Drop inputs that never decide an output: unread address bits, repeats, impossible addresses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import UNUSED, LutLayer, Network
from lutloom.lower.truth_table import (
    ONES,
    Words,
    compact,
    differs,
    implies,
    join,
    set_input,
    spread,
)


def _possible_addresses(fan_in: NDArray[np.int32], n_thresholds: int) -> Words:
    """Give the addresses that thermometer bits can form: a higher level implies the lower ones."""
    care = np.full(len(fan_in), ONES)
    pixel, level = fan_in // n_thresholds, fan_in % n_thresholds
    for high in range(fan_in.shape[1]):
        for low in range(fan_in.shape[1]):
            together = (fan_in[:, high] != UNUSED) & (pixel[:, high] == pixel[:, low])
            rows = together & (level[:, high] > level[:, low])
            care[rows] &= implies(high, low)
    return care


def _reduce(layer: LutLayer, n_thresholds: int | None) -> LutLayer:
    """Reduce one layer; ``n_thresholds`` is given where it reads the encoder."""
    fan_in = layer.fan_in.copy()
    full = spread(layer.table, layer.fan_in_count)
    slots = fan_in.shape[1]
    idle = fan_in == UNUSED
    for k in range(slots):
        for other in range(k + 1, slots):
            rows = np.flatnonzero((fan_in[:, k] == fan_in[:, other]) & ~idle[:, other])
            full[rows] = join(full[rows], k, other)
            idle[rows, other] = True
    fan_in[idle] = UNUSED
    if n_thresholds is None:
        care = np.full(len(fan_in), ONES)
    else:
        care = _possible_addresses(fan_in, n_thresholds)
    for k in range(slots):
        rows = np.flatnonzero(~differs(full, care, k))
        table, possible = full[rows] & care[rows], care[rows]
        full[rows] = set_input(table, k, False) | set_input(table, k, True)
        care[rows] = set_input(possible, k, False) | set_input(possible, k, True)
        idle[rows, k] = True
    return compact(fan_in, full & care, idle, layer.origin)


def drop_idle_inputs(network: Network) -> Network:
    """Drop every input that never decides its neuron's output.

    Where a neuron of layer 1 reads one pixel at two levels, some addresses cannot occur; they are
    used to drop inputs and are 0 in the tables that remain.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        With the same answers for every image (not for bits that no image encodes to).
    """
    layers = tuple(
        _reduce(layer, network.encoder.n_thresholds if index == 0 else None)
        for index, layer in enumerate(network.layers)
    )
    return Network(network.encoder, layers, network.head)
