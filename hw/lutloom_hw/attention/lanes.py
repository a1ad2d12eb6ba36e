"""The multipliers, one for each feature of a word, and what is accumulated of their products.

One multiplier serves both passes: a feature of the query times one of a key, then a weight times a
feature of a value.  A weight is 0 to 2**15 and travels as its negative, which fits 16 signed bits
and so one DSP block of either family (16 x 16 on iCE40, 18 x 18 on ECP5); sums are subtracted.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from lutloom.attention.config import WEIGHT_BITS
from lutloom_hw.attention.delay import delay
from lutloom_hw.attention.memory import Multiplier
from lutloom_hw.stage import Block

_FEATURE_BITS = 8
_COPIES_MAX = 4
_SCORE_PRODUCT_BITS = 2 * _FEATURE_BITS - 1
"""Of -127 * 127 to 127 * 127, with sign."""


class Lanes(Block):
    """Multiply one word a clock and accumulate scores over words, sums over keys.

    Parameters
    ----------
    lanes : int
    score_width, sum_width, total_width : int

    Members
    -------
    score, sum : In(1)
        What the word is for; at most one of the two.
    first, end : In(1)
        First and last word of a score, or key of a sum.
    query : In(ArrayLayout(signed(8), lanes))
        Used for scores.
    weight : In(16)
        Used for sums.
    row : In(ArrayLayout(signed(8), lanes))
        The word of a key or value.
    score_valid : Out(1)
    score_value : Out(signed(score_width))
        ``score_latency_cycles`` after the last word.
    sums_valid : Out(1)
    sums : Out(ArrayLayout(signed(sum_width), lanes))
    total : Out(total_width)
        Sums and the sum of weights, ``sums_latency_cycles`` after the last key.

    Throughput: one word a clock.
    """

    score: Signal
    sum: Signal
    first: Signal
    end: Signal
    query: data.View[data.ArrayLayout]
    weight: Signal
    row: data.View[data.ArrayLayout]
    score_valid: Signal
    score_value: Signal
    sums_valid: Signal
    sums: data.View[data.ArrayLayout]
    total: Signal

    sums_latency_cycles = 3

    def __init__(self, *, lanes: int, score_width: int, sum_width: int, total_width: int) -> None:
        self.lanes = lanes
        self.levels = (lanes - 1).bit_length()
        self.score_latency_cycles = self.sums_latency_cycles + self.levels
        features = data.ArrayLayout(signed(_FEATURE_BITS), lanes)
        super().__init__(
            {
                "score": In(1),
                "sum": In(1),
                "first": In(1),
                "end": In(1),
                "query": In(features),
                "weight": In(WEIGHT_BITS),
                "row": In(features),
                "score_valid": Out(1),
                "score_value": Out(signed(score_width)),
                "sums_valid": Out(1),
                "sums": Out(data.ArrayLayout(signed(sum_width), lanes)),
                "total": Out(unsigned(total_width)),
            }
        )

    def _build(self, m: Module) -> None:
        negative_weight = (-self.weight)[:WEIGHT_BITS].as_signed()
        products: list[Value] = []
        for lane in range(self.lanes):
            m.submodules[f"multiplier{lane}"] = multiplier = Multiplier(
                signed(WEIGHT_BITS), signed(_FEATURE_BITS)
            )
            m.d.comb += [
                multiplier.left.eq(Mux(self.score, self.query[lane], negative_weight)),
                multiplier.right.eq(self.row[lane]),
            ]
            products.append(multiplier.product)
        weight = delay(m, negative_weight, Multiplier.latency_cycles, name="weight")
        marks = {
            name: delay(
                m, getattr(self, name), Multiplier.latency_cycles, name=name, reset_less=False
            )
            for name in ("score", "sum", "first", "end")
        }
        self._add_scores(m, products, marks)
        self._add_sums(m, products, weight, marks, self._copies(m))

    def _add_scores(self, m: Module, products: list[Value], marks: dict[str, Value]) -> None:
        """Add a word's products pair by pair, one level a clock, then words."""
        level = [product[:_SCORE_PRODUCT_BITS].as_signed() for product in products]
        for number in range(self.levels):
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [
                delay(m, a + b, 1, name=f"level{number}_{k}") for k, (a, b) in enumerate(pairs)
            ]
        score, first, end = (
            delay(m, marks[name], self.levels, name=f"{name}_added", reset_less=False)
            for name in ("score", "first", "end")
        )
        value = Signal.like(self.score_value, name="value", reset_less=True)
        with m.If(score):
            m.d.sync += value.eq(Mux(first, 0, value) + level[0])
        m.d.comb += [
            self.score_value.eq(value),
            self.score_valid.eq(delay(m, score & end, 1, name="score_end", reset_less=False)),
        ]

    def _copies(self, m: Module) -> list[tuple[Value, Value]]:
        """Give marks for the sums, each for a few lanes: one would drive 250 flip-flops.

        Equal flip-flops would be made one again.  These start, or reset, differently, which no sum
        shows, as it starts anew with its first key.
        """
        n = min(_COPIES_MAX, self.lanes)
        marks = []
        for name in ("sum", "first"):
            before = delay(
                m, getattr(self, name), Multiplier.latency_cycles - 1, name=f"{name}_before"
            )
            copies = [
                Signal(name=f"{name}_copy{k}", init=k & 1, reset_less=k > 1) for k in range(n)
            ]
            m.d.sync += [copy.eq(before) for copy in copies]
            marks.append(copies)
        return list(zip(*marks, strict=True))

    def _add_sums(
        self,
        m: Module,
        products: list[Value],
        weight: Value,
        marks: dict[str, Value],
        copies: list[tuple[Value, Value]],
    ) -> None:
        total = Signal.like(self.total, name="total_weight", reset_less=True)
        with m.If(marks["sum"]):
            m.d.sync += total.eq(Mux(marks["first"], 0, total) - weight)
        for lane, product in enumerate(products):
            adds, first = copies[lane * len(copies) // self.lanes]
            added = Signal(self.sums[lane].shape(), name=f"accumulator{lane}", reset_less=True)
            m.d.comb += self.sums[lane].eq(added)
            with m.If(adds):
                m.d.sync += added.eq(Mux(first, 0, added) - product)
        ends = marks["sum"] & marks["end"]
        m.d.comb += [
            self.total.eq(total),
            self.sums_valid.eq(delay(m, ends, 1, name="sums_end", reset_less=False)),
        ]
