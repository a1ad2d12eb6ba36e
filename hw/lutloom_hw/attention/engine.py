"""The attention engine: words of queries, keys and values in, words of answers out.

Example
-------
>>> engine = AttentionEngine(layer, lanes=8)                        # doctest: +SKIP
>>> engine.timing.cycles(256), engine.timing.lane_use(256)          # doctest: +SKIP
"""

from __future__ import annotations

import msgspec
import numpy as np
from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom.attention.config import INT8_MAX, WEIGHT_BITS, IntegerAttention
from lutloom.attention.integer import attend
from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention.answer_queue import AnswerQueue
from lutloom_hw.attention.delay import delay
from lutloom_hw.attention.divider import Divider
from lutloom_hw.attention.exponent import WeightStage
from lutloom_hw.attention.intake import Intake
from lutloom_hw.attention.lanes import Lanes
from lutloom_hw.attention.memory import SinglePortMemory, WordMemory
from lutloom_hw.attention.messages import InputWord, OutputWord
from lutloom_hw.attention.scores import ScoreMemory
from lutloom_hw.attention.sequencer import Sequencer, Slot
from lutloom_hw.attention.timing import (
    ENTRY_RANK,
    FACTOR_RANK,
    PRODUCT_RANK,
    READ_RANK,
    SCORE_RANK,
    Timing,
)
from lutloom_hw.attention_options import LANES, RowMemory
from lutloom_hw.stage import Block, bits_for


class AttentionEngine(Block):
    """Attend with one head at a time, bit for bit as :func:`lutloom.attention.integer.attend`.

    Parameters
    ----------
    layer : IntegerAttention
        Sizes, pattern, and the multiplier and value shift of each head, which become constants.
    lanes : int
        Multipliers, and features of a word: 1, 2, 4, 8 or 16, a divisor of ``head_size``.
    row_memory : {"block", "single_port"}
        See :data:`~lutloom_hw.attention_options.RowMemory`; the answers are the same.

    Members
    -------
    i : In(stream.Signature(InputWord))
        Rows of runs; see :func:`~lutloom_hw.attention.messages.run_words`.  In mode ``causal`` a
        position's key and value come before its query; in mode ``set`` all keys and values come
        before the first query.  A query sees keys up to the newest value, by the pattern.
    o : Out(stream.Signature(OutputWord))
        Answers, in the order of the queries.

    Attributes
    ----------
    timing : Timing
        Clocks of a run, exactly; see :mod:`lutloom_hw.attention.timing`.

    Memories, all read by the clock and meant for block RAM: ``2 * context`` rows of keys and
    values, in words of ``8 * lanes`` bits (a row's words rounded up to a power of two); two banks
    of ``context`` scores with their keys' addresses; 256 powers of 16 bits.  Two queries and the
    answers in flight lie in small ones.

    Latency: two passes over the keys a query sees, then ``timing.answer_latency_cycles``.
    Throughput: one word of a key or value a clock in each pass; of two passes of neighbouring
    queries one fills the other's gap.  With single-port memory, reading never waits and a key or
    value enters while nothing is read: in the gap between a query's two passes, or after them.
    At most two queries are inside, so that comes after a bounded number of clocks.

    Raises
    ------
    InvalidRecipeError
        If ``lanes`` is none of the numbers allowed.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self, layer: IntegerAttention, *, lanes: int, row_memory: RowMemory = "block"
    ) -> None:
        config = layer.config
        if lanes not in LANES or config.head_size % lanes:
            raise InvalidRecipeError(
                f"attention engine, lanes: must be a power of two from 1 to {max(LANES)} that "
                f"divides the head size {config.head_size}, not {lanes!r}; correct it"
            )
        self.layer = layer
        self.lanes = lanes
        self.row_memory = row_memory
        self.words = config.head_size // lanes
        self.score_width = bits_for(config.head_size * INT8_MAX**2) + 1
        self.total_width = bits_for(config.context << (WEIGHT_BITS - 1))
        self.sum_width = bits_for(config.context * INT8_MAX << (WEIGHT_BITS - 1)) + 1
        self._divider = Divider(
            lanes=lanes,
            sum_width=self.sum_width,
            total_width=self.total_width,
            value_shift=layer.value_shift.tolist(),
        )
        self.timing = Timing(
            config,
            lanes,
            self._divider.clocks_per_word,
            self._divider.latency_cycles,
            row_memory,
        )
        answer = OutputWord(lanes=lanes, n_heads=config.n_heads)
        self._answers = AnswerQueue(width=answer.size, depth=self.timing.words_in_flight)
        super().__init__(
            {
                "i": In(stream.Signature(InputWord(lanes=lanes, n_heads=config.n_heads))),
                "o": Out(stream.Signature(answer)),
            }
        )

    def model(
        self,
        query: NDArray[np.int8],
        key: NDArray[np.int8],
        value: NDArray[np.int8],
        *,
        head: int = 0,
    ) -> NDArray[np.int8]:
        """Attend with one head in numpy.

        Parameters
        ----------
        query, key, value : int8[n, head_size]
        head : int

        Returns
        -------
        int8[n, head_size]
        """
        layer = IntegerAttention(
            msgspec.structs.replace(self.layer.config, n_heads=1),
            multiplier=self.layer.multiplier[head : head + 1],
            value_shift=self.layer.value_shift[head : head + 1],
        )
        answers: NDArray[np.int8] = attend(layer, query[None], key[None], value[None])[0]
        return answers

    def _build(self, m: Module) -> None:
        config, timing = self.layer.config, self.timing
        m.submodules.intake = intake = Intake(
            lanes=self.lanes, words=self.words, context=config.context, n_heads=config.n_heads
        )
        m.submodules.sequencer = sequencer = Sequencer(
            config, words=self.words, clocks_per_word=timing.clocks_per_word
        )
        m.submodules.scores = scores = ScoreMemory(
            score_width=self.score_width, context=config.context
        )
        m.submodules.weights = weights = WeightStage(score_width=self.score_width)
        m.submodules.lanes = lanes = Lanes(
            lanes=self.lanes,
            score_width=self.score_width,
            sum_width=self.sum_width,
            total_width=self.total_width,
        )
        m.submodules.divider = divider = self._divider
        m.submodules.answers = answers = self._answers
        wiring.connect(m, wiring.flipped(self.i), intake.i)
        wiring.connect(m, intake.o, sequencer.i)

        slots = [sequencer.slot]
        for rank in range(1, timing.score_rank + 1):
            slot = Signal(sequencer.slot.shape(), name=f"slot_{rank}")
            m.d.sync += slot.eq(slots[-1])
            slots.append(slot)
        found, read, ended = slots[SCORE_RANK], slots[READ_RANK], slots[PRODUCT_RANK + 1]
        reads_next = slots[ENTRY_RANK]
        row = Signal.like(sequencer.row)
        row_scored = delay(m, sequencer.row, SCORE_RANK, name="row_issued")
        m.d.comb += row.eq(Mux(found.sum, scores.row, row_scored))
        row_read = delay(m, row, READ_RANK - SCORE_RANK, name="row_found")
        word_read = delay(m, sequencer.word, READ_RANK, name="word_issued")
        multipliers = Array(self.layer.multiplier.tolist())
        m.d.comb += [
            scores.read_bank.eq(sequencer.slot.bank),
            scores.read_index.eq(sequencer.index),
            weights.score.eq(scores.score),
            weights.highest.eq(scores.highest),
            weights.multiplier.eq(multipliers[found.head]),
            intake.may_write.eq(
                (self.row_memory == "block") | ~(reads_next.score | reads_next.sum)
            ),
            intake.query_read.eq(reads_next.score & reads_next.closes),
            intake.run_read.eq(reads_next.sum & reads_next.closes & reads_next.last),
        ]
        self._read(m, intake, lanes, read, word_read, row_read)
        factors = slots[FACTOR_RANK]
        whole = slots[timing.score_rank]
        due = slots[timing.score_rank - 1]
        m.d.comb += [
            lanes.score.eq(factors.score),
            lanes.sum.eq(factors.sum),
            lanes.first.eq(factors.first),
            lanes.end.eq(factors.end),
            lanes.weight.eq(weights.weight),
            scores.write.eq(lanes.score_valid),
            scores.write_score.eq(lanes.score_value),
            scores.write_bank.eq(whole.bank),
            scores.opens.eq(whole.opens),
            scores.write_row.eq(
                delay(m, row_read, timing.score_rank - READ_RANK, name="row_scored")
            ),
            sequencer.scored.eq(due.score & due.closes),
            sequencer.may_end.eq(answers.room),
            answers.starts.eq(sequencer.ends_sum),
            divider.i.valid.eq(lanes.sums_valid),
            divider.i.payload.sums.eq(lanes.sums),
            divider.i.payload.total.eq(lanes.total),
            divider.i.payload.head.eq(ended.head),
            divider.i.payload.last.eq(ended.closes & ended.last),
            answers.i.valid.eq(divider.o.valid),
            answers.i.payload.eq(divider.o.payload),
            self.o.valid.eq(answers.o.valid),
            self.o.payload.eq(answers.o.payload),
            answers.o.ready.eq(self.o.ready),
        ]

    def _read(
        self,
        m: Module,
        intake: Intake,
        lanes: Lanes,
        read: data.View[Slot],
        word: Value,
        row: Value,
    ) -> None:
        """Read a word of a query and of a key or value; write what comes in."""
        word_bits = (self.words - 1).bit_length()
        features = unsigned(8 * self.lanes)
        depth = self.layer.config.context << (1 + word_bits)
        address = Cat(read.sum, word[:word_bits], row)
        if self.row_memory == "block":
            m.submodules.rows = rows = WordMemory(features, depth)
            m.d.comb += [
                rows.write.eq(intake.row_write),
                rows.write_address.eq(intake.row_address),
                rows.write_data.eq(intake.features),
                rows.read_address.eq(address),
                lanes.row.eq(rows.read_data),
            ]
        else:
            m.submodules.rows = one_port = SinglePortMemory(features.width, depth)
            m.d.comb += [
                one_port.write.eq(intake.row_write),
                one_port.address.eq(Mux(intake.row_write, intake.row_address.as_value(), address)),
                one_port.write_data.eq(intake.features),
                lanes.row.eq(one_port.read_data),
            ]
        m.submodules.queries = queries = WordMemory(features, 2 << word_bits)
        m.d.comb += [
            queries.write.eq(intake.query_write),
            queries.write_address.eq(intake.query_address),
            queries.write_data.eq(intake.features),
            queries.read_address.eq(Cat(word[:word_bits], read.bank)),
            lanes.query.eq(queries.read_data),
        ]
