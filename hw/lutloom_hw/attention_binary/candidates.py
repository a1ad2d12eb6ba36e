"""Keys that may yet count, while scores come in; and, when all are in, by how much they do.

The highest scores so far only rise.  A key behind the last of them, or too far behind the first,
will never count, so it is not even written down: the list is short, and what follows has time.
"""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom.attention.binary import NO_WEIGHT, BinaryAttention
from lutloom_hw.attention.delay import delay
from lutloom_hw.attention.memory import WordMemory
from lutloom_hw.stage import Block, bits_for

FOUND_RANK = 2
"""Clocks from asking for a candidate to its key's row."""
BEHIND_RANK = FOUND_RANK + 1
"""And to how far its score is behind."""


def reaches(layer: BinaryAttention) -> list[int]:
    """Give how far behind the highest score a key of each head has no weight any more.

    Parameters
    ----------
    layer : BinaryAttention

    Returns
    -------
    list of int
    """
    return [1 + int(np.flatnonzero(level < NO_WEIGHT)[-1]) for level in layer.level]


def count_candidates(
    layer: BinaryAttention, scores: NDArray[np.int64], seen: NDArray[np.bool_], head: int = 0
) -> list[int]:
    """Count the keys that are written down for each query.

    Parameters
    ----------
    layer : BinaryAttention
    scores : int64[n_queries, n_keys]
    seen : bool[n_queries, n_keys]
    head : int

    Returns
    -------
    list of int
        At least 1 each.
    """
    n_kept, reach = int(layer.n_kept[head]), reaches(layer)[head]
    counts = []
    for query, row in zip(scores, seen, strict=True):
        best: list[int] = []
        count = 0
        for score in query[row][::-1].tolist():  # the newest key comes first
            last = best[n_kept - 1] if 0 < n_kept <= len(best) else 0
            count += score >= last and score + reach > max(best, default=0)
            best = sorted([*best, score], reverse=True)[: max(1, n_kept)]
        counts.append(count)
    return counts


class Candidates(Block):
    """Keep the highest scores of the query that is scored, and two lists of candidates.

    Parameters
    ----------
    layer : BinaryAttention

    Members
    -------
    write : In(1)
    opens, closes : In(1)
        It is the query's first or last score.
    bank : In(1)
        Where its list is.
    head : In(unsigned)
    row : In(range(context))
        The key's.
    score : In(unsigned)
    last_index : Out(ArrayLayout(range(context), 2))
        The place of each list's last candidate, two clocks after the query's last score.
    read_bank : In(1)
    read_index : In(range(context))
    found_row : Out(range(context))
        ``FOUND_RANK`` clocks after it was asked for.
    behind : Out(unsigned)
        How far behind the highest score, ``BEHIND_RANK`` clocks after it was asked for.
    kept : Out(1)
        With ``behind``: the score is one of those kept.

    Throughput: one score in and one candidate out a clock.
    """

    write: Signal
    opens: Signal
    closes: Signal
    bank: Signal
    head: Signal
    row: Signal
    score: Signal
    last_index: data.View[data.ArrayLayout]
    read_bank: Signal
    read_index: Signal
    found_row: Signal
    behind: Signal
    kept: Signal

    def __init__(self, layer: BinaryAttention) -> None:
        self.layer = layer
        self.score_width = bits_for(layer.code_bits)
        self.n_cells = max(1, int(layer.n_kept.max()))
        index = unsigned(bits_for(layer.config.context - 1))
        head = unsigned(bits_for(layer.config.n_heads - 1))
        super().__init__(
            {
                "write": In(1),
                "opens": In(1),
                "closes": In(1),
                "bank": In(1),
                "head": In(head),
                "row": In(index),
                "score": In(self.score_width),
                "last_index": Out(data.ArrayLayout(index, 2)),
                "read_bank": In(1),
                "read_index": In(index),
                "found_row": Out(index),
                "behind": Out(self.score_width),
                "kept": Out(1),
            }
        )

    def _build(self, m: Module) -> None:
        cells = [
            Signal(self.score_width, name=f"highest{k}", reset_less=True)
            for k in range(self.n_cells)
        ]
        counts = self._insert(m, cells)
        entry = data.StructLayout(
            {"score": unsigned(self.score_width), "row": unsigned(len(self.row))}
        )
        m.submodules.memory = memory = WordMemory(entry, 2 * self.layer.config.context)
        written = Signal()  # the marks and the entry, a clock later
        opened, bank = Signal(reset_less=True), Signal(reset_less=True)
        place, newest = Signal.like(self.read_index), Signal.like(self.read_index)
        closed = delay(m, self.write & self.closes, 1, name="closed", reset_less=False)
        m.d.sync += [
            written.eq(self.write & counts),
            opened.eq(self.opens),
            bank.eq(self.bank),
        ]
        m.d.comb += [
            place.eq(Mux(opened, 0, newest + 1)),
            memory.write.eq(written),
            memory.write_address.eq(Cat(bank, place)),
            memory.write_data.score.eq(delay(m, self.score, 1, name="score_written")),
            memory.write_data.row.eq(delay(m, self.row, 1, name="row_written")),
            memory.read_address.eq(Cat(self.read_bank, self.read_index)),
        ]
        with m.If(written):
            m.d.sync += newest.eq(place)
        head = delay(m, self.head, 1, name="head_written")
        m.d.comb += self._read(m, cells, memory.read_data, closed, bank, head)
        last_index = Signal.like(self.last_index, name="last_indices", reset_less=True)
        for k in range(2):
            with m.If(closed & (bank == k)):
                m.d.sync += last_index[k].eq(Mux(written, place, newest))
        m.d.comb += self.last_index.eq(last_index)

    def _insert(self, m: Module, cells: list[Signal]) -> Value:
        """Insert a score in its place; tell whether its key is a candidate."""
        above = [self.score > cell for cell in cells]
        with m.If(self.write):
            with m.If(self.opens):
                m.d.sync += [cell.eq(0) for cell in cells[1:]]
            with m.Else():
                for k in range(1, self.n_cells):
                    with m.If(above[k]):
                        m.d.sync += cells[k].eq(Mux(above[k - 1], cells[k - 1], self.score))
            with m.If(self.opens | above[0]):
                m.d.sync += cells[0].eq(self.score)
        counts = self.score >= self._last(cells, self.head)
        limits = reaches(self.layer)
        if min(limits) <= self.layer.code_bits:
            counts &= self.score + Array(limits)[self.head] > cells[0]
        return self.opens | counts

    def _last(self, cells: list[Signal], head: Value) -> Value:
        """Give the lowest score that is kept."""
        zero = Signal(self.score_width, name="every_key")
        return Array(
            cells[n_kept - 1] if n_kept else zero for n_kept in self.layer.n_kept.tolist()
        )[head]

    def _read(
        self, m: Module, cells: list[Signal], entry: Value, closed: Value, bank: Value, head: Value
    ) -> list[Value]:
        """Keep each list's highest and last kept score, and compare what is read with them."""
        limits = data.StructLayout({"highest": self.score_width, "last": self.score_width})
        of_bank = [Signal(limits, name=f"limits{k}", reset_less=True) for k in range(2)]
        for k in range(2):
            with m.If(closed & (bank == k)):
                m.d.sync += [
                    of_bank[k].highest.eq(cells[0]),
                    of_bank[k].last.eq(self._last(cells, head)),
                ]
        found = Signal.like(entry, name="found", reset_less=True)
        chosen = Signal(limits, reset_less=True)
        bank_read = delay(m, self.read_bank, 1, name="bank_read")
        behind, kept = Signal(self.score_width, reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            found.eq(entry),
            chosen.eq(Mux(bank_read, of_bank[1].as_value(), of_bank[0].as_value())),
            behind.eq(chosen.highest - found.score),
            kept.eq(found.score >= chosen.last),
        ]
        return [self.found_row.eq(found.row), self.behind.eq(behind), self.kept.eq(kept)]
