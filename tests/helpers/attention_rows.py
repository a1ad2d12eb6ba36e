"""Layers of integer attention, and rows for them: random, extreme, and such as models give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.attention import AttentionConfig, IntegerAttention
from lutloom.attention.calibrate import CalibratedAttention, multiplier_step

Integers = tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]
Floats = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

SHAPES: tuple[dict[str, Any], ...] = (
    {"mode": "causal"},
    {"mode": "causal", "pattern": "local", "stride": 1},
    {"mode": "causal", "pattern": "local", "stride": 5},
    {"mode": "causal", "pattern": "strided", "stride": 3},
    {"mode": "causal", "pattern": "local_strided", "stride": 4},
    {"mode": "causal", "pattern": "fixed", "stride": 4},
    {"mode": "causal", "pattern": "fixed", "stride": 1},
    {"mode": "set"},
)


def make_config(**changes: Any) -> AttentionConfig:
    return AttentionConfig(**{"n_heads": 2, "head_size": 8, "context": 16, **changes})


def make_calibrated(
    config: AttentionConfig, multiplier: list[int], value_shift: list[int]
) -> CalibratedAttention:
    """Scales that lead to given multipliers."""
    layer = IntegerAttention(config, np.array(multiplier), np.array(value_shift))
    ones = np.full(config.n_heads, 0.25)
    key = layer.multiplier * multiplier_step(config.head_size) / ones
    return CalibratedAttention(layer, ones, key, np.linspace(0.01, 0.5, config.n_heads))


def draw_calibrated(config: AttentionConfig, seed: int = 0) -> CalibratedAttention:
    rng = np.random.default_rng(seed)
    multiplier = np.exp(rng.uniform(0, np.log(65536), config.n_heads)).astype(int)
    return make_calibrated(
        config, multiplier.clip(1, 65535).tolist(), rng.integers(0, 8, config.n_heads).tolist()
    )


def draw_integers(config: AttentionConfig, n_positions: int, seed: int = 0) -> Integers:
    rng = np.random.default_rng(seed)
    shape = (3, config.n_heads, n_positions, config.head_size)
    query, key, value = rng.integers(-127, 128, shape).astype(np.int8)
    return query, key, value


def extreme_integers(config: AttentionConfig, n_positions: int) -> Iterator[Integers]:
    """All zero, all at the ends, and signs that alternate."""
    shape = (config.n_heads, n_positions, config.head_size)
    zero, most = np.zeros(shape, np.int8), np.full(shape, 127, np.int8)
    signs = np.where(np.arange(n_positions) % 2, -1, 1).astype(np.int8)[:, None]
    for query in (zero, most, -most):
        for key in (zero, most, most * signs):
            yield query, key, most * signs
            yield query, key, -most


def draw_floats(
    config: AttentionConfig, n_windows: int, n_positions: int, seed: int = 0, size: float = 1.0
) -> Floats:
    """Rows as a model's: normal, with a few features that stand out, the same for every seed."""
    rng = np.random.default_rng(seed)
    shape = (3, config.n_heads, n_windows, n_positions, config.head_size)
    features = np.exp(
        np.random.default_rng(7).normal(0, 0.7, (3, config.n_heads, 1, 1, config.head_size))
    )
    query, key, value = size * rng.normal(size=shape) * features
    return query, key, value


def loop_attend(layer: IntegerAttention, rows: Integers, seen: NDArray[np.bool_]) -> list[Any]:
    """The specification again, in Python's integers, a number at a time."""
    query, key, value = ([[r.tolist() for r in head] for head in part] for part in rows)
    config = layer.config
    output = []
    for head in range(config.n_heads):
        m, s = int(layer.multiplier[head]), int(layer.value_shift[head])
        for i, q in enumerate(query[head]):
            keys = [j for j in range(len(key[head])) if seen[i, j]]
            score = [sum(a * b for a, b in zip(q, key[head][j], strict=True)) for j in keys]
            weight = []
            for it in score:
                exponent = (max(score) - it) * m // 65536
                weight.append(round(2 ** (15 - exponent % 256 / 256)) // 2 ** (exponent // 256))
            for f in range(config.head_size):
                top = 2**s * sum(w * value[head][j][f] for w, j in zip(weight, keys, strict=True))
                rounded = (2 * abs(top) + sum(weight)) // (2 * sum(weight))
                output.append(min(rounded, 127) * (1 if top > 0 else -1))
    return output
