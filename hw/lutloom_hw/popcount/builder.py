"""What a popcount is made of: full adders, additions and ranks of registers.

Numbers are lists of bits, least significant first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from amaranth.hdl import Cat, Const, Module, Signal, Value

Bit = TypeVar("Bit")


class Builder(Protocol, Generic[Bit]):
    """Make the pieces of a popcount out of bits of one kind."""

    def constant(self, value: int) -> Bit:
        """Make a bit that is always ``value``."""

    def full_adder(self, a: Bit, b: Bit, c: Bit) -> tuple[Bit, Bit]:
        """Add three bits with two look-up tables: the sum and the carry."""

    def half_adder(self, a: Bit, b: Bit) -> tuple[Bit, Bit]:
        """Add two bits with two look-up tables: the sum and the carry."""

    def add(self, a: Sequence[Bit], b: Sequence[Bit]) -> list[Bit]:
        """Add two numbers of equal width on one carry chain, without the carry out."""

    def register(self, bits: Sequence[Bit]) -> list[Bit]:
        """Delay bits by one clock; constants stay what they are."""


class ModuleBuilder:
    """Build a popcount as Amaranth logic in a module.

    Parameters
    ----------
    m : Module
    name : str
        Prefix of the signals made.
    """

    def __init__(self, m: Module, name: str) -> None:
        self._m = m
        self._name = name
        self._made = 0

    def _signal(self, kind: str, width: int = 1, *, reset_less: bool = False) -> Signal:
        self._made += 1
        return Signal(width, name=f"{self._name}_{kind}{self._made}", reset_less=reset_less)

    def constant(self, value: int) -> Value:
        """Make a bit that is always ``value``."""
        return Const(value, 1)

    def full_adder(self, a: Value, b: Value, c: Value) -> tuple[Value, Value]:
        """Add three bits with two look-up tables: the sum and the carry."""
        total, carry = self._signal("sum"), self._signal("carry")
        self._m.d.comb += [total.eq(a ^ b ^ c), carry.eq((a & b) | (c & (a | b)))]
        return total, carry

    def half_adder(self, a: Value, b: Value) -> tuple[Value, Value]:
        """Add two bits with two look-up tables: the sum and the carry."""
        total, carry = self._signal("sum"), self._signal("carry")
        self._m.d.comb += [total.eq(a ^ b), carry.eq(a & b)]
        return total, carry

    def add(self, a: Sequence[Value], b: Sequence[Value]) -> list[Value]:
        """Add two numbers of equal width on one carry chain, without the carry out."""
        total = self._signal("total", len(a))
        self._m.d.comb += total.eq(Cat(*a) + Cat(*b))
        return list(total)

    def register(self, bits: Sequence[Value]) -> list[Value]:
        """Delay bits by one clock; constants stay what they are."""
        varying = [bit for bit in bits if not isinstance(bit, Const)]
        rank = self._signal("rank", len(varying), reset_less=True)
        self._m.d.sync += rank.eq(Cat(*varying))
        registered = iter(rank)
        return [bit if isinstance(bit, Const) else next(registered) for bit in bits]


class CostBuilder:
    """Count what a popcount would take, without building it.

    A bit is ``True`` where a look-up table makes it, ``False`` where it already is a flip-flop and
    ``None`` where it is constant; a register after a table shares its logic cell, a delay takes
    one of its own.

    Members
    -------
    latency_cycles : int
        Ranks of registers so far.
    luts, carries, flip_flops, delays : int
        Look-up tables of full and half adders; places on carry chains; flip-flops; and those of
        the flip-flops that have no table in front.
    """

    def __init__(self) -> None:
        self.latency_cycles = 0
        self.luts = 0
        self.carries = 0
        self.flip_flops = 0
        self.delays = 0

    @property
    def cells(self) -> int:
        """Logic cells where a table, a carry and a flip-flop share one (iCE40)."""
        return self.luts + self.carries + self.delays

    def constant(self, value: int) -> bool | None:  # noqa: ARG002, the protocol's signature
        """Make a bit that costs nothing."""
        return None

    def full_adder(
        self, a: bool | None, b: bool | None, c: bool | None
    ) -> tuple[bool | None, bool | None]:
        """Count two tables."""
        del a, b, c
        self.luts += 2
        return True, True

    def half_adder(self, a: bool | None, b: bool | None) -> tuple[bool | None, bool | None]:
        """Count two tables."""
        del a, b
        self.luts += 2
        return True, True

    def add(self, a: Sequence[bool | None], b: Sequence[bool | None]) -> list[bool | None]:
        """Count a place on the chain for each bit."""
        del b
        self.carries += len(a)
        return [True] * len(a)

    def register(self, bits: Sequence[bool | None]) -> list[bool | None]:
        """Count a flip-flop for each bit that is not constant."""
        self.latency_cycles += 1
        self.flip_flops += sum(bit is not None for bit in bits)
        self.delays += sum(bit is False for bit in bits)
        return [None if bit is None else False for bit in bits]
