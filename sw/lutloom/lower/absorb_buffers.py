"""Remove layers that only pass signals on: one layer less is one clock less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import UNUSED, LutLayer, Network, VoteHead
from lutloom.lower.truth_table import flip, shorten, spread

_BUFFER, _INVERTER = np.uint64(0b10), np.uint64(0b01)


def _only_wires(layer: LutLayer) -> bool:
    """Tell whether every neuron is a buffer or an inverter of one input."""
    wire = (layer.table == _BUFFER) | (layer.table == _INVERTER)
    return bool(((layer.fan_in_count == 1) & wire).all())


def _read_through(reader: LutLayer, wires: LutLayer) -> LutLayer:
    """Let a layer read what the wires before it read."""
    full = spread(reader.table, reader.fan_in_count)
    inverted = wires.table == _INVERTER
    fan_in = np.full(reader.fan_in.shape, UNUSED, dtype=np.int32)
    for k, source in enumerate(reader.fan_in.T):
        used = source != UNUSED
        rows = np.flatnonzero(used & inverted[source])
        full[rows] = flip(full[rows], k)
        fan_in[:, k] = np.where(used, wires.fan_in[source, 0], UNUSED)
    return LutLayer(fan_in, shorten(full, reader.fan_in_count), reader.origin)


def _move_up(wires: LutLayer, before: LutLayer) -> LutLayer:
    """Let each wire compute what it reads: one layer out of two."""
    source = wires.fan_in[:, 0]
    count = before.fan_in_count[source]
    full = spread(before.table[source], count)
    full = np.where(wires.table == _INVERTER, ~full, full)
    return LutLayer(before.fan_in[source], shorten(full, count), wires.origin)


def _vote_through(head: VoteHead, wires: LutLayer) -> VoteHead:
    source: NDArray[np.int32] = wires.fan_in[head.source, 0]
    return VoteHead(source, head.class_index, head.bias)


def absorb_buffers(network: Network) -> Network:
    """Compose every layer of wires (buffers and inverters) into its readers.

    In the last layer, votes read the layer before if nothing is inverted; otherwise the last two
    layers become one, with no more neurons than the last layer had.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        With fewer layers wherever one had only wires.
    """
    layers: list[LutLayer] = []
    wires: LutLayer | None = None
    for layer in network.layers:
        through = layer if wires is None else _read_through(layer, wires)
        wires = through if _only_wires(through) else None
        if wires is None:
            layers.append(through)
    head = network.head
    if wires is not None:
        if (wires.table == _BUFFER).all():
            head = _vote_through(head, wires)
        else:
            layers = [*layers[:-1], _move_up(wires, layers[-1])] if layers else [wires]
    return Network(network.encoder, tuple(layers), head)
