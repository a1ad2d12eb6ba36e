"""Entropy coding of the exponents of fp16 numbers; sign and mantissa stand as they are.

The exponents of trained weights hold some 2.6 of their 5 bits, and each tensor has its own scale;
mantissas are as good as noise.  A part of ``n`` numbers, little-endian::

    tables          of each tensor: first exponent and number of exponents, a byte each; then the
                    frequencies of so many exponents, uint16 each, together 2**15: the model that
                    both sides use
    n bytes         low eight bits of the mantissas
    3 x n/8 bytes   planes of bits 8 and 9 of the mantissas and of the signs, first number highest
    k x uint32      exponents, by asymmetric numeral systems

Example
-------
>>> tensors = [np.ones(1000, "<f2").tobytes(), np.arange(9, dtype="<f2").tobytes()]
>>> stored = compress_exponents(tensors)
>>> len(stored) < 0.75 * 2018, decompress_exponents(stored, [2000, 18]) == b"".join(tensors)
(True, True)
"""

from __future__ import annotations

from collections.abc import Sequence

import constriction  # type: ignore[import-untyped]  # ships none
import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError
from lutloom.language.bits_back.message import COUNTED_TOTAL, N_EXPONENTS, Counted, quantise

_PLANES = (8, 9, 15)
_BITS_KEPT = 11


def compress_exponents(tensors: Sequence[bytes]) -> bytes:
    """Compress fp16 numbers.

    Parameters
    ----------
    tensors : sequence of bytes
        ``float16[n]`` each, little-endian.

    Returns
    -------
    bytes
        None for none.

    References
    ----------
    Duda, "Asymmetric numeral systems", 2009; Bamler, "Understanding entropy coding with
    asymmetric numeral systems (ANS): a statistician's perspective", 2022 (``constriction``).
    """
    tensors = [tensor for tensor in tensors if tensor]
    if not tensors:
        return b""
    tables = []
    coder = constriction.stream.stack.AnsCoder()
    for tensor in reversed(tensors):  # a stack: what is read first is written last
        exponent = (np.frombuffer(tensor, "<u2") >> 10 & 31).astype(np.int32)
        frequency = quantise(np.bincount(exponent, minlength=N_EXPONENTS))
        coder.encode_reverse(exponent, Counted(frequency).inner)
        tables.append(_write_table(frequency))
    words = np.frombuffer(b"".join(tensors), "<u2")
    planes = [np.packbits((words >> bit & 1).astype(bool)).tobytes() for bit in _PLANES]
    low = (words & 0xFF).astype(np.uint8).tobytes()
    coded = coder.get_compressed().astype("<u4").tobytes()
    return b"".join((*reversed(tables), low, *planes, coded))


def exponents_raw_bytes_max(stored_bytes: int) -> int:
    """Give how many bytes of fp16 numbers so many stored ones may become."""
    return 2 * (8 * stored_bytes // _BITS_KEPT)


def decompress_exponents(stored: bytes | memoryview, lengths: Sequence[int]) -> bytes:
    """Give back what was compressed.

    Parameters
    ----------
    stored : bytes
    lengths : sequence of int
        How many bytes long each tensor was.

    Returns
    -------
    bytes
        All tensors, one after another.

    Raises
    ------
    InvalidFileError
        If the stored bytes are not those of so many numbers; it names no place.
    """
    sizes = [length // 2 for length in lengths if length]
    n = sum(sizes)
    frequencies, begin = _read_tables(stored, len(sizes))
    plane_bytes = -(-n // 8)
    kept = begin + n + len(_PLANES) * plane_bytes
    if 2 * n != sum(lengths) or len(stored) < kept or (len(stored) - kept) % 4:
        raise InvalidFileError(
            f"must be tables, planes and coded exponents for {sum(lengths):,} bytes of numbers, "
            f"not {len(stored):,} bytes"
        )
    words = np.frombuffer(stored, np.uint8, n, begin).astype("<u2")
    for index, bit in enumerate(_PLANES):
        at = begin + n + index * plane_bytes
        plane = np.unpackbits(np.frombuffer(stored, np.uint8, plane_bytes, at))
        if plane[n:].any():
            raise InvalidFileError("must have zeros after the last bit of each plane")
        words |= plane[:n].astype("<u2") << bit
    words |= _decode(stored, kept, frequencies, sizes).astype("<u2") << 10
    return words.tobytes()


def _write_table(frequency: NDArray[np.uint16]) -> bytes:
    """Write the frequencies of the exponents from the first that occurs to the last."""
    occurs = np.flatnonzero(frequency)
    first, end = int(occurs[0]), int(occurs[-1]) + 1
    return bytes((first, end - first)) + frequency[first:end].astype("<u2").tobytes()


def _read_tables(stored: bytes | memoryview, n_tables: int) -> tuple[list[NDArray[np.uint16]], int]:
    """Give ``uint16[32]`` of each table, and where the tables end."""
    frequencies, begin = [], 0
    for index in range(n_tables):
        if len(stored) - begin < 2:
            raise InvalidFileError(f"must have {n_tables} tables of frequencies, not {index}")
        first, count = stored[begin], stored[begin + 1]
        begin += 2
        if not 1 <= count <= N_EXPONENTS - first:
            raise InvalidFileError(
                f"must have frequencies of exponents from 0 to {N_EXPONENTS - 1}, not of {count} "
                f"from {first} on"
            )
        if len(stored) - begin < 2 * count:
            raise InvalidFileError(f"must have {n_tables} tables of frequencies, not {index}")
        frequency = np.zeros(N_EXPONENTS, dtype=np.uint16)
        frequency[first : first + count] = np.frombuffer(stored, "<u2", count, begin)
        begin += 2 * count
        if int(frequency.sum(dtype=np.int64)) != COUNTED_TOTAL:
            raise InvalidFileError(f"must have exponent frequencies of {COUNTED_TOTAL} together")
        if not (frequency[first] and frequency[first + count - 1]):
            raise InvalidFileError("must have no frequency of 0 at either end of a table")
        frequencies.append(frequency)
    return frequencies, begin


def _decode(
    stored: bytes | memoryview,
    begin: int,
    frequencies: Sequence[NDArray[np.uint16]],
    sizes: Sequence[int],
) -> NDArray[np.int32]:
    coded = np.frombuffer(stored, "<u4", offset=begin).astype(np.uint32)
    try:
        coder = constriction.stream.stack.AnsCoder(coded)
    except ValueError as error:  # a last word of zero
        raise InvalidFileError("must be whole coded exponents, but is damaged") from error
    tensors = [
        coder.decode(Counted(frequency).inner, size)
        for frequency, size in zip(frequencies, sizes, strict=True)
    ]
    if not coder.is_empty():
        raise InvalidFileError(f"must be coded exponents of {sum(sizes):,} numbers, not of others")
    # Every content has one form: without this, no words at all would be any number of the least.
    for frequency, exponent in zip(frequencies, tensors, strict=True):
        if not np.array_equal(frequency, quantise(np.bincount(exponent, minlength=N_EXPONENTS))):
            raise InvalidFileError(
                "must have the frequencies of the exponents it codes, not others"
            )
    exponents: NDArray[np.int32] = np.concatenate([np.empty(0, np.int32), *tensors])
    return exponents
