"""Pictures as a model takes them: from PNG and its like, IDX, or ``.npz``.

A photo or drawing is brought to the form of MNIST's digits: grey, light on dark, the drawing in
the middle, with its longer side 20 parts in 28.  A picture that already has the model's size and a
dark border is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lutloom.data import load
from lutloom.data.idx import read_idx
from lutloom.errors import InvalidDataError, InvalidFileError, MissingExtraError
from lutloom.files.bounded import check_file
from lutloom.files.npz import read_arrays

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE_BYTES_MAX = 1 << 26
PICTURE_PIXELS_MAX = 1 << 26
_IDX_SUFFIXES = (".idx", ".gz", "-ubyte", ".ubyte")
_DRAWN_SHARE = 20 / 28
_BRIGHT = 128
_INK = 40
"""Grey levels above the background's from which a pixel counts as drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Hold images and what they are called.

    Parameters
    ----------
    names : tuple of str
    images : uint8[n, height, width]
    labels : int64[n] or None
        True classes, where they are known for all.
    """

    names: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None


def read_pictures(sources: list[str], shape: tuple[int, int]) -> Pictures:
    """Read pictures from files, in their order.

    Parameters
    ----------
    sources : list of str
        PNG, JPEG or other pictures; IDX files of images; ``.npz`` files with ``images`` and, if
        known, ``labels``; or ``mnist``, the shipped test images.
    shape : (int, int)
        Height and width the model takes.

    Returns
    -------
    Pictures

    Raises
    ------
    InvalidFileError, InvalidDataError
        If a file is missing, damaged, or holds something else.
    MissingExtraError
        If a picture needs Pillow and it is not installed.
    """
    parts = [_read(source, shape) for source in sources]
    for part in parts:
        if part.images.shape[1:] != shape:
            raise InvalidDataError(
                f"{part.names[0]}: images must be of {shape[0]} x {shape[1]} pixels, as the model "
                f"takes, not {' x '.join(map(str, part.images.shape[1:]))}; scale them"
            )
    known = [part.labels for part in parts if part.labels is not None]
    return Pictures(
        names=tuple(name for part in parts for name in part.names),
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate(known) if len(known) == len(parts) else None,
    )


def _read(source: str, shape: tuple[int, int]) -> Pictures:
    if source == "mnist":
        data = load("mnist")
        return _named("mnist", data.test_images, data.test_labels)
    path = Path(source)
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.name.endswith(_IDX_SUFFIXES):
        return _named(path.name, read_idx(path, 3), None)
    return Pictures((path.name,), _read_picture(path, shape)[None], None)


def _named(stem: str, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> Pictures:
    return Pictures(tuple(f"{stem}[{k}]" for k in range(len(images))), images, labels)


def _read_npz(path: Path) -> Pictures:
    arrays = read_arrays(path)
    images = arrays.get("images")
    if images is None or images.dtype != np.uint8 or images.ndim != 3 or not len(images):
        came = "none" if images is None else f"{images.dtype}{list(images.shape)}"
        raise InvalidDataError(
            f"{path}: 'images' must be uint8[n, height, width], not {came}; convert them to grey "
            "bytes"
        )
    labels = arrays.get("labels")
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise InvalidDataError(
            f"{path}: 'labels' must be {len(images)} integers, not "
            f"{labels.dtype}{list(labels.shape)}; give one an image, or none"
        )
    return _named(path.name, images, None if labels is None else labels.astype(np.int64))


def _read_picture(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    check_file(path, PICTURE_BYTES_MAX)
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingExtraError(
            "pictures: Pillow is not installed; pip install 'lutloom[host]'"
        ) from None
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > PICTURE_PIXELS_MAX:
                raise InvalidDataError(
                    f"{path}: must have at most {PICTURE_PIXELS_MAX:,} pixels, not "
                    f"{picture.width * picture.height:,}; scale it down"
                )
            grey = _as_grey(picture)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidFileError(
            f"{path}: must be a whole picture (PNG, JPEG, ...), IDX or .npz, but {error}; "
            "save it again"
        ) from None
    levels = np.asarray(grey, dtype=np.uint8)
    if _border(levels) >= _BRIGHT:
        levels = np.asarray(255 - levels, dtype=np.uint8)
    return levels if levels.shape == shape else _centre(levels, shape, path)


def _as_grey(picture: Image) -> Image:
    """Flatten onto white where a picture is transparent, and drop its colours."""
    from PIL import Image

    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("L")


def _border(levels: NDArray[np.uint8]) -> float:
    edges = (levels[0], levels[-1], levels[:, 0], levels[:, -1])
    return float(np.median(np.concatenate(edges)))


def _centre(levels: NDArray[np.uint8], shape: tuple[int, int], path: Path) -> NDArray[np.uint8]:
    """Cut the drawing out, scale it, and put its centre of mass into the middle."""
    from PIL import Image

    drawn = levels.astype(int) - _border(levels) > _INK
    if not drawn.any():
        raise InvalidDataError(
            f"{path}: must show a drawing that stands out from its background, but is all of one "
            "shade; use more contrast"
        )
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    cut = levels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _DRAWN_SHARE * min(shape) / max(cut.shape)
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    small = np.asarray(Image.fromarray(cut).resize(size, Image.Resampling.LANCZOS), dtype=np.uint8)
    weight = small.astype(float) + 1e-9
    at = [
        round(side / 2 - float((weight.sum(axis=1 - axis) @ np.arange(weight.shape[axis]))
                                     / weight.sum()))
        for axis, side in enumerate(shape)
    ]  # fmt: skip
    at = [
        min(max(0, first), side - n) for first, side, n in zip(at, shape, small.shape, strict=True)
    ]
    image = np.zeros(shape, dtype=np.uint8)
    image[at[0] : at[0] + small.shape[0], at[1] : at[1] + small.shape[1]] = small
    return image
