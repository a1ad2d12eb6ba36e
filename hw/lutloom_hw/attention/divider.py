"""Exact normalisation: one divider for all lanes, from fully pipelined to one step a clock.

A mean of values is at most 127, so the quotient has 7 whole bits, the fraction bits that a value
shift brings to the front, and one more for rounding.  Restoring division gives one bit a step::

    bits    = floor(|sum| * 2 ** (value_shift + 1) / total)
    rounded = (bits + 1) // 2                        # half away from zero
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom.attention.config import INT8_MAX, VALUE_SHIFT_MAX
from lutloom.attention.integer import divide
from lutloom_hw.attention.delay import delay
from lutloom_hw.attention.messages import OutputWord
from lutloom_hw.stage import Block, bits_for

_WHOLE_BITS = INT8_MAX.bit_length()
_ROUNDING_BITS = 1
_CLOCKS_PER_WORD = 8
_LOADS_APART_FROM = 3
_SHIFT_BITS = VALUE_SHIFT_MAX.bit_length()


class Divider(Block):
    """Divide a word of sums by their total weight.

    Parameters
    ----------
    lanes : int
        Sums of a word.
    sum_width : int
        Bits of a signed sum; its magnitude is at most 127 times the total.
    total_width : int
        Bits of the total weight, which is above 0.
    value_shift : sequence of int
        One for each head, 0 to 7.
    clocks_per_lane : int or None
        Clocks each rank of the divider takes with one sum: 1 is a rank for every step; from 3 on
        the first clock only loads, so that no step waits for a choice; ``None`` takes what gives a
        word in eight clocks, or in ``lanes`` if that is more.

    Members
    -------
    i : In(stream.Signature(StructLayout(sums, total, head, last), always_ready=True))
        At most one word in ``clocks_per_word`` clocks.
    o : Out(stream.Signature(OutputWord, always_ready=True))

    Latency: ``latency_cycles``.  Throughput: one word in ``clocks_per_word`` clocks.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        *,
        lanes: int,
        sum_width: int,
        total_width: int,
        value_shift: Sequence[int],
        clocks_per_lane: int | None = None,
    ) -> None:
        self.lanes = lanes
        self.sum_width, self.total_width = sum_width, total_width
        self.value_shift = tuple(value_shift)
        if clocks_per_lane is None:
            clocks_per_lane = max(1, _CLOCKS_PER_WORD // lanes)
        self.clocks_per_lane = clocks_per_lane
        self.clocks_per_word = lanes * clocks_per_lane
        needed = _WHOLE_BITS + max(self.value_shift) + _ROUNDING_BITS
        self._loads_apart = clocks_per_lane >= _LOADS_APART_FROM
        steps_per_rank = clocks_per_lane - self._loads_apart
        self.n_ranks = -(-needed // steps_per_rank)
        self.n_steps = self.n_ranks * steps_per_rank
        # Hold, choose, magnitude, ranks, rounding, sign; then the word's other lanes.
        self._ranks_cycles = self.n_ranks * clocks_per_lane
        self.latency_cycles = 3 + self._ranks_cycles + 2 + (lanes - 1) * clocks_per_lane
        n_heads = len(self.value_shift)
        self._tag = data.StructLayout({"head": bits_for(n_heads - 1), "last": 1})
        self._word = data.StructLayout(
            {
                "sums": data.ArrayLayout(signed(sum_width), lanes),
                "total": unsigned(total_width),
                "head": unsigned(bits_for(n_heads - 1)),
                "last": unsigned(1),
            }
        )
        answer = OutputWord(lanes=lanes, n_heads=n_heads)
        super().__init__(
            {
                "i": In(stream.Signature(self._word, always_ready=True)),
                "o": Out(stream.Signature(answer, always_ready=True)),
            }
        )

    def model(
        self, sums: NDArray[np.int64], total: NDArray[np.int64], head: int = 0
    ) -> NDArray[np.int8]:
        """Divide with numpy.

        Parameters
        ----------
        sums : int64[n, lanes]
        total : int64[n]
        head : int

        Returns
        -------
        int8[n, lanes]
        """
        return divide(sums << self.value_shift[head], total[:, None])

    def _build(self, m: Module) -> None:
        starts = [self.i.valid]  # of each lane's division, ``clocks_per_lane`` apart
        for lane in range(self.lanes):
            cycles = 1 if lane == 0 else self.clocks_per_lane
            starts.append(delay(m, starts[-1], cycles, name=f"starts_lane{lane}", reset_less=False))
        load = Cat(starts[1:]).any()
        chosen = self._choose(m, load)
        load = delay(m, load, 1, name="load_magnitude", reset_less=False)
        magnitude = Signal(self.total_width + _WHOLE_BITS, reset_less=True)
        negative = chosen.sum < 0
        m.d.sync += magnitude.eq(Mux(negative, -chosen.sum, chosen.sum))
        divisor = delay(m, chosen.total, 1, name="divisor")
        tag = delay(m, Cat(negative, chosen.tag.as_value()), 1, name="tag")
        load = delay(m, load, 1, name="load_rank", reset_less=False)
        state = (magnitude, ~divisor, Const(0, self.n_steps), tag)
        for rank in range(self.n_ranks):
            state = self._rank(m, f"rank{rank}", load, state)
            load = delay(m, load, self.clocks_per_lane, name=f"load_rank{rank}", reset_less=False)
        self._finish(m, load, state[2], state[3])
        done = delay(m, starts[-1], self._ranks_cycles + 4, name="done", reset_less=False)
        m.d.comb += self.o.valid.eq(done)

    def _choose(self, m: Module, load: Value) -> Any:
        """Hold a word and choose one sum after the other."""
        word = self.i.payload
        held = Signal(self._word, reset_less=True)
        lane = Signal(range(self.lanes))
        with m.If(self.i.valid):
            m.d.sync += held.eq(word)
        with m.If(load):
            m.d.sync += lane.eq(lane + 1)
        chosen = Signal(
            data.StructLayout(
                {"sum": signed(self.sum_width), "total": self.total_width, "tag": self._tag}
            ),
            reset_less=True,
        )
        m.d.sync += [
            chosen.sum.eq(held.sums[lane]),
            chosen.total.eq(held.total),
            chosen.tag.head.eq(held.head),
            chosen.tag.last.eq(held.last),
        ]
        return chosen

    def _rank(
        self, m: Module, name: str, load: Value, before: tuple[Value, Value, Value, Value]
    ) -> tuple[Value, Value, Value, Value]:
        """Take steps with what the rank before is done with.

        The divisor travels inverted, as the adder wants it.
        """
        parts = ("remainder", "inverted_divisor", "quotient", "tag")
        held = [
            Signal(len(value), name=f"{name}_{part}", reset_less=True)
            for value, part in zip(before, parts, strict=True)
        ]
        if self.clocks_per_lane == 1:
            now = list(before)
        elif self._loads_apart:
            now = list(held)
        else:
            now = [Mux(load, value, own) for value, own in zip(before, held, strict=True)]
        remainder, inverted_divisor, quotient, tag = now
        trial = Signal(signed(self.total_width + 2), name=f"{name}_trial")
        upper = remainder[_WHOLE_BITS - 1 :]
        m.d.comb += trial.eq(upper - (~inverted_divisor)[: self.total_width])
        fits = ~trial[-1]
        left = Mux(fits, trial[: self.total_width], upper[: self.total_width])
        m.d.sync += [
            held[0].eq(Cat(Const(0, 1), remainder[: _WHOLE_BITS - 1], left)),
            held[1].eq(inverted_divisor),
            held[2].eq(Cat(fits, quotient)),
            held[3].eq(tag),
        ]
        if self._loads_apart:
            with m.If(load):
                m.d.sync += [own.eq(value) for value, own in zip(before, held, strict=True)]
        return (held[0], held[1], held[2], held[3])

    def _finish(self, m: Module, load: Value, quotient: Value, tag: Value) -> None:
        """Round, hold in -127..127 and put the lanes of a word together."""
        negative, carried = tag[0], data.View(self._tag, tag[1:])
        shifts = Const(
            sum(shift << _SHIFT_BITS * head for head, shift in enumerate(self.value_shift)),
            _SHIFT_BITS * len(self.value_shift),
        )
        value_shift = shifts.word_select(carried.head, _SHIFT_BITS)
        fewest = self.n_steps - _WHOLE_BITS - _ROUNDING_BITS
        bits = Signal(self.n_steps)
        m.d.comb += bits.eq(quotient >> (fewest - value_shift).as_unsigned())
        low = bits[: _WHOLE_BITS + _ROUNDING_BITS]
        rounded = Signal(_WHOLE_BITS, reset_less=True)
        sign = delay(m, negative, 1, name="sign")
        tag_rounded = delay(m, carried.as_value(), 1, name="tag_rounded")
        too_large = (bits >> len(low)).any() | low.all()
        m.d.sync += rounded.eq(Mux(too_large, INT8_MAX, _halve(low)))
        load = delay(m, load, 1, name="load_sign", reset_less=False)
        lanes = Signal(8 * self.lanes, reset_less=True)
        tag_done = Signal(self._tag, reset_less=True)
        with m.If(load):
            feature = Mux(sign, -rounded, rounded)[:8]
            m.d.sync += [
                lanes.eq(Cat(lanes, feature)[8:]),
                tag_done.eq(tag_rounded),
            ]
        m.d.comb += [
            self.o.payload.features.eq(lanes),
            self.o.payload.head.eq(tag_done.head),
            self.o.payload.last.eq(tag_done.last),
        ]


def _halve(bits: Value) -> Value:
    """Halve and round up; of magnitudes, so halves go away from zero."""
    return (bits + 1) >> 1
