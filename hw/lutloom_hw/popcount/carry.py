"""Popcount by 3:2 adders, then a binary tree of additions on carry chains.

Two tricks keep it small.  Every addition also takes one raw bit as its carry in.  And several
additions share one chain: between two of them stands a place ``x + x`` whose sum is the carry out
of the first and whose carry is ``x``, the carry in of the second, so one logic cell does both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Generic, TypeVar

from lutloom_hw.popcount.builder import Builder, CostBuilder

Bit = TypeVar("Bit")

CHAIN_BITS = 18
"""Places on one carry chain, about; longer chains are cheaper and slower."""

_LEAVES_TRIED = 32


@dataclass(frozen=True, slots=True)
class _Number(Generic[Bit]):
    """A partial count and the highest value it can reach."""

    bits: list[Bit]
    highest: int


def count_with_carries(
    builder: Builder[Bit], bits: Sequence[Bit], *, bias: int, register_every: int
) -> list[Bit]:
    """Count the ones among ``bits`` plus ``bias`` with 3:2 adders and carry chains.

    Parameters
    ----------
    builder : Builder
    bits : sequence of Bit
    bias : int
        Not negative.
    register_every : int
        Levels (the 3:2 adders are the first) between two ranks of registers.

    Returns
    -------
    list of Bit
        The registered count, least significant bit first.
    """
    n_leaves = _cheapest_leaves(len(bits), bias, register_every)
    return _count(builder, bits, bias, register_every, n_leaves)


def _cheapest_leaves(n_bits: int, bias: int, register_every: int) -> int:
    """Choose how many 3:2 adders to begin with; the other bits become carries in."""
    first, last = max(1, (n_bits + 1) // 4), max(1, n_bits // 3)
    costs = []
    for n_leaves in range(first, last + 1, 1 + (last - first) // _LEAVES_TRIED):
        cost = CostBuilder()
        _count(cost, [False] * n_bits, bias, register_every, n_leaves)
        costs.append((cost.latency_cycles, cost.cells, n_leaves))
    return min(costs)[2]


def _count(
    builder: Builder[Bit], bits: Sequence[Bit], bias: int, register_every: int, n_leaves: int
) -> list[Bit]:
    n_leaves = min(n_leaves, len(bits) // 3)
    loose, added = _spread(bits, len(bits) - 3 * n_leaves)
    numbers = [
        _Number(list(builder.full_adder(*added[k : k + 3])), 3) for k in range(0, 3 * n_leaves, 3)
    ]
    if bias:
        constant = [builder.constant(bias >> k & 1) for k in range(bias.bit_length())]
        numbers.append(_Number(constant, bias))

    level = 1
    while len(numbers) > 1 or loose:
        if level % register_every == 0:
            numbers, loose = _register(builder, numbers, loose)
        numbers, loose = _add_level(builder, numbers, loose)
        level += 1
    total = numbers[0].bits if numbers else [builder.constant(0)]
    return builder.register(total)


def _register(
    builder: Builder[Bit], numbers: list[_Number[Bit]], loose: list[Bit]
) -> tuple[list[_Number[Bit]], list[Bit]]:
    flat = [bit for number in numbers for bit in number.bits] + loose
    registered = iter(builder.register(flat))
    numbers = [_Number([next(registered) for _ in n.bits], n.highest) for n in numbers]
    return numbers, list(registered)


def _add_level(
    builder: Builder[Bit], numbers: list[_Number[Bit]], loose: list[Bit]
) -> tuple[list[_Number[Bit]], list[Bit]]:
    """Add neighbours in pairs, each pair with a loose bit if there is one."""
    loose = list(loose)
    numbers = sorted(numbers, key=lambda number: number.highest)
    while len(numbers) < 2 and loose:
        numbers.insert(0, _Number([loose.pop()], 1))
    left_over = [numbers.pop()] if len(numbers) % 2 else []
    pairs = list(zip(numbers[0::2], numbers[1::2], strict=True))
    carries_in, loose = _spread(loose, min(len(pairs), len(loose)))
    chain = _Chain(builder)
    for (a, b), carry_in in zip_longest(pairs, carries_in):
        chain.add(a, b, carry_in)
    return chain.finish() + left_over, loose


def _spread(bits: Sequence[Bit], count: int) -> tuple[list[Bit], list[Bit]]:
    """Choose ``count`` bits evenly, so that what is added together lies together."""
    chosen = {(2 * k + 1) * len(bits) // (2 * count) for k in range(count)}
    return (
        [bit for k, bit in enumerate(bits) if k in chosen],
        [bit for k, bit in enumerate(bits) if k not in chosen],
    )


class _Chain(Generic[Bit]):
    """Additions side by side on carry chains of at most about :data:`CHAIN_BITS` places."""

    def __init__(self, builder: Builder[Bit]) -> None:
        self._builder = builder
        self._a: list[Bit] = []
        self._b: list[Bit] = []
        self._fields: list[tuple[int, int, int]] = []  # first place, places, highest value
        self._done: list[_Number[Bit]] = []

    def add(self, a: _Number[Bit], b: _Number[Bit], carry_in: Bit | None) -> None:
        zero = self._builder.constant(0)
        width = max(len(a.bits), len(b.bits))
        highest = a.highest + b.highest + (carry_in is not None)
        if len(self._a) + width > CHAIN_BITS:
            self._flush()
        if carry_in is not None or self._a:
            between = zero if carry_in is None else carry_in
            self._a.append(between)
            self._b.append(between)
        self._fields.append((len(self._a), highest.bit_length(), highest))
        self._a += a.bits + [zero] * (width - len(a.bits))
        self._b += b.bits + [zero] * (width - len(b.bits))

    def finish(self) -> list[_Number[Bit]]:
        self._flush()
        return self._done

    def _flush(self) -> None:
        if not self._fields:
            return
        first, width, _ = self._fields[-1]
        if first + width > len(self._a):
            # x + x + carry again: were it 0 + 0, synthesis would take the table of the carry out
            # away and place and route would need a second cell to bring it out.
            self._a.append(self._b[-1])
            self._b.append(self._b[-1])
        total = self._builder.add(self._a, self._b)
        for first, width, highest in self._fields:
            self._done.append(_Number(total[first : first + width], highest))
        self._a, self._b, self._fields = [], [], []
