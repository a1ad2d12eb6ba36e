"""Score images straight from counters and weights: what lowering is measured against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.files.model_state import LayerState, ModelState

_WORKING_INPUTS = 1 << 24
"""Inputs of neurons a batch may hold; bounds the memory."""


def _layer_outputs(layer: LayerState, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    n, slots = layer.fan_in.shape
    if layer.counter is not None:
        address = np.zeros((len(bits), n), dtype=np.intp)
        for k in range(slots):
            address += bits[:, layer.fan_in[:, k]].astype(np.intp) << k
        return (layer.counter[np.arange(n), address] > 0).astype(np.uint8)
    assert layer.weight is not None
    assert layer.polarity_in is not None
    assert layer.threshold is not None
    total = np.zeros((len(bits), n))
    for k in range(slots):
        signed = layer.weight[:, k].astype(np.float64) * layer.polarity_in[:, k]
        total += signed * bits[:, layer.fan_in[:, k]]
    return (total > layer.threshold.astype(np.float64)).astype(np.uint8)


def trained_scores(state: ModelState, images: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Score images by class without any table.

    Parameters
    ----------
    state : ModelState
    images : uint8[n, height, width]

    Returns
    -------
    int32[n, n_classes]
    """
    widest = max(layer.fan_in.size for layer in state.layers)
    batch = max(1, _WORKING_INPUTS // widest)
    parts = [np.empty((0, state.n_classes), dtype=np.int32)]
    for start in range(0, len(images), batch):
        bits = state.encoder.encode(images[start : start + batch])
        for layer in state.layers:
            bits = _layer_outputs(layer, bits)
        votes = bits.reshape(len(bits), state.n_classes, state.votes_per_class)
        parts.append(votes.sum(axis=2, dtype=np.int32))
    return np.concatenate(parts)
