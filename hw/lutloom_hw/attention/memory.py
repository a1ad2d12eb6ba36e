"""Memories and multipliers, each a module of its own: what a chip has blocks for.

All other modules hold tables and flip-flops only, and so can be proven equal to their netlists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Shape, ShapeLike, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from lutloom_hw.stage import Block, bits_for


class WordMemory(Block):
    """Keep words; one is written and another read in every clock.

    Parameters
    ----------
    shape : ShapeLike
        Of a word.
    depth : int

    Members
    -------
    write : In(1)
    write_address : In(range(depth))
    write_data : In(shape)
    read_address : In(range(depth))
    read_data : Out(shape)
        What was there in the clock before; anything if it was written in that clock.

    Latency: 1 clock.  Throughput: one word in and one out a clock.
    """

    write: Signal
    write_address: Signal
    write_data: Any
    read_address: Signal
    read_data: Any

    latency_cycles = 1

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        self.shape, self.depth = shape, depth
        address = unsigned(bits_for(depth - 1))
        super().__init__(
            {
                "write": In(1),
                "write_address": In(address),
                "write_data": In(shape),
                "read_address": In(address),
                "read_data": Out(shape),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.memory = memory = Memory(shape=self.shape, depth=self.depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            read.addr.eq(self.read_address),
            self.read_data.eq(read.data),
        ]


class SinglePortMemory(Block):
    """Keep words behind one port: in a clock one is written or one is read.

    UP5K's SPRAM is such a memory, of 16,384 words of 16 bits; it has no initial contents, so a word
    must be written before it is read, and synthesis must be told to leave the contents out.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int

    Members
    -------
    write : In(1)
    address : In(range(depth))
    write_data : In(width)
    read_data : Out(width)
        What was at the address in the clock before; kept in a clock after a write.

    Latency: 1 clock.  Throughput: one word in or out a clock.
    """

    write: Signal
    address: Signal
    write_data: Signal
    read_data: Signal

    latency_cycles = 1

    def __init__(self, width: int, depth: int) -> None:
        self.width, self.depth = width, depth
        super().__init__(
            {
                "write": In(1),
                "address": In(bits_for(depth - 1)),
                "write_data": In(width),
                "read_data": Out(width),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.memory = memory = Memory(shape=unsigned(self.width), depth=self.depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.address),
            write.data.eq(self.write_data),
            read.en.eq(~self.write),
            read.addr.eq(self.address),
            self.read_data.eq(read.data),
        ]


class Table(Block):
    """Look words up that never change.

    Parameters
    ----------
    width : int
        Bits of a word.
    words : sequence of int

    Members
    -------
    address : In(range(len(words)))
    data : Out(width)

    Latency: 1 clock.  Throughput: one word a clock.
    """

    address: Signal
    data: Signal

    latency_cycles = 1

    def __init__(self, width: int, words: Sequence[int]) -> None:
        self.width, self.words = width, list(words)
        super().__init__({"address": In(bits_for(len(self.words) - 1)), "data": Out(width)})

    def _build(self, m: Module) -> None:
        m.submodules.memory = memory = Memory(
            shape=unsigned(self.width), depth=len(self.words), init=self.words
        )
        read = memory.read_port()
        m.d.comb += [read.addr.eq(self.address), self.data.eq(read.data)]


class Multiplier(Block):
    """Multiply, with registers before and after: those of a DSP block where it has some.

    Parameters
    ----------
    left, right : Shape
        Both signed or both unsigned.

    Members
    -------
    left : In(left)
    right : In(right)
    product : Out(left * right)

    Latency: ``latency_cycles``.  Throughput: one product a clock.
    """

    left: Signal
    right: Signal
    product: Signal

    latency_cycles = 2

    def __init__(self, left: Shape, right: Shape) -> None:
        product = Shape(left.width + right.width, left.signed)
        super().__init__({"left": In(left), "right": In(right), "product": Out(product)})

    def _build(self, m: Module) -> None:
        left = Signal.like(self.left, reset_less=True)
        right = Signal.like(self.right, reset_less=True)
        product = Signal.like(self.product, reset_less=True)
        m.d.sync += [left.eq(self.left), right.eq(self.right), product.eq(left * right)]
        m.d.comb += self.product.eq(product)
