"""The validation split and quantile thresholds: all that is settled before training begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError

VALIDATION_PART = 12
"""Unless said, every twelfth training image is held out: 5,000 of MNIST's."""


def split_validation(
    n_images: int, n_validation: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part the training images into some to learn from and some to choose by.

    Parameters
    ----------
    n_images, n_validation : int
        0 to choose by takes a twelfth, at least one.
    seed : int

    Returns
    -------
    train, validation : int64 arrays
        Image numbers, disjoint, together all of them.

    Raises
    ------
    InvalidDataError
        If nothing would be left to learn from.
    """
    n_validation = n_validation or max(1, n_images // VALIDATION_PART)
    if not 1 <= n_validation < n_images:
        raise InvalidDataError(
            f"validation: must hold 1..{n_images - 1} of the {n_images} training images, "
            f"not {n_validation}; correct 'validation_images'"
        )
    order = np.random.default_rng(seed).permutation(n_images)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def quantile_thresholds(images: NDArray[np.uint8], n_thresholds: int) -> NDArray[np.uint8]:
    """Choose grey levels that part the inked pixels of the training images evenly.

    Pixels of level 0 are left out: most of an image is background, and it would take every
    quantile.  Levels that coincide are merged, so fewer than asked may come back.

    Parameters
    ----------
    images : uint8[n, height, width]
        Training images only.
    n_thresholds : int

    Returns
    -------
    uint8[<= n_thresholds]
        Strictly rising, 1 to 255.
    """
    inked = images[images > 0]
    if inked.size == 0:
        raise InvalidDataError(
            "quantile thresholds: training images must have pixels above 0, but all are black; "
            "give fixed thresholds"
        )
    shares = np.arange(1, n_thresholds + 1) / (n_thresholds + 1)
    levels = np.quantile(inked, shares, method="lower")
    return np.unique(np.clip(levels, 1, 255)).astype(np.uint8)
