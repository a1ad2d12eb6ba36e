"""A rank of registers in a stream, so that no path runs through it in either direction."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.stage import Block


class StreamRegister(Block):
    """Register payload, ``valid`` and ``ready``; a second word waits when the output stops.

    Two registers take the words by turns.  One that holds no word takes whatever is at the input,
    so that its clock enable, which drives every bit of it, comes from a flip-flop and is early.

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
        incoming = Value.cast(self.i.payload)
        width = len(incoming)
        half = width // 2
        words = [Signal(width, name=f"word{k}", reset_less=True) for k in range(2)]
        held = Signal(2)
        fills, shows = Signal(), Signal()  # the register that is next, on either side
        # The same inverted, for half of a word's bits: flip-flops that are equal become one.
        vacant, shows_other = Signal(2, init=3), Signal(init=1)
        put, taken = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~held.all()),
            self.o.valid.eq(held.any()),
            self.o.payload.eq(
                Cat(
                    Mux(shows, words[1][:half], words[0][:half]),
                    Mux(shows_other, words[0][half:], words[1][half:]),
                )
            ),
            put.eq(self.i.valid & self.i.ready),
            taken.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += [
            fills.eq(fills ^ put),
            shows.eq(shows ^ taken),
            shows_other.eq(shows_other ^ taken),
        ]
        for k, word in enumerate(words):
            holds = Mux(held[k], ~(taken & (shows == k)), put & (fills == k))
            m.d.sync += [held[k].eq(holds), vacant[k].eq(~holds)]
            with m.If(~held[k]):
                m.d.sync += word[:half].eq(incoming[:half])
            with m.If(vacant[k]):
                m.d.sync += word[half:].eq(incoming[half:])


class SkidRegister(Block):
    """Register payload, ``valid`` and ``ready``, with nothing behind the output's registers.

    A word that comes when the output stops waits in a second register.  Unlike
    :class:`StreamRegister`, the output comes straight from registers, and its ``ready`` drives
    their clock enable.

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
        incoming = Value.cast(self.i.payload)
        shown = Signal(len(incoming), name="shown", reset_less=True)
        waiting = Signal(len(incoming), name="waiting", reset_less=True)
        shows, waits = Signal(), Signal()
        moves = Signal()
        m.d.comb += [
            self.o.payload.eq(shown),
            self.o.valid.eq(shows),
            self.i.ready.eq(~waits),
            moves.eq(self.o.ready | ~shows),
        ]
        with m.If(~waits):
            m.d.sync += waiting.eq(incoming)
        with m.If(moves):
            m.d.sync += [shown.eq(Mux(waits, waiting, incoming)), shows.eq(waits | self.i.valid)]
        m.d.sync += waits.eq(~moves & (waits | self.i.valid))
