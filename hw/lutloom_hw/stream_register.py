"""A rank of registers in a stream, so that no path runs through it in either direction."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.stage import Block


class StreamRegister(Block):
    """Register payload, ``valid`` and ``ready``; one word waits aside when the output stops.

    Parameters
    ----------
    shape : ShapeLike
        Of the payload.

    Members
    -------
    i : In(stream.Signature(shape))
    o : Out(stream.Signature(shape))

    Latency: 1 clock.  Throughput: one word a clock.
    """

    i: stream.Interface
    o: stream.Interface

    latency_cycles = 1

    def __init__(self, shape: ShapeLike) -> None:
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def _build(self, m: Module) -> None:
        payload = Signal.like(self.o.payload, reset_less=True)
        aside = Signal.like(self.o.payload, reset_less=True)
        valid, waits = Signal(), Signal()
        moves = Signal()
        m.d.comb += [
            moves.eq(self.o.ready | ~valid),
            self.i.ready.eq(~waits),
            self.o.valid.eq(valid),
            self.o.payload.eq(payload),
        ]
        with m.If(moves):
            m.d.sync += [
                valid.eq(waits | self.i.valid),
                payload.eq(Mux(waits, aside, self.i.payload)),
                waits.eq(0),
            ]
        with m.Elif(self.i.valid & ~waits):
            m.d.sync += [waits.eq(1), aside.eq(self.i.payload)]
