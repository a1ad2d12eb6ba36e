"""Plain arrays out of ``.npz`` files, whatever hands them in."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError
from lutloom.files.bounded import check_file

NPZ_BYTES_MAX = 1 << 30
"""Largest ``.npz`` file that is read, and largest array in it."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz`` file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to array

    Raises
    ------
    InvalidFileError
        If it is missing, too large, damaged, or holds objects.
    """
    check_file(path, NPZ_BYTES_MAX)
    try:
        with zipfile.ZipFile(path) as archive:
            largest = max((entry.file_size for entry in archive.infolist()), default=0)
        if largest > NPZ_BYTES_MAX:
            raise InvalidFileError(
                f"{path}: arrays must be at most {NPZ_BYTES_MAX} bytes, not {largest}; "
                "give fewer images"
            )
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError) as error:
        raise InvalidFileError(
            f"{path}: must be a whole .npz file of plain arrays, but {error}; save it again with "
            "numpy.savez_compressed(path, images=…, labels=…)"
        ) from error
