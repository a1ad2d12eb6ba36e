"""A data set: grey images and labels, a part to train on and a part to test on.

Example
-------
>>> data = load("mnist")
>>> data.train_images.shape, data.n_classes
((60000, 28, 28), 10)
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.data.idx import read_idx
from lutloom.errors import InvalidDataError, InvalidFileError
from lutloom.files.npz import read_arrays
from lutloom.ir.verify import CLASSES_MAX, CLASSES_MIN, IMAGE_SIDE_MAX

TEST_SHARE = 6
"""An ``.npz`` without a test part gives every sixth image (in a seeded order) to the test."""

_MNIST = {  # SHA-256 of the unpacked files
    "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Hold images and labels in two parts.

    Parameters
    ----------
    name : str
        What reports call it.
    train_images, test_images : uint8[n, height, width]
        Grey levels, 0 to 255.
    train_labels, test_labels : int64[n]
        Classes, 0 to ``n_classes - 1``.

    Raises
    ------
    InvalidDataError
        If sizes, shapes or labels do not fit together.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            _check_part(f"{self.name}, {part} part", images, labels)
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise InvalidDataError(
                f"{self.name}: train and test images must be of one size, not "
                f"{self.train_images.shape[1:]} and {self.test_images.shape[1:]}; scale one part"
            )
        if not CLASSES_MIN <= self.n_classes <= CLASSES_MAX:
            raise InvalidDataError(
                f"{self.name}: the training part must hold {CLASSES_MIN}..{CLASSES_MAX} classes, "
                f"not {self.n_classes}; labels count from 0"
            )
        if int(self.test_labels.max(initial=0)) >= self.n_classes:
            raise InvalidDataError(
                f"{self.name}: test labels must be 0..{self.n_classes - 1} as in the training "
                f"part, not {int(self.test_labels.max())}; give both parts the same classes"
            )

    @property
    def n_classes(self) -> int:
        """Classes of the training part: its highest label and one."""
        return int(self.train_labels.max(initial=-1)) + 1

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of every image, in pixels."""
        return self.train_images.shape[1], self.train_images.shape[2]


def load(name_or_path: str | Path) -> Dataset:
    """Load a shipped data set by name, a folder of four IDX files, or an ``.npz`` file.

    Parameters
    ----------
    name_or_path : str or Path
        ``"mnist"``; a folder with ``train-images*``, ``train-labels*``, ``t10k-images*`` (or
        ``test-images*``) and ``t10k-labels*``, gzip or not; or an ``.npz`` with ``images
        uint8[n, h, w]`` and ``labels [n]``, and if it has a test part of its own
        ``test_images`` and ``test_labels``.

    Returns
    -------
    Dataset

    Raises
    ------
    InvalidFileError, InvalidDataError
    """
    text = str(name_or_path)
    if text == "mnist":
        folder = resources.files("lutloom") / "data" / "mnist"
        with resources.as_file(folder) as path:
            return _load_folder(path, "mnist", _MNIST)
    path = Path(text)
    if path.suffix == ".npz":
        return _load_npz(path)
    if path.is_dir():
        return _load_folder(path, path.resolve().name, {})
    raise InvalidFileError(
        f"data {text!r}: must be 'mnist', a folder of four IDX files or an .npz file, "
        "and there is none of that name; check the path"
    )


def _load_folder(folder: Path, name: str, digests: dict[str, str]) -> Dataset:
    def read(part: str, kind: str, n_dimensions: int) -> NDArray[np.uint8]:
        names = [part, "test"] if part == "t10k" else [part]
        for stem in names:
            found = sorted(folder.glob(f"{stem}-{kind}*"))
            if len(found) > 1:
                raise InvalidFileError(
                    f"{folder}: must hold one file {stem}-{kind}*, not {len(found)} "
                    f"({', '.join(p.name for p in found)}); remove the others"
                )
            if found:
                return read_idx(found[0], n_dimensions, digests.get(f"{part}-{kind}"))
        raise InvalidFileError(
            f"{folder}: must hold {' or '.join(f'{stem}-{kind}*' for stem in names)} (IDX, gzip "
            "or not), but there is none; add the file"
        )

    return Dataset(
        name=name,
        train_images=read("train", "images", 3),
        train_labels=read("train", "labels", 1).astype(np.int64),
        test_images=read("t10k", "images", 3),
        test_labels=read("t10k", "labels", 1).astype(np.int64),
    )


def _load_npz(path: Path) -> Dataset:
    arrays = read_arrays(path)
    missing = [key for key in ("images", "labels") if key not in arrays]
    if missing:
        raise InvalidDataError(
            f"{path}: must hold arrays 'images' and 'labels', not {sorted(arrays) or 'nothing'}; "
            f"add {missing[0]!r}"
        )
    images, labels = arrays["images"], arrays["labels"]
    if "test_images" in arrays and "test_labels" in arrays:
        parts = images, labels, arrays["test_images"], arrays["test_labels"]
    else:
        _check_part(str(path), images, labels)
        order = np.random.default_rng(0).permutation(len(images))
        test, train = order[::TEST_SHARE], np.delete(order, np.s_[::TEST_SHARE])
        parts = images[train], labels[train], images[test], labels[test]
    for part, its_images, its_labels in (("train", *parts[:2]), ("test", *parts[2:])):
        _check_part(f"{path}, {part} part", its_images, its_labels)
    return Dataset(
        path.stem, parts[0], parts[1].astype(np.int64), parts[2], parts[3].astype(np.int64)
    )


def _check_part(where: str, images: NDArray[Any], labels: NDArray[Any]) -> None:
    def require(holds: bool, rule: str, came: object, remedy: str) -> None:
        if not holds:
            raise InvalidDataError(f"{where}: {rule}, not {came}; {remedy}")

    require(
        images.dtype == np.uint8 and images.ndim == 3, "images must be uint8[n, height, width]",
        f"{images.dtype}{list(images.shape)}", "convert them to grey bytes",
    )  # fmt: skip
    require(
        labels.ndim == 1 and labels.dtype.kind in "iu", "labels must be integers [n]",
        f"{labels.dtype}{list(labels.shape)}", "give one whole number an image",
    )  # fmt: skip
    require(
        len(images) == len(labels), "there must be a label for each image",
        f"{len(images)} images and {len(labels)} labels", "drop the extra ones",
    )  # fmt: skip
    require(len(images) > 0, "there must be at least one image", 0, "add images")
    require(
        all(1 <= side <= IMAGE_SIDE_MAX for side in images.shape[1:]),
        f"height and width must be 1..{IMAGE_SIDE_MAX} pixels", images.shape[1:],
        "scale the images",
    )  # fmt: skip
    outside = (labels < 0) | (labels >= CLASSES_MAX)
    if outside.any():
        at = int(np.flatnonzero(outside)[0])
        require(
            False, f"label {at} must be 0..{CLASSES_MAX - 1}", int(labels[at]), "correct the labels"
        )
