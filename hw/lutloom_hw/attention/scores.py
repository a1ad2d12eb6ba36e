"""The scores of two queries, with the keys they belong to, and the highest of each."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from lutloom_hw.attention.memory import WordMemory
from lutloom_hw.attention.timing import SCORE_RANK
from lutloom_hw.stage import Block, bits_for


class ScoreMemory(Block):
    """Keep scores in the order in which they come, in two banks: one fills, one is read.

    Parameters
    ----------
    score_width : int
    context : int
        Scores a bank holds.

    Members
    -------
    write : In(1)
    write_bank, opens : In(1)
        ``opens``: it is the bank's first score.
    write_row : In(range(context))
    write_score : In(signed(score_width))
    read_bank : In(1)
    read_index : In(range(context))
    row : Out(range(context))
    score, highest : Out(signed(score_width))
        Of what was asked for ``latency_cycles`` clocks before.

    Latency: ``latency_cycles``; a score may be asked for in the clock after it was written.
    Throughput: one score in and one out a clock.
    """

    write: Signal
    write_bank: Signal
    opens: Signal
    write_row: Signal
    write_score: Signal
    read_bank: Signal
    read_index: Signal
    row: Signal
    score: Signal
    highest: Signal

    latency_cycles = SCORE_RANK

    def __init__(self, *, score_width: int, context: int) -> None:
        self.score_width = score_width
        self.context = context
        index_bits = bits_for(context - 1)
        super().__init__(
            {
                "write": In(1),
                "write_bank": In(1),
                "opens": In(1),
                "write_row": In(index_bits),
                "write_score": In(signed(score_width)),
                "read_bank": In(1),
                "read_index": In(index_bits),
                "row": Out(index_bits),
                "score": Out(signed(score_width)),
                "highest": Out(signed(score_width)),
            }
        )

    def _build(self, m: Module) -> None:
        entry = data.StructLayout(
            {"score": signed(self.score_width), "row": unsigned(len(self.row))}
        )
        m.submodules.memory = memory = WordMemory(entry, 2 * self.context)
        index, next_index = Signal.like(self.read_index), Signal.like(self.read_index)
        found = Signal(entry, reset_less=True)
        m.d.comb += [
            index.eq(Mux(self.opens, 0, next_index)),
            memory.write.eq(self.write),
            memory.write_address.eq(Cat(self.write_bank, index)),
            memory.write_data.score.eq(self.write_score),
            memory.write_data.row.eq(self.write_row),
            memory.read_address.eq(Cat(self.read_bank, self.read_index)),
            self.row.eq(found.row),
            self.score.eq(found.score),
        ]
        with m.If(self.write):
            m.d.sync += next_index.eq(index + 1)

        running = Signal(signed(self.score_width), reset_less=True)
        higher = (running - self.write_score)[-1]  # one carry chain on either family
        with m.If(self.write & (self.opens | higher)):
            m.d.sync += running.eq(self.write_score)
        written_now, bank_written = Signal(), Signal(reset_less=True)
        m.d.sync += [written_now.eq(self.write), bank_written.eq(self.write_bank)]
        highest = [
            Signal(signed(self.score_width), name=f"highest{k}", reset_less=True) for k in range(2)
        ]
        for k in range(2):
            with m.If(written_now & (bank_written == k)):
                m.d.sync += highest[k].eq(running)
        bank_read = Signal(reset_less=True)
        chosen = Signal(signed(self.score_width), reset_less=True)
        m.d.sync += [
            found.eq(memory.read_data),
            bank_read.eq(self.read_bank),
            chosen.eq(Mux(bank_read, highest[1], highest[0])),
        ]
        m.d.comb += self.highest.eq(chosen)
