"""Values of candidates: looked up, shifted by what the candidate weighs, and added.

A shift of 0 to 7 to the left is a weight of 1 to 128; it is done in two ranks, of four ways and of
two.
"""

from __future__ import annotations

import math

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from lutloom.attention.binary import ENTRIES, GAPS, NO_WEIGHT, SHIFT_MAX, BinaryAttention
from lutloom_hw.attention.delay import delay
from lutloom_hw.attention.memory import Table
from lutloom_hw.attention_binary.messages import INDEX_BITS
from lutloom_hw.stage import Block, bits_for

_LEVEL_BITS = NO_WEIGHT.bit_length()
_SHIFTED_BITS = 8 + SHIFT_MAX


class ValueSums(Block):
    """Add the values of a query's candidates, one word of them a clock.

    Parameters
    ----------
    layer : BinaryAttention
    lanes : int
        Features of a word.
    sum_width, total_width : int

    Members
    -------
    sum : In(1)
    first, end : In(1)
        The first and last candidate of a word.
    head : In(unsigned)
    word : In(range(head_size // lanes))
    behind : In(unsigned)
        How far the key's score is behind the highest.
    kept : In(1)
    row : In(value_bits)
        Its value.
    valid : Out(1)
    sums : Out(ArrayLayout(signed(sum_width), lanes))
    total : Out(total_width)
        Sums of weighted features and of weights, ``latency_cycles`` after a word's last candidate.

    Latency: ``latency_cycles``: the value's register, its word, the codebook and its register if
    there is one, two ranks of shifters, the adders.  Throughput: one word of a candidate a clock.
    """

    sum: Signal
    first: Signal
    end: Signal
    head: Signal
    word: Signal
    behind: Signal
    kept: Signal
    row: Signal
    valid: Signal
    sums: data.View[data.ArrayLayout]
    total: Signal

    def __init__(
        self, layer: BinaryAttention, *, lanes: int, sum_width: int, total_width: int
    ) -> None:
        self.layer = layer
        self.lanes = lanes
        self.words = layer.config.head_size // lanes
        self.table_cycles = 0 if layer.codebook is None else 2
        self.latency_cycles = 2 + self.table_cycles + 2 + 1
        super().__init__(
            {
                "sum": In(1),
                "first": In(1),
                "end": In(1),
                "head": In(bits_for(layer.config.n_heads - 1)),
                "word": In(bits_for(self.words - 1)),
                "behind": In(bits_for(layer.code_bits)),
                "kept": In(1),
                "row": In(layer.value_bits),
                "valid": Out(1),
                "sums": Out(data.ArrayLayout(signed(sum_width), lanes)),
                "total": Out(unsigned(total_width)),
            }
        )

    def _build(self, m: Module) -> None:
        cycles = self.latency_cycles - 1
        names = ("sum", "first", "end")
        adds, first, end = (
            delay(m, getattr(self, name), cycles, name=name, reset_less=False) for name in names
        )
        level = delay(m, self._level(m), self.table_cycles, name="level")
        left = SHIFT_MAX - level[:3]
        weighs = delay(m, ~level[3], 2, name="weighs")
        fine, coarse = left[:2], delay(m, left[2], 1, name="coarse_shift")
        weight = self._shift(m, Const(1, signed(2)), fine, coarse, "weight")
        total = Signal.like(self.total, name="total_weight", reset_less=True)
        with m.If(adds):
            m.d.sync += total.eq(Mux(first, 0, total) + Mux(weighs, weight, 0).as_unsigned())
        for lane, feature in enumerate(self._features(m)):
            shifted = self._shift(m, feature, fine, coarse, f"feature{lane}")
            added = Signal(self.sums[lane].shape(), name=f"accumulator{lane}", reset_less=True)
            m.d.comb += self.sums[lane].eq(added)
            with m.If(adds):
                m.d.sync += added.eq(Mux(first, 0, added) + Mux(weighs, shifted, 0))
        m.d.comb += [
            self.total.eq(total),
            self.valid.eq(delay(m, adds & end, 1, name="sums_end", reset_less=False)),
        ]

    def _shift(self, m: Module, value: Value, fine: Value, coarse: Value, name: str) -> Signal:
        """Shift to the left, a clock for 0 to 3 and a clock for 0 or 4."""
        width = len(value) + SHIFT_MAX
        by_fine = Signal(signed(width - 4), name=f"{name}_fine", reset_less=True)
        by_coarse = Signal(signed(width), name=f"{name}_coarse", reset_less=True)
        m.d.sync += [
            by_fine.eq(Array(value << k for k in range(4))[fine]),
            by_coarse.eq(Mux(coarse, by_fine << 4, by_fine)),
        ]
        return by_coarse

    def _level(self, m: Module) -> Signal:
        """Look up how far a candidate's value is shifted; 8 if it does not count."""
        near_bits = (GAPS - 1).bit_length()
        near = Signal(near_bits)
        levels = [level for head in self.layer.level.tolist() for level in head]
        m.submodules.levels = table = Table(_LEVEL_BITS, levels)
        counts = Signal(reset_less=True)
        level = Signal(_LEVEL_BITS, reset_less=True)
        m.d.sync += [
            counts.eq(self.kept & (self.behind < GAPS)),
            level.eq(Mux(counts, table.data, NO_WEIGHT)),
        ]
        m.d.comb += [near.eq(self.behind[:near_bits]), table.address.eq(Cat(near, self.head))]
        return level

    def _features(self, m: Module) -> list[Value]:
        """Choose a word of a value, and look its groups up in the codebook."""
        row, word = delay(m, self.row, 1, name="row"), delay(m, self.word, 1, name="word")
        if self.layer.codebook is None:
            picked = Signal(8 * self.lanes, reset_less=True)
            m.d.sync += picked.eq(row.word_select(word, 8 * self.lanes))
            return [picked.word_select(lane, 8).as_signed() for lane in range(self.lanes)]
        size = math.gcd(self.lanes, self.layer.group_size)
        features: list[Value] = []
        for start in range(0, self.lanes, size):
            features += self._look_up(m, row, word, start, size)
        return features

    def _look_up(self, m: Module, row: Value, word: Value, start: int, size: int) -> list[Value]:
        """Look up ``size`` neighbouring features of a word, which are of one group."""
        codebook, group_size = self.layer.codebook, self.layer.group_size
        assert codebook is not None
        at = [word * self.lanes + start for word in range(self.words)]  # first feature, by word
        index = Signal(INDEX_BITS, name=f"index{start}", reset_less=True)
        by_word = Array(row.word_select(first // group_size, INDEX_BITS) for first in at)
        word_bits = (self.words - 1).bit_length()
        n_words = 1 << word_bits
        table = [0] * (self.layer.config.n_heads * n_words * ENTRIES)
        for head, groups in enumerate(codebook):
            for number, first in enumerate(at):
                group, offset = divmod(first, group_size)
                for entry, centre in enumerate(groups[group]):
                    part = centre[offset : offset + size].tobytes()
                    address = (head * n_words + number) * ENTRIES + entry
                    table[address] = int.from_bytes(part, "little")
        m.submodules[f"table{start}"] = read = Table(8 * size, table)
        entry_read = Signal(8 * size, name=f"entry{start}", reset_less=True)
        m.d.sync += [index.eq(by_word[word]), entry_read.eq(read.data)]
        word = delay(m, word, 1, name=f"word_read{start}")
        head = delay(m, self.head, 2, name=f"head_read{start}")
        m.d.comb += read.address.eq(Cat(index, word[:word_bits], head))
        return [entry_read.word_select(k, 8).as_signed() for k in range(size)]
