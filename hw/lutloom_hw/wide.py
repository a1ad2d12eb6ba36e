"""Concatenation of thousands of bits."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal, Value

_AT_ONCE = 1024
"""Amaranth's simulator turns each part of a ``Cat`` into one more level of a Python expression,
and Python's compiler takes some 3,000 levels."""


def join(m: Module, bits: Sequence[Value]) -> Value:
    """Concatenate any number of bits, the first the least significant.

    Parameters
    ----------
    m : Module
        Gets a wire for each thousand of bits where there are more.
    bits : sequence of Value

    Returns
    -------
    Value
    """
    if len(bits) <= _AT_ONCE:
        return Cat(bits)
    blocks = []
    for start in range(0, len(bits), _AT_ONCE):
        part = Cat(bits[start : start + _AT_ONCE])
        block = Signal(len(part), name=f"bits{start}")
        m.d.comb += block.eq(part)
        blocks.append(block)
    return join(m, blocks)
