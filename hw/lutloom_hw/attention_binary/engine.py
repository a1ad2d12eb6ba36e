"""The binary attention engine: codes and values in, words of answers out; no multiplier.

Example
-------
>>> engine = BinaryAttentionEngine(layer, lanes=4)                   # doctest: +SKIP
>>> candidates = engine.timing.candidates(query, key)                # doctest: +SKIP
>>> engine.timing.cycles(candidates)                                 # doctest: +SKIP
41065
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom.attention.binary import SHIFT_MAX, BinaryAttention, Codes, attend_binary
from lutloom.attention.config import INT8_MAX
from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention.delay import delay
from lutloom_hw.attention.divider import Divider
from lutloom_hw.attention.intake import Intake
from lutloom_hw.attention.memory import WordMemory
from lutloom_hw.attention.messages import InputWord, OutputWord
from lutloom_hw.attention_binary.candidates import BEHIND_RANK, Candidates
from lutloom_hw.attention_binary.match import MatchStage
from lutloom_hw.attention_binary.messages import row_bytes
from lutloom_hw.attention_binary.sequencer import ScoreSequencer, SumSequencer
from lutloom_hw.attention_binary.timing import (
    SCORE_READ_RANK,
    VALUE_READ_RANK,
    BinaryTiming,
)
from lutloom_hw.attention_binary.values import ValueSums
from lutloom_hw.attention_options import LANES
from lutloom_hw.credit import CreditGate
from lutloom_hw.stage import Block, bits_for

_QUEUE_LATENCY_CYCLES = 2


class BinaryAttentionEngine(Block):
    """Attend with one head at a time, bit for bit as ``attend_binary`` of the specification.

    Parameters
    ----------
    layer : BinaryAttention
        Sizes, pattern, and the tables of each head, which become constants.
    lanes : int
        Features added at a time, and features of a word of answers: 1, 2, 4, 8 or 16, a divisor of
        ``head_size``.
    clocks_per_lane : int or None
        Of the divider, see :class:`~lutloom_hw.attention.divider.Divider`: more are smaller and
        slower.

    Members
    -------
    i : In(stream.Signature(InputWord))
        Rows of runs, a word each; see :mod:`lutloom_hw.attention_binary.messages`.  In mode
        ``causal`` a position's key and value come before its query; in mode ``set`` all keys and
        values come before the first query.  A query sees keys up to the newest value, by the
        pattern.
    o : Out(stream.Signature(OutputWord))
        Answers, in the order of the queries, as of the int8 engine.

    Attributes
    ----------
    timing : BinaryTiming
        Clocks of a run, exactly.

    Latency: a clock for each key a query sees, ``words`` clocks for each candidate, then
    ``timing.answer_latency_cycles``.
    Throughput: of one query the keys are scored, one a clock, while another's candidates are
    added; a query takes as long as the longer of the two, or its words in the divider.

    Raises
    ------
    InvalidRecipeError
        If ``lanes`` or ``clocks_per_lane`` is none of the numbers allowed.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self, layer: BinaryAttention, *, lanes: int, clocks_per_lane: int | None = None
    ) -> None:
        config = layer.config
        if lanes not in LANES or config.head_size % lanes:
            raise InvalidRecipeError(
                f"binary attention engine, lanes: must be a power of two from 1 to {max(LANES)} "
                f"that divides the head size {config.head_size}, not {lanes!r}; correct it"
            )
        if clocks_per_lane is not None and not 1 <= clocks_per_lane <= 16:
            raise InvalidRecipeError(
                "binary attention engine, clocks_per_lane: must be 1..16, not "
                f"{clocks_per_lane!r}; correct it"
            )
        self.layer = layer
        self.lanes = lanes
        self.words = config.head_size // lanes
        weight_max = config.context << SHIFT_MAX
        self.total_width = bits_for(weight_max)
        self.sum_width = bits_for(weight_max * INT8_MAX) + 1
        self._divider = Divider(
            lanes=lanes,
            sum_width=self.sum_width,
            total_width=self.total_width,
            value_shift=layer.value_shift.tolist(),
            clocks_per_lane=clocks_per_lane,
        )
        self._match = MatchStage(code_bits=layer.code_bits)
        self._values = ValueSums(
            layer, lanes=lanes, sum_width=self.sum_width, total_width=self.total_width
        )
        self.timing = BinaryTiming(
            layer,
            lanes,
            self._divider.clocks_per_word,
            self._divider.latency_cycles,
            self._match.latency_cycles,
            self._values.latency_cycles,
            _QUEUE_LATENCY_CYCLES,
        )
        answer = OutputWord(lanes=lanes, n_heads=config.n_heads)
        self._gate = CreditGate(
            width=answer.size,
            stages_latency_cycles=self.timing.stages_latency_cycles,
            images_in_flight=self.timing.words_in_flight,
        )
        row = InputWord(lanes=row_bytes(layer), n_heads=config.n_heads)
        super().__init__({"i": In(stream.Signature(row)), "o": Out(stream.Signature(answer))})

    def model(
        self, query: Codes, key: Codes, value: NDArray[Any], *, head: int = 0
    ) -> NDArray[np.int8]:
        """Attend with one head in numpy.

        Parameters
        ----------
        query, key : uint64[n]
        value : int8[n, head_size] or uint8[n, n_groups]
        head : int

        Returns
        -------
        int8[n, head_size]
        """
        layer, one = self.layer, slice(head, head + 1)
        alone = BinaryAttention(
            msgspec.structs.replace(layer.config, n_heads=1),
            layer.code_bits,
            layer.n_kept[one],
            layer.level[one],
            layer.value_shift[one],
            None if layer.codebook is None else layer.codebook[one],
        )
        answers: NDArray[np.int8] = attend_binary(alone, query[None], key[None], value[None])[0]
        return answers

    def _build(self, m: Module) -> None:
        config, timing = self.layer.config, self.timing
        m.submodules.intake = intake = Intake(
            lanes=row_bytes(self.layer), words=1, context=config.context, n_heads=config.n_heads
        )
        m.submodules.scorer = scorer = ScoreSequencer(config)
        m.submodules.summer = summer = SumSequencer(
            config, words=self.words, clocks_per_word=timing.clocks_per_word
        )
        m.submodules.candidates = candidates = Candidates(self.layer)
        m.submodules.match, m.submodules.values = self._match, self._values
        m.submodules.divider, m.submodules.gate = divider, gate = self._divider, self._gate
        wiring.connect(m, wiring.flipped(self.i), intake.i)
        wiring.connect(m, intake.o, scorer.i)

        slot = scorer.slot
        compared = self._marks(m, slot, timing.score_rank, "score")
        due = delay(m, compared.valid & compared.closes, 1, name="due", reset_less=False)
        m.d.comb += [
            candidates.write.eq(compared.valid),
            candidates.opens.eq(compared.opens),
            candidates.closes.eq(compared.closes),
            candidates.bank.eq(compared.bank),
            candidates.head.eq(compared.head),
            candidates.row.eq(delay(m, scorer.row, timing.score_rank, name="row_compared")),
            candidates.score.eq(self._match.o.payload),
            candidates.read_bank.eq(summer.slot.bank),
            candidates.read_index.eq(summer.index),
            summer.scored.eq(due),
            summer.last_index.eq(candidates.last_index),
            summer.heads.eq(scorer.heads),
            summer.lasts.eq(scorer.lasts),
            summer.may_end.eq(gate.i_ready),
            scorer.freed.eq(summer.slot.closes),
            intake.query_read.eq(slot.valid & slot.closes),
        ]
        found = self._marks(m, summer.slot, VALUE_READ_RANK, "found")
        added = self._marks(m, found, BEHIND_RANK - VALUE_READ_RANK, "added")
        ended = self._marks(m, added, self._values.latency_cycles, "ended")
        m.d.comb += [
            intake.run_read.eq(found.valid & found.closes & found.last),
            self._values.sum.eq(added.valid),
            self._values.first.eq(added.first),
            self._values.end.eq(added.end),
            self._values.head.eq(added.head),
            self._values.word.eq(delay(m, summer.word, BEHIND_RANK, name="word_added")),
            self._values.behind.eq(candidates.behind),
            self._values.kept.eq(candidates.kept),
            gate.i_valid.eq(summer.slot.end),
            divider.i.valid.eq(self._values.valid),
            divider.i.payload.sums.eq(self._values.sums),
            divider.i.payload.total.eq(self._values.total),
            divider.i.payload.head.eq(ended.head),
            divider.i.payload.last.eq(ended.closes & ended.last),
            gate.answer.valid.eq(divider.o.valid),
            gate.answer.payload.eq(divider.o.payload),
            self.o.valid.eq(gate.o.valid),
            self.o.payload.eq(gate.o.payload),
            gate.o.ready.eq(self.o.ready),
        ]
        self._remember(m, intake, scorer, candidates.found_row)

    def _marks(self, m: Module, slot: Any, cycles: int, name: str) -> Any:
        """Delay the marks of a slot."""
        for cycle in range(1, cycles + 1):
            later = Signal(slot.shape(), name=f"slot_{name}{cycle}")
            m.d.sync += later.eq(slot)
            slot = later
        return slot

    def _remember(
        self, m: Module, intake: Intake, scorer: ScoreSequencer, value_row: Signal
    ) -> None:
        """Write rows to the memories of queries, keys and values, and read them."""
        layer = self.layer
        depth = layer.config.context
        code = unsigned(layer.code_bits)
        m.submodules.queries = queries = WordMemory(code, 2)
        m.submodules.keys = keys = WordMemory(code, depth)
        m.submodules.value_rows = values = WordMemory(unsigned(layer.value_bits), depth)
        is_value = intake.row_address.is_value
        m.d.comb += [memory.write_data.eq(intake.features) for memory in (queries, keys, values)]
        m.d.comb += [
            queries.write.eq(intake.query_write),
            queries.write_address.eq(intake.query_address),
            keys.write.eq(intake.row_write & ~is_value),
            keys.write_address.eq(intake.row_address.row),
            values.write.eq(intake.row_write & is_value),
            values.write_address.eq(intake.row_address.row),
            queries.read_address.eq(scorer.slot.bank),
            keys.read_address.eq(scorer.row),
            values.read_address.eq(value_row),
            self._match.i.valid.eq(delay(m, scorer.slot.valid, SCORE_READ_RANK, name="asked")),
            self._match.i.payload.eq(Cat(queries.read_data, keys.read_data)),
            self._values.row.eq(values.read_data),
        ]
