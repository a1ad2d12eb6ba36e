"""Data sets: MNIST as shipped, folders, .npz files, and all that can be wrong with them."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from lutloom.data import dataset, load, quantile_thresholds, split_validation
from lutloom.errors import InvalidDataError, InvalidFileError


def write_idx(path: Path, array: np.ndarray, *, packed: bool = False) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)


TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, n in (("train", 40), ("t10k", 10)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (n, 9, 7)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(n) % 4, packed=True)
    return tmp_path


def test_mnist_is_whole():
    data = load("mnist")
    assert data.train_images.shape == (60000, 28, 28)
    assert data.test_images.shape == (10000, 28, 28)
    assert data.n_classes == 10
    assert np.bincount(data.test_labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


def test_a_changed_byte_of_mnist_is_noticed(tmp_path, monkeypatch):
    images = np.zeros((2, 28, 28))
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images", images)
        write_idx(tmp_path / f"{part}-labels", np.zeros(2))
    with pytest.raises(InvalidFileError, match=r"SHA-256 .* must be ba891046\S+, not"):
        dataset._load_folder(tmp_path, "mnist", dataset._MNIST)


def test_folder_of_idx_files_gzip_or_not(folder):
    data = load(folder)
    assert data.train_images.shape == (40, 9, 7)
    assert data.test_labels.tolist() == [0, 1, 2, 3] * 2 + [0, 1]
    assert data.n_classes == 4


def test_npz_with_and_without_a_test_part(tmp_path):
    images = np.arange(60 * 6, dtype=np.uint8).reshape(60, 2, 3)
    labels = np.arange(60) % 3
    np.savez(tmp_path / "one.npz", images=images, labels=labels)
    np.savez(
        tmp_path / "two.npz", images=images, labels=labels,
        test_images=images[:5], test_labels=labels[:5],
    )  # fmt: skip
    one, again, two = (
        load(tmp_path / "one.npz"),
        load(tmp_path / "one.npz"),
        load(tmp_path / "two.npz"),
    )
    assert (len(one.train_images), len(one.test_images)) == (50, 10)
    assert (one.test_images == again.test_images).all()
    together = np.concatenate([one.train_images, one.test_images]).reshape(60, -1)
    assert len(np.unique(together, axis=0)) == len(np.unique(images.reshape(60, -1), axis=0))
    assert (len(two.train_images), len(two.test_images)) == (60, 5)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (lambda f: _cut(f / TRAIN), InvalidFileError, "truncated or damaged"),
        (lambda f: _cut(f / "train-labels-idx1-ubyte.gz"), InvalidFileError, "whole gzip file"),
        (lambda f: (f / TEST).unlink(), InvalidFileError, r"t10k-images\*"),
        (lambda f: (f / TRAIN).write_bytes(b"GIF89a"), InvalidFileError, "magic"),
        (lambda f: (f / TRAIN).write_bytes(b""), InvalidFileError, "bytes long"),
        (lambda f: write_idx(f / TRAIN, np.zeros(40)), InvalidDataError, "in 3 dim"),
        (lambda f: write_idx(f / TRAIN, np.zeros((39, 9, 7))), InvalidDataError,
         "label for each image, not 39 images and 40 labels"),
        (lambda f: write_idx(f / TEST, np.zeros((10, 9, 8))), InvalidDataError,
         "of one size"),
        (lambda f: write_idx(f / TRAIN, np.zeros((40, 9, 65))), InvalidDataError,
         r"1\.\.64 pixels"),
        (lambda f: write_idx(f / "train-labels-idx1-ubyte.gz", np.full(40, 200)), InvalidDataError,
         r"label 0 must be 0\.\.99, not 200"),
        (lambda f: write_idx(f / "train-labels-idx1-ubyte.gz", np.zeros(40)), InvalidDataError,
         r"2\.\.100 classes, not 1"),
        (lambda f: write_idx(f / "t10k-labels-idx1-ubyte.gz", np.full(10, 4)), InvalidDataError,
         r"test labels must be 0\.\.3"),
        (lambda f: write_idx(f / "train-images-copy", np.zeros(1)), InvalidFileError, "one file"),
    ],
)  # fmt: skip
def test_spoilt_folders_are_refused(folder, spoil, error, says):
    spoil(folder)
    with pytest.raises(error, match=says):
        load(folder)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"images": np.zeros((9, 2, 2), np.uint8)}, "add 'labels'"),
        ({"images": np.zeros((9, 2, 2)), "labels": np.zeros(9, int)}, "must be uint8"),
        ({"images": np.zeros((9, 2, 2), np.uint8), "labels": np.zeros(9)}, "must be integers"),
        ({"images": np.zeros((9, 2, 2), np.uint8), "labels": np.full(9, -1)}, "not -1"),
    ],
)
def test_spoilt_npz_files_are_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InvalidDataError, match=says):
        load(tmp_path / "a.npz")


def test_npz_that_is_none_or_holds_objects(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(InvalidFileError, match=r"whole \.npz file"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", images=np.array([{}], dtype=object), labels=np.zeros(1, int))
    with pytest.raises(InvalidFileError, match="plain arrays"):
        load(tmp_path / "b.npz")
    with pytest.raises(InvalidFileError, match="must be 'mnist', a folder"):
        load(tmp_path / "missing")


def test_split_is_a_partition_and_seeded():
    train, held_out = split_validation(100, 30, seed=1)
    assert sorted([*train, *held_out]) == list(range(100))
    assert len(held_out) == 30
    assert (split_validation(100, 30, 1)[1] == held_out).all()
    assert (split_validation(100, 30, 2)[1] != held_out).any()
    assert len(split_validation(60_000, 0, 1)[1]) == 5000
    assert len(split_validation(2, 0, 1)[1]) == 1
    with pytest.raises(InvalidDataError, match=r"1\.\.9 of the 10"):
        split_validation(10, 10, seed=0)


def test_quantile_thresholds_part_inked_pixels_evenly():
    images = np.zeros((1, 10, 20), dtype=np.uint8)
    images[0, 5:] = np.arange(1, 101).reshape(5, 20)
    levels = quantile_thresholds(images, 3)
    assert levels.tolist() == [25, 50, 75]
    flat = np.full((1, 2, 2), 7, dtype=np.uint8)
    assert quantile_thresholds(flat, 3).tolist() == [7]
    with pytest.raises(InvalidDataError, match="all are black"):
        quantile_thresholds(np.zeros((1, 2, 2), dtype=np.uint8), 2)
