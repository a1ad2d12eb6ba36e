"""Scales that bring a trained model's attention to integers, from rows it met on real text.

Rows are ``float[n_heads, n_windows, n_positions, head_size]``: queries and keys with their rotary
positions applied, keys and values of shared heads repeated.  Scales are one a head and tensor,
symmetric, without offsets.  A scale maps a percentile of the rows' magnitudes to 127; which one
is decided by the output's error on these same rows, first for queries and keys, then for values.

Example
-------
>>> calibrated = calibrate(config, query, key, value)                # doctest: +SKIP
>>> calibrated.run(query[:, 0], key[:, 0], value[:, 0]).shape        # doctest: +SKIP
(4, 128, 16)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lutloom.attention.config import (
    FRACTION_BITS,
    INT8_MAX,
    MULTIPLIER_BITS,
    MULTIPLIER_SHIFT,
    VALUE_SHIFT_MAX,
    AttentionConfig,
    IntegerAttention,
)
from lutloom.attention.integer import attend, seen_keys
from lutloom.attention.rows import (
    Floats,
    attend_each,
    check_rows,
    per_head,
    require_finite,
    round_steps,
)
from lutloom.errors import InvalidNetworkError

PERCENTILES = (100.0, 99.99, 99.9, 99.5)
"""Of magnitudes, tried as the largest number a scale still holds; 100 is the maximum."""

Attend = Callable[[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]], NDArray[np.int8]]
"""Attend by one layer: ``query, key, value -> output``, all int8[n_heads, n_positions, size]."""

_Rows = tuple[Floats, Floats, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedAttention:
    """Hold a layer of integer attention and the scales of what goes in and out.

    Parameters
    ----------
    layer : IntegerAttention
    query_scale, key_scale, value_scale : float64[n_heads]
        What one step of an integer is worth; above 0.

    Raises
    ------
    InvalidNetworkError
        If a scale is out of range, or a multiplier is not the one of its scales.
    """

    layer: IntegerAttention
    query_scale: NDArray[np.float64]
    key_scale: NDArray[np.float64]
    value_scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("query_scale", "key_scale", "value_scale"):
            column = _scales(name, getattr(self, name), self.layer.config.n_heads)
            object.__setattr__(self, name, column)
        step = multiplier_step(self.layer.config.head_size)
        with np.errstate(over="ignore"):
            wanted = np.rint(self.query_scale * self.key_scale / step)
        for head in np.flatnonzero(self.layer.multiplier != wanted)[:1].tolist():
            raise InvalidNetworkError(
                f"attention, head {head}, multiplier: must be that of its scales, "
                f"{wanted[head]:.0f}, not {self.layer.multiplier[head]}; calibrate again"
            )

    @property
    def output_scale(self) -> NDArray[np.float64]:
        """What one step of an output is worth, float64[n_heads]."""
        scale: NDArray[np.float64] = self.value_scale / (1 << self.layer.value_shift)
        return scale

    def quantise(
        self, query: Floats, key: Floats, value: Floats
    ) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
        """Round to steps, halves to even, and hold in -127..127.

        Parameters
        ----------
        query, key, value : float[n_heads, ..., head_size]

        Returns
        -------
        query, key, value : int8[n_heads, ..., head_size]

        Raises
        ------
        InvalidDataError
            If a number is not finite.
        """
        return (
            _quantise("queries", query, self.query_scale),
            _quantise("keys", key, self.key_scale),
            _quantise("values", value, self.value_scale),
        )

    def dequantise(self, output: NDArray[np.int8]) -> NDArray[np.float64]:
        """Give what int8[n_heads, ..., head_size] of the layer's output are worth."""
        scaled: NDArray[np.float64] = output * per_head(self.output_scale, output.ndim)
        return scaled

    def run(
        self, query: Floats, key: Floats, value: Floats, attend_with: Attend | None = None
    ) -> NDArray[np.float64]:
        """Quantise, attend and dequantise.

        Parameters
        ----------
        query, key, value : float[n_heads, ..., n_positions, head_size]
            Sequences in between are attended to by themselves.
        attend_with : callable, optional
            :func:`lutloom.attention.attend` by default.

        Returns
        -------
        float64[n_heads, ..., n_positions, head_size]
        """
        attend_with = attend_with or _attend_by(self.layer)
        integers = self.quantise(query, key, value)
        return self.dequantise(attend_each(attend_with, *integers, query.shape))


def multiplier_step(head_size: int) -> float:
    """Give the product of a query's and a key's scale that a multiplier of 1 stands for.

    Parameters
    ----------
    head_size : int

    Returns
    -------
    float
    """
    return math.sqrt(head_size) * math.log(2) / (1 << (MULTIPLIER_SHIFT + FRACTION_BITS))


def float_attention(
    config: AttentionConfig, query: Floats, key: Floats, value: Floats
) -> NDArray[np.float64]:
    """Attend in float64: softmax of ``query . key / sqrt(head_size)`` over the keys seen.

    Parameters
    ----------
    config : AttentionConfig
    query, key, value : float[..., n_positions, head_size]

    Returns
    -------
    float64[..., n_positions, head_size]
    """
    query, key, value = (rows.astype(np.float64) for rows in (query, key, value))
    scores = query @ key.swapaxes(-1, -2) / math.sqrt(config.head_size)
    scores = np.where(seen_keys(config, query.shape[-2]), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    output: NDArray[np.float64] = weights @ value / weights.sum(axis=-1, keepdims=True)
    return output


def calibrate(
    config: AttentionConfig,
    query: Floats,
    key: Floats,
    value: Floats,
    percentiles: Sequence[float] = PERCENTILES,
    *,
    where: str = "attention",
) -> CalibratedAttention:
    """Find the scales, multiplier and value shift of every head.

    A value shift is the largest with which no output on these rows reaches -127 or 127; 0 if there
    is none.  Where scores are so small that a multiplier would be 0, a key's scale is raised until
    it is 1.

    Parameters
    ----------
    config : AttentionConfig
    query, key, value : float[n_heads, n_windows, n_positions, head_size]
    percentiles : sequence of float
        The first is kept where no other has less error; one leaves no choice.
    where : str
        What errors call the layer.

    Returns
    -------
    CalibratedAttention

    Raises
    ------
    InvalidDataError
        If a shape is not what it must be, or a number is not finite.
    InvalidNetworkError
        If a head's scores are too large for a multiplier at every percentile.
    """
    check_rows(config, where, query, key, value)
    one = msgspec.structs.replace(config, n_heads=1)
    heads = [
        _calibrate_head(
            one,
            f"{where}, head {head}",
            percentiles,
            (query[head : head + 1], key[head : head + 1], value[head : head + 1]),
        )
        for head in range(config.n_heads)
    ]
    layer = IntegerAttention(
        config,
        np.concatenate([head.layer.multiplier for head in heads]),
        np.concatenate([head.layer.value_shift for head in heads]),
    )
    return CalibratedAttention(
        layer,
        np.concatenate([head.query_scale for head in heads]),
        np.concatenate([head.key_scale for head in heads]),
        np.concatenate([head.value_scale for head in heads]),
    )


def _calibrate_head(
    config: AttentionConfig, where: str, percentiles: Sequence[float], rows: _Rows
) -> CalibratedAttention:
    exact = float_attention(config, *rows)

    def error(trial: CalibratedAttention) -> float:
        return float(np.square(trial.run(*rows) - exact).mean())

    first = percentiles[0]
    products = [_scores_scales(config, rows, percentile) for percentile in percentiles]
    limit = (1 << MULTIPLIER_BITS) - 1
    trials = [
        _fit(config, rows, scales, first) for *scales, multiplier in products if multiplier <= limit
    ]
    if not trials:
        raise InvalidNetworkError(
            f"{where}: scores are too large, multiplier must be 1..{limit}, not "
            f"{min(multiplier for *_, multiplier in products):.0f}; train with smaller queries and "
            "keys, or leave the head out"
        )
    best = min(trials, key=error)
    scales = [float(best.query_scale[0]), float(best.key_scale[0])]
    return min((_fit(config, rows, scales, percentile) for percentile in percentiles), key=error)


def _scores_scales(
    config: AttentionConfig, rows: _Rows, percentile: float
) -> tuple[float, float, float]:
    """Give the scales of queries and keys, and the multiplier, not yet held in range."""
    query, key = _scale(rows[0], percentile), _scale(rows[1], percentile)
    step = multiplier_step(config.head_size)
    key = max(key, step / query)
    return query, key, float(np.rint(query * key / step))


def _fit(
    config: AttentionConfig, rows: _Rows, scales: Sequence[float], percentile: float
) -> CalibratedAttention:
    query, key = (np.array([scale]) for scale in scales)
    value = np.array([_scale(rows[2], percentile)])
    multiplier = np.rint(query * key / multiplier_step(config.head_size)).astype(np.int64)

    def make(shift: int) -> CalibratedAttention:
        layer = IntegerAttention(config, multiplier, np.array([shift]))
        return CalibratedAttention(layer, query, key, value)

    def highest(trial: CalibratedAttention) -> int:
        integers = attend_each(_attend_by(trial.layer), *trial.quantise(*rows), rows[0].shape)
        return int(np.abs(integers).max())

    unshifted = make(0)
    least = highest(unshifted) - 0.5  # what was rounded to it is at least that
    for shift in range(VALUE_SHIFT_MAX, 0, -1):
        if least * (1 << shift) < INT8_MAX and highest(trial := make(shift)) < INT8_MAX:
            return trial
    return unshifted


def _scale(rows: Floats, percentile: float) -> float:
    magnitudes = np.abs(rows.astype(np.float64))
    clipped = float(np.percentile(magnitudes, percentile)) or float(magnitudes.max())
    return max(clipped / INT8_MAX, 2.0**-64)  # rows of zeros have any scale


def _attend_by(layer: IntegerAttention) -> Attend:
    return functools.partial(attend, layer)


def _quantise(name: str, rows: Floats, scale: NDArray[np.float64]) -> NDArray[np.int8]:
    require_finite(f"attention, {name}", rows)
    return round_steps(rows / per_head(scale, rows.ndim))


def _scales(name: str, values: ArrayLike, n_heads: int) -> NDArray[np.float64]:
    column = np.array(values, dtype=np.float64)
    if column.shape != (n_heads,) or not (np.isfinite(column) & (column > 0)).all():
        raise InvalidNetworkError(
            f"attention, {name}: must be {n_heads} numbers above 0, one a head, not "
            f"{list(column.shape)} or others; calibrate again"
        )
    column.setflags(write=False)
    return column
