"""Rotations from whole numbers and back: skew-symmetric matrices on a grid, through Cayley's map.

``R = (1 - A) (1 + A)^-1`` with ``A`` skew-symmetric reaches every rotation without a half turn.
Entries of ``A`` are normal with deviation ``width^-1/2``: with more, a small turn moves ``A`` far;
with less, few rotations are reached.  In between the entries hold most.

Example
-------
>>> grid = Grid(width=88, bits=14)
>>> grid.n_parameters
3828
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lutloom.language.bits_back.message import Bell, Message, uniform

BITS_MIN, BITS_MAX = 7, 18
"""Of a grid."""

_COARSE_BITS = 6
_DEVIATIONS = 4
"""The grid reaches this many deviations to either side."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Hold which rotations can be named.

    Parameters
    ----------
    width : int
        Of the rotations.
    bits : int
        Of each of their parameters, 7 to 18.
    """

    width: int
    bits: int

    @property
    def n_parameters(self) -> int:
        """Parameters of a rotation."""
        return self.width * (self.width - 1) // 2

    @property
    def step(self) -> float:
        """Distance of two neighbours of the grid, in entries of the skew-symmetric matrix."""
        return 2 * _DEVIATIONS / math.sqrt(self.width) / (1 << self.bits)

    def rotation(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the rotation of parameters.

        Parameters
        ----------
        numbers : int64[n_parameters]
            0 to ``2^bits - 1``, row by row below the diagonal.

        Returns
        -------
        float64[width, width]
        """
        skew = np.zeros((self.width, self.width))
        skew[np.tril_indices(self.width, -1)] = (numbers - self._middle) * self.step
        return cayley(skew - skew.T)

    def position(self, rotation: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give where a rotation lies, float64[n_parameters], in steps of the grid.

        Raises
        ------
        LinAlgError
            If it has a half turn, or is not finite.
        """
        skew = cayley(rotation)
        skew = (skew - skew.T) / 2
        return skew[np.tril_indices(self.width, -1)] / self.step + self._middle

    def pop(self, message: Message) -> NDArray[np.int64]:
        """Take parameters off a message whose bits are nearly random."""
        coarse = message.pop(self.n_parameters, _coarse())
        fine_bits = self.bits - _COARSE_BITS
        fine = message.pop(self.n_parameters, uniform(1 << fine_bits))
        return (coarse << fine_bits) | fine

    def push(self, message: Message, numbers: NDArray[np.int64]) -> None:
        """Put parameters back, and with them the bits they were made of."""
        fine_bits = self.bits - _COARSE_BITS
        message.push(numbers & ((1 << fine_bits) - 1), uniform(1 << fine_bits))
        message.push(numbers >> fine_bits, _coarse())

    @property
    def _middle(self) -> float:
        return ((1 << self.bits) - 1) / 2


def cayley(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give ``(1 - M) (1 + M)^-1``: skew-symmetric to rotation, and the same way back."""
    one = np.eye(len(matrix))
    mapped = np.linalg.solve(one + matrix, one - matrix)  # they commute
    return np.asarray(mapped, dtype=np.float64)


@cache
def _coarse() -> Bell:
    n = 1 << _COARSE_BITS
    return Bell(n, Decimal(n - 1) / 2, Decimal(n) / (2 * _DEVIATIONS))
