"""Codes, levels and codebooks that bring a trained model's attention to the binary form.

Rows are ``float[n_heads, n_windows, n_positions, head_size]``, as in
:mod:`lutloom.attention.calibrate`.  Of each head the windows' first half teaches the codes
(:mod:`lutloom.attention.binary_codes`), the second decides how fast a weight falls with the score;
entries of codebooks are the centres of k-means.  Nothing is learnt by gradients.

Example
-------
>>> calibrated = calibrate_binary(config, query, key, value)         # doctest: +SKIP
>>> calibrated.run(query[:, 0], key[:, 0], value[:, 0]).shape        # doctest: +SKIP
(4, 128, 16)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lutloom.attention.binary import (
    ENTRIES,
    GAPS,
    KEPT,
    NO_WEIGHT,
    BinaryAttention,
    Codes,
    attend_binary,
    count_equal_bits,
    weigh,
)
from lutloom.attention.binary_codes import CodePair, learn_codes
from lutloom.attention.calibrate import float_attention
from lutloom.attention.config import INT8_MAX, VALUE_SHIFT_MAX, AttentionConfig
from lutloom.attention.integer import seen_keys
from lutloom.attention.rows import (
    Floats,
    attend_each,
    check_rows,
    per_head,
    require_finite,
    round_steps,
)
from lutloom.errors import InvalidNetworkError, InvalidRecipeError

SLOPES = tuple(eighths / 8 for eighths in (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16))
"""Halvings of a weight for one bit less in common; 0 gives all keys that are kept equal weight."""

AttendBinary = Callable[[Codes, Codes, NDArray[Any]], NDArray[np.int8]]
"""Attend by one layer: ``query, key, value -> output``, as ``attend_binary``."""

_KMEANS_STEPS = 25
_KMEANS_ROWS_MAX = 4096


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedBinaryAttention:
    """Hold a layer of binary attention and what brings floats to codes and steps.

    Parameters
    ----------
    layer : BinaryAttention
    codes : tuple of CodePair
        One a head.
    value_scale : float64[n_heads]
        What one step of a value is worth; above 0.

    Raises
    ------
    InvalidNetworkError
        If there is not one for each head, of the layer's bits, or a scale is out of range.
    """

    layer: BinaryAttention
    codes: tuple[CodePair, ...]
    value_scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        config, code_bits = self.layer.config, self.layer.code_bits
        maps = [one for pair in self.codes for one in (pair.query, pair.key)]
        shapes = {(*one.direction.shape, *one.threshold.shape) for one in maps}
        if len(self.codes) != config.n_heads or shapes != {
            (code_bits, config.head_size, code_bits)
        }:
            raise InvalidNetworkError(
                f"binary attention, codes: must be {config.n_heads} pairs of {code_bits} "
                f"hyperplanes of {config.head_size}, not {len(self.codes)} of {sorted(shapes)}; "
                "calibrate again"
            )
        scale = np.array(self.value_scale, dtype=np.float64)
        if scale.shape != (config.n_heads,) or not (np.isfinite(scale) & (scale > 0)).all():
            raise InvalidNetworkError(
                f"binary attention, value_scale: must be {config.n_heads} numbers above 0, not "
                f"{list(scale.shape)} or others; calibrate again"
            )
        scale.setflags(write=False)
        object.__setattr__(self, "value_scale", scale)

    @property
    def output_scale(self) -> NDArray[np.float64]:
        """What one step of an output is worth, float64[n_heads]."""
        scale: NDArray[np.float64] = self.value_scale / (1 << self.layer.value_shift)
        return scale

    def quantise(
        self, query: Floats, key: Floats, value: Floats
    ) -> tuple[Codes, Codes, NDArray[Any]]:
        """Encode queries and keys, and round values to steps or to the nearest entries.

        Parameters
        ----------
        query, key, value : float[n_heads, ..., head_size]

        Returns
        -------
        query, key : uint64[n_heads, ...]
        value : int8[n_heads, ..., head_size] or uint8[n_heads, ..., n_groups]

        Raises
        ------
        InvalidDataError
            If a number is not finite.
        """
        for name, rows in (("queries", query), ("keys", key), ("values", value)):
            require_finite(f"binary attention, {name}", rows)
        return (
            np.stack([c.query.encode(rows) for c, rows in zip(self.codes, query, strict=True)]),
            np.stack([c.key.encode(rows) for c, rows in zip(self.codes, key, strict=True)]),
            np.stack([self.quantise_values(head, rows) for head, rows in enumerate(value)]),
        )

    def quantise_values(self, head: int, value: Floats) -> NDArray[Any]:
        """Round a head's values to steps, or give the entry nearest to each group of features.

        Parameters
        ----------
        head : int
        value : float[..., head_size]

        Returns
        -------
        int8[..., head_size] or uint8[..., n_groups]
        """
        steps = value / self.value_scale[head]
        book = self.layer.codebook
        return round_steps(steps) if book is None else _nearest(book[head], steps)

    def dequantise(self, output: NDArray[np.int8]) -> NDArray[np.float64]:
        """Give what int8[n_heads, ..., head_size] of the layer's output are worth."""
        scaled: NDArray[np.float64] = output * per_head(self.output_scale, output.ndim)
        return scaled

    def run(
        self, query: Floats, key: Floats, value: Floats, attend_with: AttendBinary | None = None
    ) -> NDArray[np.float64]:
        """Quantise, attend and dequantise.

        Parameters
        ----------
        query, key, value : float[n_heads, ..., n_positions, head_size]
            Sequences in between are attended to by themselves.
        attend_with : callable, optional
            :func:`lutloom.attention.binary.attend_binary` by default.

        Returns
        -------
        float64[n_heads, ..., n_positions, head_size]
        """
        attend_with = attend_with or functools.partial(attend_binary, self.layer)
        integers = self.quantise(query, key, value)
        return self.dequantise(attend_each(attend_with, *integers, query.shape))


def calibrate_binary(
    config: AttentionConfig,
    query: Floats,
    key: Floats,
    value: Floats,
    *,
    code_bits: int = 32,
    n_kept: int = 4,
    group_size: int = 2,
    seed: int = 0,
    where: str = "binary attention",
) -> CalibratedBinaryAttention:
    """Find the codes, level table, codebook and value shift of every head.

    Parameters
    ----------
    config : AttentionConfig
    query, key, value : float[n_heads, n_windows, n_positions, head_size]
    code_bits : int
        8 to 64.
    n_kept : int
        1, 2, 4 or 8 of the highest scores; 0: every key.
    group_size : int
        Features that share an entry of the codebook; 0: values are int8.
    seed : int
    where : str
        What errors call the layer.

    Returns
    -------
    CalibratedBinaryAttention

    Raises
    ------
    InvalidDataError
        If a shape is not what it must be, or a number is not finite.
    InvalidNetworkError, InvalidRecipeError
        If ``code_bits``, ``n_kept`` or ``group_size`` is out of range.
    """
    check_rows(config, where, query, key, value)
    if group_size and (group_size < 0 or config.head_size % group_size):
        raise InvalidRecipeError(
            f"{where}, group_size: must divide the head size {config.head_size}, or be 0, not "
            f"{group_size}; correct it"
        )
    if n_kept not in KEPT:
        raise InvalidRecipeError(
            f"{where}, n_kept: must be one of {', '.join(map(str, KEPT))}, not {n_kept}; correct it"
        )
    heads = [
        _calibrate_head(
            msgspec.structs.replace(config, n_heads=1),
            tuple(part[head : head + 1] for part in (query, key, value)),
            (code_bits, n_kept, group_size),
            np.random.default_rng([seed, head]),
        )
        for head in range(config.n_heads)
    ]
    books = [head.layer.codebook for head in heads if head.layer.codebook is not None]
    layer = BinaryAttention(
        config,
        code_bits,
        np.concatenate([head.layer.n_kept for head in heads]),
        np.concatenate([head.layer.level for head in heads]),
        np.concatenate([head.layer.value_shift for head in heads]),
        np.concatenate(books) if books else None,
    )
    return CalibratedBinaryAttention(
        layer,
        tuple(pair for head in heads for pair in head.codes),
        np.concatenate([head.value_scale for head in heads]),
    )


def level_table(slope: float) -> NDArray[np.int64]:
    """Make a level table that falls evenly.

    Parameters
    ----------
    slope : float
        Halvings for one bit less in common, not negative.

    Returns
    -------
    int64[32]
    """
    level: NDArray[np.int64] = np.minimum(np.arange(GAPS) * slope, NO_WEIGHT).astype(np.int64)
    return level


def _calibrate_head(
    config: AttentionConfig,
    rows: tuple[Floats, ...],
    sizes: tuple[int, int, int],
    rng: np.random.Generator,
) -> CalibratedBinaryAttention:
    code_bits, n_kept, group_size = sizes
    half = -(-rows[0].shape[1] // 2)
    seen = seen_keys(config, rows[0].shape[2])
    pair = learn_codes(rows[0][0, :half], rows[1][0, :half], seen, code_bits, rng)
    judged = [part[:, half:] if part.shape[1] > 1 else part for part in rows]
    level = _choose_level(config, pair, judged, (code_bits, n_kept))
    scale = np.array([max(float(np.abs(rows[2]).max()) / INT8_MAX, 2.0**-64)])
    book = None
    if group_size:
        book = _learn_codebook(rows[2][0] / scale[0], group_size, rng)[None]

    def make(shift: int) -> CalibratedBinaryAttention:
        layer = BinaryAttention(
            config, code_bits, np.array([n_kept]), level[None], np.array([shift]), book
        )
        return CalibratedBinaryAttention(layer, (pair,), scale)

    unshifted = make(0)
    highest = (
        float(np.abs(unshifted.run(rows[0], rows[1], rows[2])).max()) / scale[0] + 0.5
    )  # at most, unrounded
    fitting = [s for s in range(1, VALUE_SHIFT_MAX + 1) if highest * (1 << s) < INT8_MAX - 0.5]
    return make(max(fitting)) if fitting else unshifted


def _choose_level(
    config: AttentionConfig, pair: CodePair, rows: list[Floats], sizes: tuple[int, int]
) -> NDArray[np.int64]:
    """Choose the slope with which a mean of float values is nearest to attention in floats."""
    code_bits, n_kept = sizes
    exact = float_attention(config, *rows)[0]
    seen = seen_keys(config, exact.shape[1])
    query, key = pair.query.encode(rows[0][0]), pair.key.encode(rows[1][0])
    scores = np.stack([count_equal_bits(q, k, code_bits) for q, k in zip(query, key, strict=True)])

    def error(level: NDArray[np.int64]) -> float:
        weight = weigh(scores, seen, n_kept, level).astype(np.float64)
        found = weight @ rows[2][0] / weight.sum(axis=-1, keepdims=True)
        return float(np.square(found - exact).mean())

    return min((level_table(slope) for slope in SLOPES), key=error)


def _learn_codebook(
    steps: NDArray[np.float64], group_size: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    groups = steps.reshape(-1, steps.shape[-1] // group_size, group_size)
    if len(groups) > _KMEANS_ROWS_MAX:
        groups = groups[rng.choice(len(groups), _KMEANS_ROWS_MAX, replace=False)]
    centres = [_cluster(groups[:, index], rng) for index in range(groups.shape[1])]
    return round_steps(np.stack(centres))


def _cluster(points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Cluster by k-means, from centres drawn far from each other (k-means++)."""
    centres = points[rng.integers(0, len(points), 1)]
    while len(centres) < ENTRIES:
        far = np.square(points[:, None] - centres).sum(axis=2).min(axis=1)
        share = far / far.sum() if far.any() else None
        centres = np.concatenate([centres, points[rng.choice(len(points), 1, p=share)]])
    for _ in range(_KMEANS_STEPS):
        nearest = np.square(points[:, None] - centres).sum(axis=2).argmin(axis=1)
        for entry in np.unique(nearest):
            centres[entry] = points[nearest == entry].mean(axis=0)
    return centres


def _nearest(table: NDArray[np.int8], steps: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Give the entry nearest to each group of features; the first among equals."""
    groups = steps.reshape(*steps.shape[:-1], len(table), table.shape[-1])
    found = np.empty(groups.shape[:-1], np.uint8)
    for index, entries in enumerate(table.astype(np.float64)):
        far = np.square(groups[..., index, None, :] - entries).sum(axis=-1)
        found[..., index] = far.argmin(axis=-1)
    return found
