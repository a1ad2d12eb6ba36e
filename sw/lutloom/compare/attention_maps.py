"""Pictures of what each query weighs: by softmax of floats, and by the engine's integers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.calibrate import CalibratedAttention
from lutloom.attention.integer import integer_weights, seen_keys
from lutloom.compare.attention_results import AttentionMap
from lutloom.language.attention_capture import AttentionRows

_WHITE = 255


def attention_maps(
    calibrated: CalibratedAttention, rows: AttentionRows, tokens: Sequence[str], window: int = 0
) -> tuple[AttentionMap, ...]:
    """Draw one window's maps, one a head.

    Parameters
    ----------
    calibrated : CalibratedAttention
    rows : AttentionRows
        Of the same heads.
    tokens : sequence of str
        The window's text, one a position.
    window : int

    Returns
    -------
    tuple of AttentionMap
    """
    layer = calibrated.layer
    config = layer.config
    queries, keys, _ = calibrated.quantise(*rows.inputs)
    n = rows.query.shape[2]
    seen = seen_keys(config, n)
    maps = []
    for head in range(config.n_heads):
        query, key = (part[head, window].astype(np.float64) for part in (rows.query, rows.key))
        scores = np.where(seen, query @ key.T / math.sqrt(config.head_size), -np.inf)
        floats = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = integer_weights(layer, head, queries[head, window], keys[head, window])
        maps.append(
            AttentionMap(
                head=head,
                positions=n,
                floats=_grey(floats),
                integers=_grey(weights.astype(np.float64)),
                tokens=tuple(tokens),
            )
        )
    return tuple(maps)


def _grey(weights: NDArray[np.float64]) -> bytes:
    shares = weights / weights.sum(axis=1, keepdims=True)
    grey: NDArray[np.uint8] = np.rint(shares * _WHITE).astype(np.uint8)
    return bytes(grey.tobytes())
