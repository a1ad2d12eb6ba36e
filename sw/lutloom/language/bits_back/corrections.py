"""What tells the right parameters of a rotation from those that were read off rounded weights.

Readings are rounded to the grid, and the differences coded by a bell curve that the writer fits;
those far out are spelled.  Readings halfway between two grid values could be rounded differently
where linear algebra rounds differently, so their direction is written down.

Example
-------
>>> corrections = Corrections.find(grid, numbers, reading, again)    # doctest: +SKIP
>>> corrections.push(message)                                        # doctest: +SKIP
>>> pop_numbers(message, grid, reading, corrections.deviation_code)  # doctest: +SKIP
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lutloom.language.bits_back.cayley import Grid
from lutloom.language.bits_back.message import Bell, Message, uniform

GUARD = 2.0**-16
"""Distance from halfway, in steps, below which the direction is written down."""

_TRUSTED = GUARD / 4
"""Most that two readings with other rounding errors may differ by."""

_CODES = 256
_PER_STEP = 16
"""Deviations are sixteenths of a step, from 1 to 256 of them."""

_REACH = 7
"""Deviations from the middle that have symbols of their own."""

_WIDE_BITS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Hold one node's.

    Parameters
    ----------
    grid : Grid
    numbers : int64[n]
        The right ones.
    deltas : int64[n]
        Right minus read.
    guards : int64[n_guards]
        Readings close to halfway.
    upward : int64[n_guards]
        Whether those were rounded up.
    deviation_code : int
        Which bell curve codes the differences, 0 to 255.
    bits : float
        What all of it will cost, nearly.
    """

    grid: Grid
    numbers: NDArray[np.int64]
    deltas: NDArray[np.int64]
    guards: NDArray[np.int64]
    upward: NDArray[np.int64]
    deviation_code: int
    bits: float

    @classmethod
    def find(
        cls,
        grid: Grid,
        numbers: NDArray[np.int64],
        reading: NDArray[np.float64] | None,
        again: NDArray[np.float64] | None,
    ) -> Corrections | None:
        """Compare what was read with what is right.

        Parameters
        ----------
        grid : Grid
        numbers : int64[n]
        reading, again : float64[n] or None
            In steps of the grid; twice, with other rounding errors.

        Returns
        -------
        Corrections or None
            None if the reading cannot be trusted to be the same elsewhere.
        """
        if reading is None or again is None:
            return None
        reading, again = clip(grid, reading), clip(grid, again)
        if not np.abs(reading - again).max(initial=0.0) <= _TRUSTED:
            return None
        low = np.floor(reading)
        guards = np.flatnonzero(np.abs(reading - low - 0.5) < GUARD)
        upward = (reading[guards] >= low[guards] + 0.5).astype(np.int64)
        deltas = numbers - nearest(grid, reading, guards, upward)
        code, bits = fit(grid, deltas)
        bits += _WIDE_BITS * (1 + len(guards)) + len(guards)
        return cls(grid, numbers, deltas, guards, upward, code, bits)

    @property
    def n_wrong(self) -> int:
        """Parameters whose nearest grid value is not the right one."""
        return int(np.count_nonzero(self.deltas))

    def push(self, message: Message) -> None:
        """Put them on a message."""
        reach = _reach(self.deviation_code)
        far = np.abs(self.deltas) > reach
        symbols = np.where(far, 2 * reach + 1, self.deltas + reach)
        message.push(self.numbers[far], uniform(1 << self.grid.bits))
        message.push(symbols, _bell(self.deviation_code))
        message.push(self.upward, uniform(2))
        message.push_wide(self.guards)
        message.push_wide(np.array([len(self.guards)]))


def pop_numbers(
    message: Message, grid: Grid, reading: NDArray[np.float64], deviation_code: int
) -> NDArray[np.int64]:
    """Take corrections off a message and give the right numbers.

    Parameters
    ----------
    message : Message
    grid : Grid
    reading : float64[n]
        In steps of the grid.
    deviation_code : int

    Returns
    -------
    int64[n]
    """
    n = grid.n_parameters
    n_guards = min(n, int(message.pop_wide(1)[0]))
    guards = np.minimum(message.pop_wide(n_guards), n - 1)
    upward = message.pop(n_guards, uniform(2))
    symbols = message.pop(n, _bell(deviation_code))
    reach = _reach(deviation_code)
    far = symbols == 2 * reach + 1
    numbers = nearest(grid, clip(grid, reading), guards, upward) + symbols - reach
    numbers[far] = message.pop(int(far.sum()), uniform(1 << grid.bits))
    return np.asarray(np.clip(numbers, 0, (1 << grid.bits) - 1), dtype=np.int64)


def clip(grid: Grid, reading: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring readings beyond the grid to whole numbers beside it; not a number becomes the first."""
    clipped = np.clip(reading, -1.0, float(1 << grid.bits))
    return np.nan_to_num(clipped, nan=0.0)


def nearest(
    grid: Grid, reading: NDArray[np.float64], guards: NDArray[np.int64], upward: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Round clipped readings to the grid, those near halfway as they are told."""
    rounded = np.floor(reading + 0.5)
    rounded[guards] = np.rint(reading[guards] - 0.5) + upward
    return np.clip(rounded, 0, (1 << grid.bits) - 1).astype(np.int64)


def fit(grid: Grid, deltas: NDArray[np.int64]) -> tuple[int, float]:
    """Choose the bell curve under which differences cost least.

    Parameters
    ----------
    grid : Grid
    deltas : int64[n]
        Right minus read, in steps.

    Returns
    -------
    int
        Its code, 0 to 255.
    float
        Bits that all differences cost.
    """
    sizes, counts = np.unique(np.abs(deltas), return_counts=True)
    near = sizes <= _CODES // _PER_STEP * _REACH
    root = math.sqrt(float(np.sum(sizes[near] ** 2 * counts[near])) / max(1, counts[near].sum()))
    candidates = {round(_PER_STEP * root * (0.5 + 0.1 * tenth)) - 1 for tenth in range(9)}
    candidates |= {4, 6, 8}  # a few rare differences cost least where the root is far below a step
    best = (0, math.inf)
    for code in sorted(min(_CODES - 1, max(0, code)) for code in candidates):
        reach, cost = _reach(code), _bell(code).bits()
        far = sizes > reach
        spelled = float(counts[far].sum()) * (cost[-1] + grid.bits)
        bits = float(np.sum(counts[~far] * cost[reach + sizes[~far]])) + spelled
        if bits < best[1]:
            best = (code, bits)
    return best


def _reach(code: int) -> int:
    return max(2, math.ceil(_REACH * (code + 1) / _PER_STEP))


@cache
def _bell(code: int) -> Bell:
    reach = _reach(code)
    return Bell(2 * reach + 1, Decimal(reach), Decimal(code + 1) / Decimal(_PER_STEP), escape=True)
