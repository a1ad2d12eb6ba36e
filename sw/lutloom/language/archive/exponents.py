"""Entropy coding of the exponents of fp16 numbers; sign and mantissa stand as they are.

The exponents of trained weights hold some 2.6 of their 5 bits; mantissas are as good as noise.
A part of ``n`` numbers, little-endian::

    32 x uint16     frequency of each exponent, together 2**15: the model that both sides use
    n bytes         low eight bits of the mantissas
    3 x n/8 bytes   planes of bits 8 and 9 of the mantissas and of the signs, first number highest
    k x uint32      exponents, by asymmetric numeral systems

Example
-------
>>> raw = np.ones(1000, "<f2").tobytes()
>>> stored = compress_exponents(raw)
>>> len(stored) < 0.75 * len(raw), decompress_exponents(stored, len(raw)) == raw
(True, True)
"""

from __future__ import annotations

import constriction  # type: ignore[import-untyped]  # ships none
import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError
from lutloom.language.bits_back.message import COUNTED_TOTAL, N_EXPONENTS, Counted, quantise

_TABLE_BYTES = 2 * N_EXPONENTS
_PLANES = (8, 9, 15)
_BITS_KEPT = 11


def compress_exponents(raw: bytes) -> bytes:
    """Compress fp16 numbers.

    Parameters
    ----------
    raw : bytes
        ``float16[n]``, little-endian.

    Returns
    -------
    bytes
        None for none.

    References
    ----------
    Duda, "Asymmetric numeral systems", 2009; Bamler, "Understanding entropy coding with
    asymmetric numeral systems (ANS): a statistician's perspective", 2022 (``constriction``).
    """
    words = np.frombuffer(raw, dtype="<u2")
    if not words.size:
        return b""
    exponent = (words >> 10 & 31).astype(np.int32)
    frequency = quantise(np.bincount(exponent, minlength=N_EXPONENTS))
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(exponent, Counted(frequency).inner)
    planes = [np.packbits((words >> bit & 1).astype(bool)).tobytes() for bit in _PLANES]
    low = (words & 0xFF).astype(np.uint8).tobytes()
    coded = coder.get_compressed().astype("<u4").tobytes()
    return b"".join((frequency.astype("<u2").tobytes(), low, *planes, coded))


def exponents_raw_bytes_max(stored_bytes: int) -> int:
    """Give how many bytes of fp16 numbers so many stored ones may become."""
    return 2 * (8 * stored_bytes // _BITS_KEPT)


def decompress_exponents(stored: bytes | memoryview, raw_bytes: int) -> bytes:
    """Give back what was compressed.

    Parameters
    ----------
    stored : bytes
    raw_bytes : int
        How long it was.

    Returns
    -------
    bytes

    Raises
    ------
    InvalidFileError
        If the stored bytes are not those of so many numbers; it names no place.
    """
    n, odd = divmod(raw_bytes, 2)
    if not n and not odd and not len(stored):
        return b""
    plane_bytes = -(-n // 8)
    kept = _TABLE_BYTES + n + len(_PLANES) * plane_bytes
    if not n or odd or len(stored) < kept or (len(stored) - kept) % 4:
        raise InvalidFileError(
            f"must be a table, planes and coded exponents of {raw_bytes / 2:g} numbers, not "
            f"{len(stored):,} bytes"
        )
    frequency = np.frombuffer(stored, "<u2", N_EXPONENTS)
    if int(frequency.sum(dtype=np.int64)) != COUNTED_TOTAL:
        raise InvalidFileError(f"must have exponent frequencies of {COUNTED_TOTAL} together")
    words = np.frombuffer(stored, np.uint8, n, _TABLE_BYTES).astype("<u2")
    for index, bit in enumerate(_PLANES):
        at = _TABLE_BYTES + n + index * plane_bytes
        plane = np.unpackbits(np.frombuffer(stored, np.uint8, plane_bytes, at))
        if plane[n:].any():
            raise InvalidFileError("must have zeros after the last bit of each plane")
        words |= plane[:n].astype("<u2") << bit
    words |= _decode(stored, kept, frequency, n).astype("<u2") << 10
    return words.tobytes()


def _decode(
    stored: bytes | memoryview, begin: int, frequency: NDArray[np.uint16], n: int
) -> NDArray[np.int32]:
    coded = np.frombuffer(stored, "<u4", offset=begin).astype(np.uint32)
    try:
        coder = constriction.stream.stack.AnsCoder(coded)
    except ValueError as error:  # a last word of zero
        raise InvalidFileError("must be whole coded exponents, but is damaged") from error
    exponent: NDArray[np.int32] = coder.decode(Counted(frequency).inner, n)
    if not coder.is_empty():
        raise InvalidFileError(f"must be coded exponents of {n:,} numbers, not of others")
    # Every content has one form: without this, no words at all would be any number of the least.
    if not np.array_equal(frequency, quantise(np.bincount(exponent, minlength=N_EXPONENTS))):
        raise InvalidFileError("must have the frequencies of the exponents it codes, not others")
    return exponent
