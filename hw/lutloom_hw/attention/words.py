"""Between narrow beats at the pins and the words of an engine: the same features, more clocks."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.attention.messages import InputWord, OutputWord
from lutloom_hw.stage import Block


class WordJoiner(Block):
    """Join beats to words, the first beat's features first.

    Parameters
    ----------
    features_per_beat, features_per_word : int
        The second is a multiple of the first.
    n_heads : int

    Members
    -------
    i : In(stream.Signature(InputWord))
        Of ``features_per_beat`` lanes.
    o : Out(stream.Signature(InputWord))
        Of ``features_per_word`` lanes; marks are those of the word's last beat.

    Latency: 0 from a word's last beat.  Throughput: one beat a clock.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, *, features_per_beat: int, features_per_word: int, n_heads: int) -> None:
        self.features_per_beat = features_per_beat
        self.beats_per_word = features_per_word // features_per_beat
        beat = InputWord(lanes=features_per_beat, n_heads=n_heads)
        word = InputWord(lanes=features_per_word, n_heads=n_heads)
        super().__init__({"i": In(stream.Signature(beat)), "o": Out(stream.Signature(word))})

    def _build(self, m: Module) -> None:
        n_held = self.beats_per_word - 1
        beat = self.i.payload
        held = Signal(8 * self.features_per_beat * n_held, reset_less=True)
        index = Signal(range(self.beats_per_word))
        last = Signal()
        whole = Cat(held, beat.features.as_value())
        m.d.comb += [
            last.eq(index == n_held),
            self.o.valid.eq(self.i.valid & last),
            self.i.ready.eq(self.o.ready | ~last),
            self.o.payload.features.eq(whole),
            self.o.payload.head.eq(beat.head),
            self.o.payload.kind.eq(beat.kind),
            self.o.payload.last.eq(beat.last),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += index.eq(index + 1)
            with m.If(last):
                m.d.sync += index.eq(0)
            with m.Else():
                m.d.sync += held.eq(whole[8 * self.features_per_beat :])


class WordSplitter(Block):
    """Split words of answers into beats, the first features first.

    Parameters
    ----------
    features_per_word, features_per_beat : int
        The first is a multiple of the second.
    n_heads : int

    Members
    -------
    i : In(stream.Signature(OutputWord))
        Of ``features_per_word`` lanes.
    o : Out(stream.Signature(OutputWord))
        Of ``features_per_beat`` lanes; ``last`` in a word's last beat only.

    Latency: 0 to a word's first beat.  Throughput: one beat a clock.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, *, features_per_word: int, features_per_beat: int, n_heads: int) -> None:
        self.features_per_beat = features_per_beat
        self.beats_per_word = features_per_word // features_per_beat
        word = OutputWord(lanes=features_per_word, n_heads=n_heads)
        beat = OutputWord(lanes=features_per_beat, n_heads=n_heads)
        super().__init__({"i": In(stream.Signature(word)), "o": Out(stream.Signature(beat))})

    def _build(self, m: Module) -> None:
        word = self.i.payload
        index = Signal(range(self.beats_per_word))
        last = Signal()
        features = word.features.as_value().word_select(index, 8 * self.features_per_beat)
        m.d.comb += [
            last.eq(index == self.beats_per_word - 1),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & last),
            self.o.payload.features.eq(features),
            self.o.payload.head.eq(word.head),
            self.o.payload.last.eq(word.last & last),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += index.eq(index + 1)
            with m.If(last):
                m.d.sync += index.eq(0)
