"""Rows for a layer of attention as a file: what a text gave, to be attended to in simulation."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np

from lutloom.attention.batch import AttentionBatch, check_batch
from lutloom.attention.config import AttentionConfig
from lutloom.errors import InvalidDataError, InvalidFileError
from lutloom.files.atomic import write_bytes
from lutloom.files.bounded import read_bytes

ROWS_BYTES_MAX = 1 << 30


def write_attention_rows(batch: AttentionBatch, path: str | os.PathLike[str]) -> None:
    """Write sequences as npz, all or nothing.

    Parameters
    ----------
    batch : AttentionBatch
    path : path

    Raises
    ------
    InvalidFileError
        If the system refuses to write.
    """
    data = io.BytesIO()
    np.savez_compressed(data, query=batch.query, key=batch.key, value=batch.value)
    write_bytes(path, data.getvalue())


def read_attention_rows(path: str | os.PathLike[str], config: AttentionConfig) -> AttentionBatch:
    """Read int8 sequences and check that they fit a layer.

    Parameters
    ----------
    path : path
    config : AttentionConfig

    Returns
    -------
    AttentionBatch

    Raises
    ------
    InvalidFileError
        If the file is missing, too large, no npz, or its rows are of another layer.
    """
    data = read_bytes(path, ROWS_BYTES_MAX)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            batch = AttentionBatch(file["query"], file["key"], file["value"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, NotImplementedError):
        raise InvalidFileError(
            f"{path}: must be an npz file with the arrays query, key and value; "
            "give the one 'lutloom attention lower' wrote"
        ) from None
    try:
        check_batch(config, batch, str(path))
    except InvalidDataError as error:
        raise InvalidFileError(str(error)) from None
    return batch
