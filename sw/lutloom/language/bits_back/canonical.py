"""The gauge that a receiver finds again by itself, whichever rotation a node came in.

Turning a node by ``R`` turns what brings it into the canonical gauge by ``R^T``; so whoever has a
node that was turned from there has the rotation.  Two such gauges are here.  ``polar`` makes the
matrix into the node symmetric; an error of the matrix moves its rotation by that error over a sum
of two singular values, which is near 2 for a shortcut.  ``eigen``, as published, takes the
eigenvectors of the readers' Gram matrix; there the divisor is a difference of two eigenvalues.

Example
-------
>>> turn = find_canonical("polar", into, readers)                    # doctest: +SKIP
>>> np.allclose(turn.T @ into, (turn.T @ into).T)                    # doctest: +SKIP
True
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Canonical = Literal["polar", "eigen"]


def find_canonical(
    kind: Canonical, into: Sequence[NDArray[np.float64]], readers: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Give the rotation that brings a node into its canonical gauge.

    Parameters
    ----------
    kind : Canonical
    into : sequence of float64[width, ...]
        Matrices into the node, the shortcut first; at least ``width`` columns together.
    readers : sequence of float64[..., width]
        Matrices out of it but for the shortcut.

    Returns
    -------
    float64[width, width]
        Orthogonal.  Where the gauge does not decide (singular, or equal eigenvalues), one of those
        that do.

    Raises
    ------
    LinAlgError
        If numbers are not finite.
    """
    if kind == "polar":
        left, _, right = np.linalg.svd(_anchor(into))
        turn: NDArray[np.float64] = left @ right
        return turn
    vectors = np.linalg.eigh(gram(readers))[1][:, ::-1]
    sums = np.concatenate([vectors.T @ matrix for matrix in into], axis=1).sum(axis=1)
    return vectors * np.where(sums < 0, -1.0, 1.0)


def gram(readers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Give the Gram matrix, float64[width, width], of all that reads a node."""
    stacked = np.concatenate(readers)
    product: NDArray[np.float64] = stacked.T @ stacked
    return product


def _anchor(into: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Take a square out of what goes into a node: the shortcut, and writers where it is narrow."""
    width = into[0].shape[0]
    return np.concatenate(into, axis=1)[:, :width]
