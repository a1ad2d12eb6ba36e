"""Bits of many images side by side: image ``i`` is bit ``i % 64`` of word ``i // 64``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 64
"""Images in one word."""


def pack_images(bits: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Pack zeros and ones of many images into words.

    Parameters
    ----------
    bits : uint8[n_images, n_signals]

    Returns
    -------
    uint64[n_signals, ceil(n_images / 64)]
        The last word's spare bits are zero.
    """
    n_images, n_signals = bits.shape
    n_words = -(-n_images // WORD_BITS)
    packed = np.zeros((n_signals, n_words * 8), dtype=np.uint8)
    rows = np.packbits(np.ascontiguousarray(bits.T), axis=1, bitorder="little")
    packed[:, : rows.shape[1]] = rows
    return packed.view("<u8").astype(np.uint64, copy=False)


def unpack_images(words: NDArray[np.uint64], n_images: int) -> NDArray[np.uint8]:
    """Undo :func:`pack_images`.

    Parameters
    ----------
    words : uint64[n_signals, n_words]
    n_images : int

    Returns
    -------
    uint8[n_images, n_signals]
    """
    rows = np.ascontiguousarray(words.astype("<u8", copy=False)).view(np.uint8)
    return np.unpackbits(rows, axis=1, count=n_images, bitorder="little").T
