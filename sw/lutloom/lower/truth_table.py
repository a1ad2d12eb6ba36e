"""Operations on many truth tables at once, each one a 64-bit word over six inputs.

A *full* table repeats over the inputs it does not have, so that every word is a function of all
six inputs and no operation needs to know the fan-in.  Bit ``a`` is the output at address ``a``.

Example
-------
>>> xor = spread(np.array([0b0110], dtype=np.uint64), np.array([2]))
>>> flip(xor, 0) == ~xor
array([ True])
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import FAN_IN_MAX, UNUSED, LutLayer

Words: TypeAlias = NDArray[np.uint64]
"""Full tables, one a word."""

ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""The table that is always 1."""

_LOW = tuple(np.uint64(sum(1 << a for a in range(64) if not a >> k & 1)) for k in range(FAN_IN_MAX))
"""Addresses at which input ``k`` is 0."""


def spread(table: Words, fan_in_count: NDArray[np.integer]) -> Words:
    """Repeat tables over the inputs they do not have.

    Parameters
    ----------
    table : uint64[n]
        As in :class:`~lutloom.ir.LutLayer`: no bits at and above ``2**fan_in_count``.
    fan_in_count : int[n]

    Returns
    -------
    uint64[n]
    """
    full = table.copy()
    for k in range(FAN_IN_MAX):
        full |= np.where(fan_in_count <= k, full << np.uint64(1 << k), np.uint64(0))
    return full


def shorten(full: Words, fan_in_count: NDArray[np.integer]) -> Words:
    """Undo :func:`spread`.

    Parameters
    ----------
    full : uint64[n]
    fan_in_count : int[n]

    Returns
    -------
    uint64[n]
    """
    spare = np.uint64(64) - (np.uint64(1) << fan_in_count.astype(np.uint64))
    return full & (ONES >> spare)


def set_input(full: Words, k: int, value: bool) -> Words:
    """Fix input ``k`` to a value; the result does not depend on it.

    Parameters
    ----------
    full : uint64[n]
    k : int
    value : bool

    Returns
    -------
    uint64[n]
    """
    shift = np.uint64(1 << k)
    if value:
        high = full & ~_LOW[k]
        return high | (high >> shift)
    low = full & _LOW[k]
    return low | (low << shift)


def flip(full: Words, k: int) -> Words:
    """Invert input ``k``.

    Parameters
    ----------
    full : uint64[n]
    k : int

    Returns
    -------
    uint64[n]
    """
    shift = np.uint64(1 << k)
    return ((full & _LOW[k]) << shift) | ((full >> shift) & _LOW[k])


def swap_next(full: Words, k: int) -> Words:
    """Exchange inputs ``k`` and ``k + 1``.

    Parameters
    ----------
    full : uint64[n]
    k : int

    Returns
    -------
    uint64[n]
    """
    shift = np.uint64(1 << k)
    moving = ~_LOW[k] & _LOW[k + 1]  # only input k is 1: these change places with only k + 1
    staying = ~(moving | (moving << shift))
    up, down = (full & moving) << shift, (full >> shift) & moving
    swapped: Words = (full & staying) | up | down
    return swapped


def join(full: Words, k: int, other: int) -> Words:
    """Read input ``other`` from input ``k``; the result does not depend on ``other``.

    Parameters
    ----------
    full : uint64[n]
    k, other : int

    Returns
    -------
    uint64[n]
    """
    if_low, if_high = set_input(full, other, False), set_input(full, other, True)
    joined: Words = (if_low & _LOW[k]) | (if_high & ~_LOW[k])
    return joined


def implies(k: int, other: int) -> np.uint64:
    """Give the addresses at which input ``k`` being 1 implies that input ``other`` is 1.

    Parameters
    ----------
    k, other : int

    Returns
    -------
    uint64
    """
    return np.uint64(_LOW[k] | ~_LOW[other])


def differs(full: Words, care: Words, k: int) -> NDArray[np.bool_]:
    """Tell whether input ``k`` ever decides the output where both addresses can occur.

    Parameters
    ----------
    full : uint64[n]
    care : uint64[n]
        Bit ``a`` is set if address ``a`` can occur.
    k : int

    Returns
    -------
    bool[n]
    """
    shift = np.uint64(1 << k)
    changes = (full ^ (full >> shift)) & care & (care >> shift) & _LOW[k]
    return np.asarray(changes != 0)


def compact(
    fan_in: NDArray[np.int32], full: Words, idle: NDArray[np.bool_], origin: NDArray[np.int32]
) -> LutLayer:
    """Build a layer without its idle inputs, gaps closed and empty columns left out.

    Parameters
    ----------
    fan_in : int32[n, k]
    full : uint64[n]
        Must not depend on idle inputs.
    idle : bool[n, k]
    origin : int32[n]

    Returns
    -------
    LutLayer
    """
    fan_in, full = fan_in.copy(), full.copy()
    fan_in[idle] = UNUSED
    slots = fan_in.shape[1]
    for k in reversed(range(slots - 1)):
        for j in range(k, slots - 1):  # let a gap at k rise to the end
            rows = np.flatnonzero((fan_in[:, j] == UNUSED) & (fan_in[:, j + 1] != UNUSED))
            fan_in[rows, j], fan_in[rows, j + 1] = fan_in[rows, j + 1], UNUSED
            full[rows] = swap_next(full[rows], j)
    count = (fan_in != UNUSED).sum(axis=1)
    fan_in = fan_in[:, : count.max(initial=0)]
    return LutLayer(fan_in=fan_in, table=shorten(full, count), origin=origin)


def sort_inputs(fan_in: NDArray[np.int32], full: Words) -> tuple[NDArray[np.int32], Words]:
    """Order every neuron's inputs by number, unused slots last.

    Parameters
    ----------
    fan_in : int32[n, k]
    full : uint64[n]

    Returns
    -------
    fan_in : int32[n, k]
    full : uint64[n]
        The same functions of the same signals.
    """
    fan_in, full = fan_in.copy(), full.copy()
    slots = fan_in.shape[1]
    for step in range(slots):
        for j in range(step % 2, slots - 1, 2):  # odd-even transposition sort
            low, high = fan_in[:, j].view(np.uint32), fan_in[:, j + 1].view(np.uint32)
            rows = np.flatnonzero(low > high)  # as unsigned, UNUSED is the largest
            fan_in[rows, j], fan_in[rows, j + 1] = fan_in[rows, j + 1], fan_in[rows, j]
            full[rows] = swap_next(full[rows], j)
    return fan_in, full
