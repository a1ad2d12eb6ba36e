"""Sequences of rows: drawn, checked, and kept in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lutloom.attention.batch import AttentionBatch, check_batch, random_batch, sequences_for
from lutloom.attention.config import AttentionConfig
from lutloom.errors import InvalidDataError, InvalidFileError
from lutloom.files.attention_rows import read_attention_rows, write_attention_rows

CONFIG = AttentionConfig(n_heads=2, head_size=8, context=16)


def test_random_rows_reach_both_ends_and_never_minus_128() -> None:
    batch = random_batch(CONFIG, 20, seed=3)
    assert batch.query.shape == (20, 2, 16, 8)
    assert batch.query_rows == 20 * 2 * 16
    for rows in (batch.query, batch.key, batch.value):
        assert (rows.min(), rows.max()) == (-127, 127)
    assert not np.array_equal(batch.query, batch.key)
    assert np.array_equal(random_batch(CONFIG, 20, seed=3).value, batch.value)


def test_as_many_sequences_as_the_rows_need() -> None:
    assert [sequences_for(CONFIG, n) for n in (0, 1, 32, 33, 10_240)] == [0, 1, 1, 2, 320]


def test_the_head_of_a_batch() -> None:
    batch = random_batch(CONFIG, 3)
    some = batch.head(2, 5)
    assert len(some) == 2
    assert np.array_equal(some.key, batch.key[:2, :, :5])


def test_a_file_gives_the_rows_back(tmp_path: Path) -> None:
    batch = random_batch(CONFIG, 2)
    path = tmp_path / "out" / "rows.npz"
    write_attention_rows(batch, path)
    first = path.read_bytes()
    read = read_attention_rows(path, CONFIG)
    for name in ("query", "key", "value"):
        assert np.array_equal(getattr(read, name), getattr(batch, name))
    write_attention_rows(batch, path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("fault", ["type", "heads", "empty", "unlike", "lowest", "long"])
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, fault: str) -> None:
    rows = np.zeros((3, 2, 2, 16, 8), dtype=np.int8)
    query, key, value = rows
    message = "must be int8"
    if fault == "type":
        value = value.astype(np.int64)
    elif fault == "heads":
        query, key, value = rows[:, :, :1]
    elif fault == "empty":
        query, key, value = rows[:, :0]
    elif fault == "unlike":
        key = key[:, :, :8]
    elif fault == "long":
        query, key, value = np.zeros((3, 2, 2, 17, 8), dtype=np.int8)
    else:
        key[0, 0, 0, 0], message = -128, "numbers must be -127..127, not -128"
    batch = AttentionBatch(query, key, value)
    with pytest.raises(InvalidDataError, match=message):
        check_batch(CONFIG, batch, "rows")
    path = tmp_path / "rows.npz"
    write_attention_rows(batch, path)
    with pytest.raises(InvalidFileError, match=message):
        read_attention_rows(path, CONFIG)


@pytest.mark.parametrize("content", [b"no zip", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_a_file_that_holds_no_rows_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match="must be an npz file with the arrays query, key"):
        read_attention_rows(path, CONFIG)


def test_a_file_without_values_and_one_with_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, query=np.zeros(1), key=np.zeros(1))
    with pytest.raises(InvalidFileError, match="must be an npz file"):
        read_attention_rows(path, CONFIG)
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(path, query=objects, key=objects, value=objects)
    with pytest.raises(InvalidFileError, match="must be an npz file"):
        read_attention_rows(path, CONFIG)
    with pytest.raises(InvalidFileError, match="must exist, but there is no such file"):
        read_attention_rows(tmp_path / "none.npz", CONFIG)
