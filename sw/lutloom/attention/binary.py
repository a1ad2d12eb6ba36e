"""Attention without a multiplier: codes compared bit by bit, the nearest keys kept, values added.

Queries and keys are codes of bits.  For a query ``q`` over the keys it sees::

    score[j]  = number of bits in which q and k[j] are equal
    kept      = keys whose score is at least the n_kept-th highest     # all of a tie, or all keys
    shift[j]  = level[max(score) - score[j]]                           # a table; 8 says "nothing"
    weight[j] = 2 ** (7 - shift[j]) if kept and shift[j] < 8 else 0
    output    = round(2 ** value_shift * sum(weight * v) / sum(weight)), held in -127..127

A weight is a power of two, so ``weight * v`` is a shift.  A value's features are int8 themselves,
or groups of them are an entry of a codebook of 16: a table with an address of four bits.  The one
division is that of :func:`lutloom.attention.integer.divide`.

The highest scores, the number of keys that reach them and sums of integers are the same in every
order; keys that tie are kept together.  So no order of the keys changes a bit, in either mode.

Example
-------
>>> codes = np.zeros((1, 4), np.uint64)                              # doctest: +SKIP
>>> attend_binary(layer, codes, codes, np.zeros((1, 4, 8), np.int8)).shape   # doctest: +SKIP
(1, 4, 8)

References
----------
Rastegari et al., "XNOR-Net: ImageNet classification using binary convolutional neural networks",
2016.  Jegou et al., "Product quantization for nearest neighbor search", 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lutloom.attention.config import INT8_MAX, VALUE_SHIFT_MAX, AttentionConfig
from lutloom.attention.integer import divide, seen_keys
from lutloom.errors import InvalidDataError, InvalidNetworkError

CODE_BITS_MIN, CODE_BITS_MAX = 8, 64
KEPT = (0, 1, 2, 4, 8)
"""How many of the highest scores are kept; 0 keeps every key."""
GAPS = 32
"""Entries of a level table; a key further behind the highest score weighs nothing."""
SHIFT_MAX = 7
NO_WEIGHT = SHIFT_MAX + 1
ENTRIES = 16
"""Of a codebook: what an address of four bits tells apart."""

Codes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class BinaryAttention:
    """Hold a layer of attention whose queries and keys are codes.

    Parameters
    ----------
    config : AttentionConfig
    code_bits : int
        8 to 64.
    n_kept : int64[n_heads]
        One of :data:`KEPT` for each head.
    level : int64[n_heads, 32]
        Shift, 0 to 7, of a key whose score is that far behind the highest; 8: it weighs nothing.
        The first of each head is 0.
    value_shift : int64[n_heads]
        0 to 7: outputs are values times ``2 ** value_shift``.
    codebook : int8[n_heads, n_groups, 16, group_size] or None
        Entries of each group of features, -127 to 127; ``None``: values are int8 themselves.

    Raises
    ------
    InvalidNetworkError
        If a number is out of range or there is not one for each head.
    """

    config: AttentionConfig
    code_bits: int
    n_kept: NDArray[np.int64]
    level: NDArray[np.int64]
    value_shift: NDArray[np.int64]
    codebook: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        n_heads = self.config.n_heads
        if not CODE_BITS_MIN <= self.code_bits <= CODE_BITS_MAX:
            raise InvalidNetworkError(
                f"binary attention, code_bits: must be {CODE_BITS_MIN}..{CODE_BITS_MAX}, not "
                f"{self.code_bits}; correct it"
            )
        shapes: dict[str, tuple[tuple[int, ...], tuple[int, int]]] = {
            "n_kept": ((n_heads,), (0, max(KEPT))),
            "level": ((n_heads, GAPS), (0, NO_WEIGHT)),
            "value_shift": ((n_heads,), (0, VALUE_SHIFT_MAX)),
        }
        for name, (shape, limits) in shapes.items():
            table = _integers(name, getattr(self, name), shape, limits, np.int64)
            object.__setattr__(self, name, table)
        if not set(self.n_kept.tolist()) <= set(KEPT):
            raise InvalidNetworkError(
                f"binary attention, n_kept: must be among {', '.join(map(str, KEPT))}, not "
                f"{self.n_kept.tolist()}; correct it"
            )
        if self.level[:, 0].any():
            raise InvalidNetworkError(
                "binary attention, level: the highest score must have shift 0 in every head, not "
                f"{self.level[:, 0].tolist()}; calibrate again"
            )
        if self.codebook is not None:
            self._check_codebook(self.codebook)

    def _check_codebook(self, codebook: NDArray[np.int8]) -> None:
        given = np.asarray(codebook)
        size = given.shape[-1] if given.ndim == 4 else 0
        if not size or self.config.head_size % size:
            raise InvalidNetworkError(
                "binary attention, codebook: must be of groups that divide the head size "
                f"{self.config.head_size}, not {list(given.shape)}; calibrate again"
            )
        shape = (self.config.n_heads, self.config.head_size // size, ENTRIES, size)
        limits = (-INT8_MAX, INT8_MAX)
        object.__setattr__(self, "codebook", _integers("codebook", given, shape, limits, np.int8))

    @property
    def group_size(self) -> int:
        """Features of one entry of the codebook; 0 if there is none."""
        return 0 if self.codebook is None else int(self.codebook.shape[-1])

    @property
    def value_bits(self) -> int:
        """Bits of a value's row."""
        if self.codebook is None:
            return 8 * self.config.head_size
        return (ENTRIES - 1).bit_length() * int(self.codebook.shape[1])


def count_equal_bits(query: Codes, key: Codes, code_bits: int) -> NDArray[np.int64]:
    """Score every key for every query.

    Parameters
    ----------
    query, key : uint64[n_queries], uint64[n_keys]
    code_bits : int

    Returns
    -------
    int64[n_queries, n_keys]
        0 to ``code_bits``.
    """
    unequal: NDArray[np.int64] = np.bitwise_count(query[:, None] ^ key).astype(np.int64)
    return code_bits - unequal


def weigh(
    scores: NDArray[np.int64], seen: NDArray[np.bool_], n_kept: int, level: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Weigh the keys of each query.

    Parameters
    ----------
    scores : int64[..., n_queries, n_keys]
        Not negative.
    seen : bool[n_queries, n_keys]
        At least one key in each row.
    n_kept : int
    level : int64[32]

    Returns
    -------
    int64[..., n_queries, n_keys]
        0, or a power of two up to 2**7.
    """
    known = np.where(seen, scores, -1)
    behind = known.max(axis=-1, keepdims=True) - known
    counts = seen & (behind < GAPS)
    n_keys = scores.shape[-1]
    if 0 < n_kept < n_keys:
        counts &= known >= np.partition(known, n_keys - n_kept, axis=-1)[..., n_keys - n_kept, None]
    shift = level[np.where(counts, behind, 0)]
    return np.where(counts & (shift < NO_WEIGHT), 1 << (SHIFT_MAX - np.minimum(shift, 7)), 0)


def look_up(layer: BinaryAttention, head: int, value: NDArray[Any]) -> NDArray[np.int64]:
    """Give the features of a head's values.

    Parameters
    ----------
    layer : BinaryAttention
    head : int
    value : int8[n_positions, head_size], or uint8[n_positions, n_groups] of a codebook's entries

    Returns
    -------
    int64[n_positions, head_size]
    """
    if layer.codebook is None:
        return value.astype(np.int64)
    table = layer.codebook[head].astype(np.int64)
    features: NDArray[np.int64] = table[np.arange(len(table)), value].reshape(len(value), -1)
    return features


def attend_binary(
    layer: BinaryAttention, query: Codes, key: Codes, value: NDArray[Any]
) -> NDArray[np.int8]:
    """Attend.

    Parameters
    ----------
    layer : BinaryAttention
    query, key : uint64[n_heads, n_positions]
        Codes: bit ``b`` of a number is bit ``b``; at most ``context`` positions.
    value : int8[n_heads, n_positions, head_size] or uint8[n_heads, n_positions, n_groups]
        Features, -127 to 127; of a layer with a codebook its entries, 0 to 15.

    Returns
    -------
    int8[n_heads, n_positions, head_size]
        -127 to 127.

    Raises
    ------
    InvalidDataError
        If a shape, type or number is not what it must be.
    """
    _check_codes(layer, "query", query, query.shape)
    _check_codes(layer, "key", key, query.shape)
    _check_value(layer, value, query.shape)
    config = layer.config
    seen = seen_keys(config, query.shape[1])
    output = np.empty((*query.shape, config.head_size), np.int8)
    for head in range(config.n_heads):
        scores = count_equal_bits(query[head], key[head], layer.code_bits)
        weights = weigh(scores, seen, int(layer.n_kept[head]), layer.level[head])
        sums = weights @ look_up(layer, head, value[head]) << int(layer.value_shift[head])
        output[head] = divide(sums, weights.sum(axis=1, keepdims=True))
    return output


def _integers(
    name: str, values: ArrayLike, shape: tuple[int, ...], limits: tuple[int, int], dtype: Any
) -> NDArray[Any]:
    given = np.asarray(values)
    if given.shape != shape or not np.issubdtype(given.dtype, np.integer):
        raise InvalidNetworkError(
            f"binary attention, {name}: must be integers {list(shape)}, not {given.dtype} "
            f"{list(given.shape)}; calibrate again"
        )
    low, high = limits
    wrong = given[(given < low) | (given > high)]
    if wrong.size:
        raise InvalidNetworkError(
            f"binary attention, {name}: must be {low}..{high}, not {wrong[0]}; calibrate again"
        )
    table = np.array(given, dtype=dtype)
    table.setflags(write=False)
    return table


def _check_codes(
    layer: BinaryAttention, name: str, codes: NDArray[Any], shape: tuple[int, ...]
) -> None:
    config = layer.config
    wanted = (config.n_heads, shape[1] if len(shape) == 2 else -1)
    if codes.dtype != np.uint64 or codes.shape != wanted or not 1 <= wanted[1] <= config.context:
        raise InvalidDataError(
            f"binary attention, {name}: must be uint64[{config.n_heads}, 1..{config.context}], "
            f"queries and keys alike, not {codes.dtype}{list(codes.shape)}; correct it"
        )
    if layer.code_bits < CODE_BITS_MAX and int(codes.max()) >> layer.code_bits:
        raise InvalidDataError(
            f"binary attention, {name}: codes must have {layer.code_bits} bits, not "
            f"{int(codes.max()).bit_length()}; encode again"
        )


def _check_value(layer: BinaryAttention, value: NDArray[Any], shape: tuple[int, ...]) -> None:
    if layer.codebook is None:
        size, dtype, low, high = layer.config.head_size, "int8", -INT8_MAX, INT8_MAX
    else:
        size, dtype, low, high = int(layer.codebook.shape[1]), "uint8", 0, ENTRIES - 1
    if value.dtype.name != dtype or value.shape != (*shape, size):
        raise InvalidDataError(
            f"binary attention, value: must be {dtype}[{shape[0]}, {shape[1]}, {size}], not "
            f"{value.dtype}{list(value.shape)}; correct it"
        )
    if int(value.min()) < low or int(value.max()) > high:
        raise InvalidDataError(
            f"binary attention, value: numbers must be {low}..{high}, not "
            f"{int(value.min())}..{int(value.max())}; quantise again"
        )
