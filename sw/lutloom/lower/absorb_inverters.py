"""Give every hidden neuron one polarity: 0 when all its inputs are 0; its readers invert."""

from __future__ import annotations

import numpy as np

from lutloom.ir import UNUSED, LutLayer, Network
from lutloom.lower.truth_table import Words, flip, shorten, spread


def absorb_inverters(network: Network) -> Network:
    """Invert hidden neurons whose table begins with 1, and that input of all that read them.

    Inverters become buffers, and a neuron and its complement become equal.  The last layer keeps
    its polarity: votes cannot invert.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
    """
    tables: list[Words] = [spread(la.table, la.fan_in_count) for la in network.layers]
    for index, reader in enumerate(network.layers[1:]):
        inverted = (tables[index] & np.uint64(1)) == 1
        tables[index] = np.where(inverted, ~tables[index], tables[index])
        for k, source in enumerate(reader.fan_in.T):
            rows = np.flatnonzero((source != UNUSED) & inverted[source])
            tables[index + 1][rows] = flip(tables[index + 1][rows], k)
    layers = tuple(
        LutLayer(la.fan_in, shorten(full, la.fan_in_count), la.origin)
        for la, full in zip(network.layers, tables, strict=True)
    )
    return Network(network.encoder, layers, network.head)
