"""An attention engine of either kind with registers at its ports: what is emitted.

Example
-------
>>> top = AttentionTop(layer, AttentionOptions(lanes=8))             # doctest: +SKIP
>>> top.cycles(256)                                                  # doctest: +SKIP
131670
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from lutloom.attention.binary import BinaryAttention
from lutloom.attention.config import IntegerAttention
from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention.engine import AttentionEngine
from lutloom_hw.attention.heads import ParallelHeads
from lutloom_hw.attention.messages import InputWord, OutputWord
from lutloom_hw.attention.timing import Timing
from lutloom_hw.attention.words import WordJoiner, WordSplitter
from lutloom_hw.attention_binary.engine import BinaryAttentionEngine
from lutloom_hw.attention_binary.messages import row_bytes
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.stage import Block
from lutloom_hw.stream_register import StreamRegister

Engine = AttentionEngine | ParallelHeads | BinaryAttentionEngine


class AttentionTop(Block):
    """Attend, with registers at the ports and beats as wide as they are asked for.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    options : AttentionOptions

    Members
    -------
    i : In(stream.Signature(InputWord))
        Of ``features_per_beat`` lanes; otherwise as of the engine.
    o : Out(stream.Signature(OutputWord))
        Of ``features_per_answer`` lanes.

    Attributes
    ----------
    engine : AttentionEngine, ParallelHeads or BinaryAttentionEngine
    features_per_word : int
        What the engine takes in a clock.
    features_per_beat, features_per_answer : int
        Lanes of the ports.

    Latency: ``port_latency_cycles`` more than the engine; where beats are joined, words pass one
    more register.
    Throughput: the engine's, where a beat is a word.

    Raises
    ------
    InvalidRecipeError
        If the options do not fit the layer.
    """

    i: stream.Interface
    o: stream.Interface

    port_latency_cycles = 2

    def __init__(
        self, layer: IntegerAttention | BinaryAttention, options: AttentionOptions
    ) -> None:
        self.layer = layer
        self.options = options
        self.engine = _make_engine(layer, options)
        self.features_per_word = (
            row_bytes(layer) if isinstance(layer, BinaryAttention) else options.lanes
        )
        asked = options.features_per_beat
        self.features_per_beat = asked or self.features_per_word
        self.features_per_answer = min(asked or options.lanes, options.lanes)
        for what, whole, part in (
            ("row", self.features_per_word, self.features_per_beat),
            ("word of answers", options.lanes, self.features_per_answer),
        ):
            if whole % part:
                raise InvalidRecipeError(
                    f"attention options, features_per_beat: must divide the engine's {what} of "
                    f"{whole} features, not {asked}; correct it"
                )
        n_heads = layer.config.n_heads
        beat = InputWord(lanes=self.features_per_beat, n_heads=n_heads)
        answer = OutputWord(lanes=self.features_per_answer, n_heads=n_heads)
        super().__init__({"i": In(stream.Signature(beat)), "o": Out(stream.Signature(answer))})

    @property
    def timing(self) -> Timing:
        """Clocks of one engine of int8 attention.

        Raises
        ------
        InvalidRecipeError
            For attention by codes, whose clocks depend on the rows.
        """
        engine = self.engine
        if isinstance(engine, BinaryAttentionEngine):
            raise InvalidRecipeError(
                "attention top, timing: must be asked of int8 attention, not of attention by "
                "codes; its clocks depend on the rows, see BinaryTiming"
            )
        return engine.engines[0].timing if isinstance(engine, ParallelHeads) else engine.timing

    def cycles(self, n_positions: int) -> int:
        """Count the clocks of one head's run that finds the top at rest, where a beat is a word.

        Parameters
        ----------
        n_positions : int

        Returns
        -------
        int
            From the first word in to the last one out, both included.
        """
        return self.timing.cycles(n_positions) + self.port_latency_cycles

    def _build(self, m: Module) -> None:
        n_heads = self.layer.config.n_heads
        m.submodules.input_register = before = StreamRegister(self.i.payload.shape())
        m.submodules.engine = engine = self.engine
        m.submodules.output_register = after = StreamRegister(self.o.payload.shape())
        wiring.connect(m, wiring.flipped(self.i), before.i)
        wiring.connect(m, after.o, wiring.flipped(self.o))
        source, sink = before.o, after.i
        if self.features_per_beat < self.features_per_word:
            m.submodules.joiner = joiner = WordJoiner(
                features_per_beat=self.features_per_beat,
                features_per_word=self.features_per_word,
                n_heads=n_heads,
            )
            m.submodules.word_register = joined = StreamRegister(joiner.o.payload.shape())
            wiring.connect(m, source, joiner.i)
            wiring.connect(m, joiner.o, joined.i)
            source = joined.o
        if self.features_per_answer < self.options.lanes:
            m.submodules.splitter = splitter = WordSplitter(
                features_per_word=self.options.lanes,
                features_per_beat=self.features_per_answer,
                n_heads=n_heads,
            )
            wiring.connect(m, splitter.o, sink)
            sink = splitter.i
        wiring.connect(m, source, engine.i)
        wiring.connect(m, engine.o, sink)


def _make_engine(layer: IntegerAttention | BinaryAttention, options: AttentionOptions) -> Engine:
    if isinstance(layer, BinaryAttention):
        if options.n_engines > 1:
            raise InvalidRecipeError(
                "attention options, n_engines: must be 1 for attention by codes, not "
                f"{options.n_engines}; correct it"
            )
        if options.row_memory != "block":
            raise InvalidRecipeError(
                "attention options, row_memory: must be 'block' for attention by codes, not "
                f"{options.row_memory!r}; correct it"
            )
        return BinaryAttentionEngine(layer, lanes=options.lanes)
    shape: dict[str, Any] = {"lanes": options.lanes, "row_memory": options.row_memory}
    if options.n_engines > 1:
        return ParallelHeads(layer, n_engines=options.n_engines, **shape)
    return AttentionEngine(layer, **shape)
