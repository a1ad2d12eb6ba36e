"""Popcount by 3:2 compressors (Dadda): look-up tables only, no carry chain.

Columns hold bits of equal weight.  Each level brings no column above the next smaller number of
the sequence 2, 3, 4, 6, 9, 13, ... with as few adders as possible; the last two rows are added by
a ripple of full adders, a few bits a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from lutloom_hw.popcount.builder import Builder

Bit = TypeVar("Bit")

_BITS_PER_CLOCK = 2
"""Bits of a sum that ripple in a clock, for each level of compressors in one."""


def count_with_compressors(
    builder: Builder[Bit], bits: Sequence[Bit], *, bias: int, register_every: int
) -> list[Bit]:
    """Count the ones among ``bits`` plus ``bias`` with look-up tables alone.

    Parameters
    ----------
    builder : Builder
    bits : sequence of Bit
    bias : int
        Not negative.
    register_every : int
        Compressor levels between two ranks of registers.

    Returns
    -------
    list of Bit
        The registered count, least significant bit first.
    """
    columns: list[list[Bit]] = [list(bits)]
    for weight in range(bias.bit_length()):
        if weight == len(columns):
            columns.append([])
        if bias >> weight & 1:
            columns[weight].append(builder.constant(1))

    level = 0
    while max(map(len, columns)) > 2:
        columns = _compress(builder, columns)
        level += 1
        if level % register_every == 0:
            columns = _register(builder, columns)
    return _ripple(builder, columns, _BITS_PER_CLOCK * register_every)


def _target(height: int) -> int:
    """Give the largest number of Dadda's sequence below ``height``."""
    target = 2
    while target * 3 // 2 < height:
        target = target * 3 // 2
    return target


def _compress(builder: Builder[Bit], columns: list[list[Bit]]) -> list[list[Bit]]:
    target = _target(max(map(len, columns)))
    carries: list[Bit] = []
    out: list[list[Bit]] = []
    for weight in range(len(columns) + 1):
        column = list(columns[weight]) if weight < len(columns) else []
        made, next_carries = carries, []
        while len(column) + len(made) > target:
            if len(column) + len(made) == target + 1:
                total, carry = builder.half_adder(column[0], column[1])
                column = column[2:]
            else:
                total, carry = builder.full_adder(column[0], column[1], column[2])
                column = column[3:]
            made = [*made, total]
            next_carries.append(carry)
        if column or made or weight < len(columns):
            out.append(column + made)
        carries = next_carries
    if carries:
        out.append(carries)
    return out


def _register(builder: Builder[Bit], columns: list[list[Bit]]) -> list[list[Bit]]:
    flat = iter(builder.register([bit for column in columns for bit in column]))
    return [[next(flat) for _ in column] for column in columns]


def _ripple(builder: Builder[Bit], columns: list[list[Bit]], bits_per_clock: int) -> list[Bit]:
    total: list[Bit] = []
    carry: list[Bit] = []
    for weight, column in enumerate(columns):
        if weight and weight % bits_per_clock == 0:
            total, carry, *rest = _register(builder, [total, carry, *columns[weight:]])
            columns[weight:] = rest
            column = rest[0]
        column = column + carry
        carry = []
        if len(column) == 3:
            bit, carry_bit = builder.full_adder(column[0], column[1], column[2])
            carry = [carry_bit]
        elif len(column) == 2:
            bit, carry_bit = builder.half_adder(column[0], column[1])
            carry = [carry_bit]
        else:
            bit = column[0] if column else builder.constant(0)
        total.append(bit)
    return builder.register(total + carry)
