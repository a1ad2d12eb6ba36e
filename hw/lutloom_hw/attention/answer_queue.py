"""Room for the words of answers that are under way, so that nothing before it ever stops."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.stage import Block


class AnswerQueue(Block):
    """Count words under way and queue those that wait.

    As :class:`~lutloom_hw.credit.CreditGate`, for few and wide words that come seldom: they move up
    from place to place while the next one is free, without a choice among places; a place that is
    free takes whatever comes, so that its clock enable is a flip-flop.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words under way at most, and places.

    Members
    -------
    room : Out(1)
        There is room for one more word; once high it stays until ``starts``.
    starts : In(1)
        A word is under way from now on; only with ``room``.
    i : In(stream.Signature(width, always_ready=True))
        At most one word in two clocks.
    o : Out(stream.Signature(width))

    Latency: ``latency_cycles``, one clock a place.  Throughput: one word in two clocks.
    """

    room: Signal
    starts: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, *, width: int, depth: int) -> None:
        self.width, self.depth = width, depth
        self.latency_cycles = depth
        super().__init__(
            {
                "room": Out(1),
                "starts": In(1),
                "i": In(stream.Signature(unsigned(width), always_ready=True)),
                "o": Out(stream.Signature(unsigned(width))),
            }
        )

    def _build(self, m: Module) -> None:
        under_way = Signal(range(self.depth + 1))
        taken = Signal()
        m.d.comb += [self.room.eq(under_way != self.depth), taken.eq(self.o.valid & self.o.ready)]
        with m.If(self.starts & ~taken):
            m.d.sync += under_way.eq(under_way + 1)
        with m.Elif(~self.starts & taken):
            m.d.sync += under_way.eq(under_way - 1)
        valid, word = self.i.valid, self.i.payload
        held = [Signal(name=f"held{k}") for k in range(self.depth)]
        leaves = [~is_held for is_held in held[1:]] + [self.o.ready]  # if there is a word
        for k, is_held in enumerate(held):
            place = Signal(self.width, name=f"place{k}", reset_less=True)
            with m.If(~is_held):
                m.d.sync += [place.eq(word), is_held.eq(valid)]
            with m.Elif(leaves[k]):
                m.d.sync += is_held.eq(0)
            valid, word = is_held, place
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.eq(word)]
