"""Count ones in one of several forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from lutloom_hw.options import VoteForm
from lutloom_hw.popcount.builder import Builder
from lutloom_hw.popcount.carry import count_with_carries
from lutloom_hw.popcount.compressor import count_with_compressors

Bit = TypeVar("Bit")


def count_ones(
    builder: Builder[Bit],
    bits: Sequence[Bit],
    *,
    bias: int,
    width: int,
    form: VoteForm,
    register_every: int,
) -> list[Bit]:
    """Count the ones among ``bits`` plus ``bias``, registered at the end.

    Parameters
    ----------
    builder : Builder
        What the count is built of.
    bits : sequence of Bit
        Registered bits.
    bias : int
        A constant to add, not negative.
    width : int
        Bits of the result; must hold ``bias + len(bits)``.
    form : {"compressor", "carry"}
    register_every : int
        Adder levels between two ranks of registers.

    Returns
    -------
    list of Bit
        The count, least significant bit first.
    """
    count = count_with_compressors if form == "compressor" else count_with_carries
    total = count(builder, bits, bias=bias, register_every=register_every)[:width]
    return total + [builder.constant(0)] * (width - len(total))
