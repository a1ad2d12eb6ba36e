r"""Lossless coding of a part's bytes: none, general-purpose, or by the planes of fp16 numbers.

Example
-------
>>> coding = CODINGS["xz"]
>>> coding.decompress(coding.compress([bytes(90)]), [90])[:3]
b'\x00\x00\x00'
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from lutloom.errors import InvalidFileError
from lutloom.language.archive.exponents import (
    compress_exponents,
    decompress_exponents,
    exponents_raw_bytes_max,
)

Compression = Literal["none", "xz", "exponent"]
"""``none``: as they are.  ``xz``: LZMA2.  ``exponent``: see
:mod:`lutloom.language.archive.exponents`."""

XZ_RATIO_MAX = 64
"""Bytes one stored byte may become; what a reader allocates is bounded by the file's length."""

_DICTIONARY_BYTES = 1 << 12, 1 << 26


class Coding(Protocol):
    """Turn a part's pieces, one a tensor, into fewer bytes, and back."""

    def compress(self, pieces: Sequence[bytes]) -> bytes:
        """Give the bytes to store; none for none."""

    def raw_bytes_max(self, stored_bytes: int) -> int:
        """Give how many bytes so many stored ones may become."""

    def decompress(self, stored: bytes | memoryview, lengths: Sequence[int]) -> bytes:
        """Give back pieces of so many bytes, joined, or raise an :class:`InvalidFileError`.

        What it says begins with ``must``; the caller puts before it where.
        """


class Uncoded:
    """Keep bytes as they are."""

    def compress(self, pieces: Sequence[bytes]) -> bytes:
        """Join them."""
        return b"".join(pieces)

    def raw_bytes_max(self, stored_bytes: int) -> int:
        """Give as many."""
        return stored_bytes

    def decompress(self, stored: bytes | memoryview, lengths: Sequence[int]) -> bytes:
        """Give them back."""
        raw_bytes = sum(lengths)
        if len(stored) != raw_bytes:
            raise InvalidFileError(f"must be {raw_bytes:,} bytes long, not {len(stored):,}")
        return bytes(stored)


class Xz:
    """Compress by LZMA2 without a container, set for numbers of two bytes.

    Literal contexts follow the position in the pair of bytes and not the byte before, which is the
    low half of a mantissa and tells nothing.
    """

    def compress(self, pieces: Sequence[bytes]) -> bytes:
        """Compress; the same bytes give the same as long as liblzma stays the same."""
        raw = b"".join(pieces)
        if not raw:
            return b""
        return lzma.compress(raw, format=lzma.FORMAT_RAW, filters=_filters(len(raw)))

    def raw_bytes_max(self, stored_bytes: int) -> int:
        """Give :data:`XZ_RATIO_MAX` times as many."""
        return XZ_RATIO_MAX * stored_bytes

    def decompress(self, stored: bytes | memoryview, lengths: Sequence[int]) -> bytes:
        """Decompress, and stop where more would come than was declared."""
        raw_bytes = sum(lengths)
        if not stored and not raw_bytes:
            return b""
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(raw_bytes))
        try:
            raw = decompressor.decompress(stored, max_length=raw_bytes + 1)
        except lzma.LZMAError as error:
            raise InvalidFileError("must be whole LZMA2 data, but is damaged") from error
        if not decompressor.eof or decompressor.unused_data or len(raw) != raw_bytes:
            raise InvalidFileError(f"must be LZMA2 data of exactly {raw_bytes:,} bytes")
        return raw


class Exponents:
    """Code exponents of fp16 numbers by their frequencies in a piece; keep sign and mantissa."""

    def compress(self, pieces: Sequence[bytes]) -> bytes:
        """Compress whole fp16 numbers."""
        return compress_exponents(pieces)

    def raw_bytes_max(self, stored_bytes: int) -> int:
        """Give what sign and mantissa alone would have room for."""
        return exponents_raw_bytes_max(stored_bytes)

    def decompress(self, stored: bytes | memoryview, lengths: Sequence[int]) -> bytes:
        """Decompress whole fp16 numbers."""
        return decompress_exponents(stored, lengths)


CODINGS: dict[Compression, Coding] = {"none": Uncoded(), "xz": Xz(), "exponent": Exponents()}
"""Codings by name."""


def _filters(raw_bytes: int) -> list[dict[str, Any]]:
    least, most = _DICTIONARY_BYTES
    dictionary = min(most, max(least, 1 << max(0, raw_bytes - 1).bit_length()))
    return [
        {"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": dictionary, "lc": 0, "lp": 1, "pb": 1}
    ]
