"""Rows of the binary engine: the words of the int8 engine, each of them a whole row.

A row is a code or a value, least significant bits first, in as many bytes as the longer of the two
needs.  So :class:`~lutloom_hw.attention.messages.InputWord` has ``row_bytes`` lanes, and kinds,
heads, ends of runs and the order of rows are as there.

Example
-------
>>> words = run_rows(layer, query, key, value)                      # doctest: +SKIP
>>> len(words) == 3 * len(query)                                    # doctest: +SKIP
True
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.binary import BinaryAttention, Codes
from lutloom_hw.attention.messages import run_words

INDEX_BITS = 4
"""Of an entry of a codebook."""


def row_bytes(layer: BinaryAttention) -> int:
    """Give the bytes of a row.

    Parameters
    ----------
    layer : BinaryAttention

    Returns
    -------
    int
    """
    return -(-max(layer.code_bits, layer.value_bits) // 8)


def run_rows(
    layer: BinaryAttention, query: Codes, key: Codes, value: NDArray[Any], *, head: int = 0
) -> list[dict[str, Any]]:
    """Turn one run, a head over a sequence or a set, into the words the engine takes.

    Parameters
    ----------
    layer : BinaryAttention
    query, key : uint64[n]
    value : int8[n, head_size] or uint8[n, n_groups]
    head : int

    Returns
    -------
    list of dict
        One for each row, with the fields of :class:`~lutloom_hw.attention.messages.InputWord`.
    """
    size = row_bytes(layer)
    features: NDArray[Any] = value.view(np.uint8)
    if layer.codebook is not None:
        pairs = np.pad(features, ((0, 0), (0, features.shape[1] % 2)))
        features = pairs[:, 0::2] | pairs[:, 1::2] << INDEX_BITS
    return run_words(
        _code_bytes(query, size),
        _code_bytes(key, size),
        _padded(features, size),
        mode=layer.config.mode,
        lanes=size,
        head=head,
    )


def _code_bytes(codes: Codes, size: int) -> NDArray[np.int8]:
    each = np.ascontiguousarray(codes.astype("<u8")).view(np.uint8).reshape(len(codes), 8)
    return _padded(each[:, :size], size)


def _padded(features: NDArray[np.uint8], size: int) -> NDArray[np.int8]:
    return np.pad(features, ((0, 0), (0, size - features.shape[1]))).view(np.int8)
