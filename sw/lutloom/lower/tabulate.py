"""Turn what each neuron learnt into its truth table: the sign of a counter, or a sum enumerated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.files.model_state import LayerState, ModelState, vote_head
from lutloom.ir import LutLayer, Network


def _pack(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack ``bool[n, 2**k]`` to ``uint64[n]``, entry ``a`` to bit ``a``."""
    table = np.zeros(len(bits), dtype=np.uint64)
    for a, column in enumerate(bits.T):
        table |= column.astype(np.uint64) << np.uint64(a)
    return table


def _enumerate_sums(layer: LayerState) -> NDArray[np.bool_]:
    """Compare the weighted sum with the threshold at every address: ``bool[n, 2**k]``.

    Sums run in float64 from input 0 upwards, so they round the same way everywhere.
    """
    assert layer.weight is not None
    assert layer.polarity_in is not None
    assert layer.threshold is not None
    signed = layer.weight.astype(np.float64) * layer.polarity_in
    n, slots = signed.shape
    total = np.zeros((n, 1 << slots))
    address = np.arange(1 << slots)
    for k in range(slots):
        total[:, (address >> k & 1) == 1] += signed[:, k, None]
    return np.asarray(total > layer.threshold.astype(np.float64)[:, None])


def tabulate(state: ModelState) -> Network:
    """Build the network of tables of a trained state, neuron for neuron.

    Parameters
    ----------
    state : ModelState

    Returns
    -------
    Network
        ``origin`` numbers the neurons of each trained layer.
    """
    layers = []
    for layer in state.layers:
        bits = _enumerate_sums(layer) if layer.counter is None else layer.counter > 0
        layers.append(
            LutLayer(
                fan_in=layer.fan_in,
                table=_pack(bits),
                origin=np.arange(layer.n_neurons, dtype=np.int32),
            )
        )
    return Network(state.encoder, tuple(layers), vote_head(layers[-1].n_neurons, state.n_classes))
