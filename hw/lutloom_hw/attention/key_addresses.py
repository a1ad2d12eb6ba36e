"""The keys a query sees, one after the other, from two counters: no mask, no division."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from lutloom.language.masks import Pattern
from lutloom_hw.stage import Block, bits_for


class KeyAddresses(Block):
    """Count down from a query's own position through the keys it sees.

    Every pattern is a number of steps of one key followed by steps of ``stride`` keys::

        causal         only single steps
        local          stride - 1 single steps, then the end
        strided        no single step
        local_strided  stride single steps, then strides
        fixed          single steps to the end of the block before, then strides

    Parameters
    ----------
    pattern : Pattern
    stride : int
        At least 1; need not be a power of two.
    context : int
        Positions at most.

    Members
    -------
    start : In(1)
        Take ``position``; :attr:`row` is the first key in the next clock.
    position : In(range(context))
        The query's.  For ``fixed`` positions must come one by one, from 0 in each run.
    advance : In(1)
        Go to the next key; not after the last.
    row : Out(range(context))
        The key.
    last : Out(1)
        It is the query's last.

    Latency: 1 clock from ``start`` or ``advance``.  Throughput: one key a clock.
    """

    start: Signal
    position: Signal
    advance: Signal
    row: Signal
    last: Signal

    latency_cycles = 1

    def __init__(self, *, pattern: Pattern, stride: int, context: int) -> None:
        self.pattern = pattern
        self.stride = stride
        self.context = context
        super().__init__(
            {
                "start": In(1),
                "position": In(bits_for(context - 1)),
                "advance": In(1),
                "row": Out(bits_for(context - 1)),
                "last": Out(1),
            }
        )

    def _build(self, m: Module) -> None:
        stride, row = self.stride, self.row
        single_steps = Signal(bits_for(stride))  # left to take
        first_steps = self._first_steps(m)
        single: Value = single_steps != 0
        turns: Value = single_steps == 1  # the last single step comes now
        first_single: Value = first_steps != 0
        if self.pattern in ("causal", "strided"):
            single = first_single = Const(int(self.pattern == "causal"), 1)
            turns = Const(0, 1)
        with m.If(self.start):
            m.d.sync += [row.eq(self.position), single_steps.eq(first_steps)]
            m.d.sync += self.last.eq(
                Mux(first_single, self.position == 0, self._ends(self.position, 0))
            )
        with m.Elif(self.advance):
            m.d.sync += [
                row.eq(row - Mux(single, 1, stride)),
                single_steps.eq(single_steps - single),
            ]
            # Of the key to come, from this one, so that it need not wait for the subtraction.
            m.d.sync += self.last.eq(
                Mux(
                    single,
                    (row == 1) | (turns & self._ends(row, 1)),
                    self._ends(row, stride),
                )
            )

    def _ends(self, row: Value, step: int) -> Value:
        """Tell whether no stride leads on from ``row - step``."""
        return Const(1, 1) if self.pattern == "local" else row < self.stride + step

    def _first_steps(self, m: Module) -> Value:
        if self.pattern == "local":
            return Const(self.stride - 1)
        if self.pattern != "fixed":
            return Const(self.stride)
        before = Signal(bits_for(self.stride - 1))  # the last query's place in its block
        place = Signal.like(before)
        starts_block = (self.position == 0) | (before == self.stride - 1)
        m.d.comb += place.eq(Mux(starts_block, 0, before + 1))
        with m.If(self.start):
            m.d.sync += before.eq(place)
        return place + 1
