"""A word handed over by registers in the handshake alone: the word itself stays where it is."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.stage import Block

RANKS = 2
"""Registers on either way."""


class Handover(Block):
    """Register ``valid`` and ``ready`` of a stream whose words stay until they are taken.

    An encoded image has hundreds of bits; registering them would cost as many flip-flops, and is
    not needed where the source keeps them.

    Members
    -------
    i : In(stream.Signature(0))
        Handshake of the source; a word must stay until it is taken.
    o : Out(stream.Signature(0))
        Handshake of the sink; the word goes straight from source to sink.

    Latency: ``latency_cycles``.  Throughput: a word in ``cycles_per_word`` clocks.
    """

    i: stream.Interface
    o: stream.Interface

    latency_cycles = RANKS
    cycles_per_word = 2 * RANKS + 2

    def __init__(self) -> None:
        nothing = stream.Signature(unsigned(0))
        super().__init__({"i": In(nothing), "o": Out(nothing)})

    def _build(self, m: Module) -> None:
        offered, taken, served = Signal(RANKS), Signal(RANKS), Signal()
        accepted = Signal()
        m.d.comb += [
            self.o.valid.eq(offered[-1] & ~served),
            accepted.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(taken[-1]),
        ]
        m.d.sync += [
            offered.eq(Cat(self.i.valid, offered)),
            served.eq(offered[-1] & (served | accepted)),
            taken.eq(Cat(accepted, taken)),
        ]
