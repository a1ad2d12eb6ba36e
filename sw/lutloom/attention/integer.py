"""Attention in integers: what the engine computes, bit for bit, and in any order of the keys.

For a query ``q`` over the keys it sees::

    score[j]    = sum(q * k[j])                                      # exact
    exponent[j] = ((max(score) - score[j]) * multiplier) >> 16       # 8 bits of it are a fraction
    weight[j]   = POWERS[exponent[j] & 255] >> (exponent[j] >> 8)    # 2 ** -exponent, 15 bits
    output      = round(2 ** value_shift * sum(weight * v) / sum(weight)), held in -127..127

Maximum and sums of integers are the same in every order, so no order of the keys changes a bit.
Halves are rounded away from zero.

Example
-------
>>> rows = np.zeros((1, 4, 8), np.int8)                              # doctest: +SKIP
>>> attend(layer, rows, rows, rows).shape                            # doctest: +SKIP
(1, 4, 8)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.config import (
    FRACTION_BITS,
    INT8_MAX,
    MULTIPLIER_SHIFT,
    WEIGHT_BITS,
    AttentionConfig,
    IntegerAttention,
)
from lutloom.errors import InvalidDataError
from lutloom.language.masks import attention_mask

FRACTIONS = 1 << FRACTION_BITS

POWERS: NDArray[np.int64] = np.round(
    2.0 ** (WEIGHT_BITS - 1 - np.arange(FRACTIONS) / FRACTIONS)
).astype(np.int64)
"""``2 ** -fraction`` in steps of 1/256, times ``2 ** 15``: 256 words of 16 bits, one block RAM."""
POWERS.setflags(write=False)


def seen_keys(config: AttentionConfig, n_positions: int) -> NDArray[np.bool_]:
    """Give the keys each query sees.

    Parameters
    ----------
    config : AttentionConfig
    n_positions : int

    Returns
    -------
    bool[n_positions, n_positions]
        Row ``i`` is query ``i``.
    """
    if config.mode == "set":
        return np.ones((n_positions, n_positions), dtype=np.bool_)
    return attention_mask(config.pattern, n_positions, config.stride)


def attend(
    layer: IntegerAttention,
    query: NDArray[np.int8],
    key: NDArray[np.int8],
    value: NDArray[np.int8],
) -> NDArray[np.int8]:
    """Attend.

    Parameters
    ----------
    layer : IntegerAttention
    query, key, value : int8[n_heads, n_positions, head_size]
        -127 to 127; at most ``context`` positions.

    Returns
    -------
    int8[n_heads, n_positions, head_size]
        -127 to 127.

    Raises
    ------
    InvalidDataError
        If a shape, type or number is not what it must be.
    """
    for name, rows in (("query", query), ("key", key), ("value", value)):
        _check(layer.config, name, rows, query.shape)
    seen = seen_keys(layer.config, query.shape[1])
    output = np.empty_like(query)
    for head in range(layer.config.n_heads):
        scores = _score(query[head], key[head])
        weights = _weigh(scores, seen, int(layer.multiplier[head]))
        sums = weights @ value[head].astype(np.int64) << int(layer.value_shift[head])
        output[head] = divide(sums, weights.sum(axis=1, keepdims=True))
    return output


def integer_weights(
    layer: IntegerAttention, head: int, query: NDArray[np.int8], key: NDArray[np.int8]
) -> NDArray[np.int64]:
    """Give how much each query weighs each key in one head, before normalisation.

    Parameters
    ----------
    layer : IntegerAttention
    head : int
    query, key : int8[n_positions, head_size]

    Returns
    -------
    int64[n_positions, n_positions]
        0 to 2**15; row ``i`` is query ``i``.
    """
    seen = seen_keys(layer.config, len(query))
    return _weigh(_score(query, key), seen, int(layer.multiplier[head]))


def divide(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> NDArray[np.int8]:
    """Divide, round halves away from zero, and hold in -127..127.

    Parameters
    ----------
    numerator : int64[...]
    denominator : int64[...]
        Above 0.

    Returns
    -------
    int8[...]
    """
    rounded = (2 * np.abs(numerator) + denominator) // (2 * denominator)
    held: NDArray[np.int64] = np.sign(numerator) * np.minimum(rounded, INT8_MAX)
    return held.astype(np.int8)


def _score(query: NDArray[np.int8], key: NDArray[np.int8]) -> NDArray[np.int64]:
    scores: NDArray[np.int64] = query.astype(np.int64) @ key.astype(np.int64).T
    return scores


def _weigh(
    scores: NDArray[np.int64], seen: NDArray[np.bool_], multiplier: int
) -> NDArray[np.int64]:
    lowest = np.iinfo(np.int64).min
    highest = np.where(seen, scores, lowest).max(axis=1, keepdims=True)
    behind = np.where(seen, highest - scores, 0)
    exponent = (behind * multiplier) >> MULTIPLIER_SHIFT
    weight = POWERS[exponent & (FRACTIONS - 1)] >> np.minimum(
        exponent >> FRACTION_BITS, WEIGHT_BITS
    )
    return np.where(seen, weight, 0)


def _check(
    config: AttentionConfig, name: str, rows: NDArray[np.int8], shape: tuple[int, ...]
) -> None:
    wanted = (config.n_heads, shape[1] if len(shape) == 3 else -1, config.head_size)
    if rows.dtype != np.int8 or rows.shape != wanted or not 1 <= wanted[1] <= config.context:
        raise InvalidDataError(
            f"attention, {name}: must be int8[{config.n_heads}, 1..{config.context}, "
            f"{config.head_size}], all three alike, not {rows.dtype}{list(rows.shape)}; correct it"
        )
    if int(rows.min()) < -INT8_MAX:
        raise InvalidDataError(
            f"attention, {name}: numbers must be -127..127, not -128; quantise again"
        )
