"""Bytes over two wires: eight data bits, the lowest first, no parity, one stop bit.

Lines are kept inverted inside, so that registers start at 0 where the line rests at 1.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from lutloom_hw.stage import Block

_DATA_BITS = 8
CLOCKS_PER_BIT_MIN = 4
"""Fewer leave no room between the middle of a bit and its edges."""


class UartReceiver(Block):
    """Receive bytes.

    Parameters
    ----------
    clocks_per_bit : int
        At least :data:`CLOCKS_PER_BIT_MIN`.

    Members
    -------
    rx : In(1)
        The line, of any clock domain.
    o : Out(stream.Signature(8, always_ready=True))
        A byte, in the middle of its stop bit.  One whose stop bit is 0 is dropped.

    Latency: ``9.5 * clocks_per_bit`` clocks, and three more, from the start bit's edge.
    Throughput: a byte in ``10 * clocks_per_bit`` clocks.
    """

    rx: Signal
    o: stream.Interface

    def __init__(self, clocks_per_bit: int) -> None:
        self.clocks_per_bit = clocks_per_bit
        super().__init__({"rx": In(1), "o": Out(stream.Signature(unsigned(8), always_ready=True))})

    def _build(self, m: Module) -> None:
        low = Signal()
        m.submodules.synchronizer = FFSynchronizer(~self.rx, low)
        clock = Signal(range(self.clocks_per_bit))
        # The start bit enters at the top and leaves at the bottom when all bits are there.
        received = Signal(_DATA_BITS + 1)
        receiving = Signal()
        middle = Signal()
        m.d.comb += [
            middle.eq(clock == 0),
            self.o.payload.eq(~received[1:]),
            self.o.valid.eq(receiving & middle & received[0] & ~low),
        ]
        with m.If(~receiving):
            m.d.sync += [
                receiving.eq(low),
                clock.eq(self.clocks_per_bit // 2 - 1),
                received.eq(0),
            ]
        with m.Elif(~middle):
            m.d.sync += clock.eq(clock - 1)
        with m.Else():
            m.d.sync += [clock.eq(self.clocks_per_bit - 1), received.eq(Cat(received[1:], low))]
            starts = received == 0
            with m.If(received[0] | (starts & ~low)):
                m.d.sync += receiving.eq(0)


class UartTransmitter(Block):
    """Send bytes.

    Parameters
    ----------
    clocks_per_bit : int

    Members
    -------
    i : In(stream.Signature(8))
    tx : Out(1)
        The line, from a register.

    Latency: 1 clock to the start bit's edge.
    Throughput: a byte in ``10 * clocks_per_bit`` clocks.
    """

    i: stream.Interface
    tx: Signal

    def __init__(self, clocks_per_bit: int) -> None:
        self.clocks_per_bit = clocks_per_bit
        super().__init__({"i": In(stream.Signature(unsigned(8))), "tx": Out(1)})

    def _build(self, m: Module) -> None:
        clock = Signal(range(self.clocks_per_bit))
        # Inverted; a mark above the stop bit tells when all bits have left.
        leaving = Signal(_DATA_BITS + 1)
        low = Signal()
        m.d.comb += [self.tx.eq(~low), self.i.ready.eq((leaving == 0) & (clock == 0))]
        with m.If(clock != 0):
            m.d.sync += clock.eq(clock - 1)
        with m.Elif(leaving != 0):
            last = leaving == 1
            m.d.sync += [
                low.eq(leaving[0] & ~last),
                leaving.eq(leaving >> 1),
                clock.eq(self.clocks_per_bit - 1),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += [
                low.eq(1),
                leaving.eq(Cat(~self.i.payload, 1)),
                clock.eq(self.clocks_per_bit - 1),
            ]
