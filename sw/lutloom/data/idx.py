"""IDX files, the format MNIST and its relatives are published in, gzip or not.

Source of the format: http://yann.lecun.com/exdb/mnist/ (Y. LeCun, C. Cortes, C. Burges).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError, InvalidFileError
from lutloom.files.bounded import read_bytes

FILE_BYTES_MAX = 1 << 30
"""Largest file that is read, packed or not."""

_GZIP_MAGIC = b"\x1f\x8b"
_UINT8 = 0x08


def read_idx(path: Path, n_dimensions: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read one IDX file of bytes.

    Parameters
    ----------
    path : Path
    n_dimensions : int
        3 for images, 1 for labels.
    sha256 : str, optional
        Digest of the unpacked file that must hold.

    Returns
    -------
    uint8 array of ``n_dimensions`` dimensions

    Raises
    ------
    InvalidFileError
        If the file is missing, truncated, too long or has another digest.
    InvalidDataError
        If it holds another type or number of dimensions.
    """
    content = _unpack(path, read_bytes(path, FILE_BYTES_MAX))
    if sha256 is not None:
        came = hashlib.sha256(content).hexdigest()
        if came != sha256:
            raise InvalidFileError(
                f"{path}: SHA-256 of the unpacked file must be {sha256}, not {came}; "
                "restore the original file"
            )
    if len(content) < 4 or content[:2] != b"\0\0":
        raise InvalidFileError(
            f"{path}: must begin with the IDX magic number, not {content[:4].hex() or 'nothing'}; "
            "give an IDX file"
        )
    if content[2] != _UINT8 or content[3] != n_dimensions:
        raise InvalidDataError(
            f"{path}: must hold bytes in {n_dimensions} dimension(s), not type 0x{content[2]:02x} "
            f"in {content[3]}; give {'images' if n_dimensions == 3 else 'labels'} here"
        )
    header = 4 + 4 * n_dimensions
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, header, 4))
    if len(content) != header + math.prod(shape):
        raise InvalidFileError(
            f"{path}: shape {shape} must be followed by {math.prod(shape)} bytes, "
            f"not {max(0, len(content) - header)}; the file is truncated or damaged, "
            "fetch it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _unpack(path: Path, content: bytes) -> bytes:
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        unpacked = unpacker.decompress(content, FILE_BYTES_MAX)
        if not unpacker.eof:
            raise EOFError("it ends early or unpacks to more than 1 GiB")
        return unpacked
    except (zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise InvalidFileError(
            f"{path}: must be a whole gzip file, but {error}; fetch it again"
        ) from error
