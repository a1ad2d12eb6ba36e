"""Two counters that work side by side: one through the keys of a query, one through its candidates.

While the candidates of a query are added up, the keys of the next are scored.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from lutloom.attention.config import AttentionConfig
from lutloom_hw.attention.intake import QueryToken
from lutloom_hw.attention.key_addresses import KeyAddresses
from lutloom_hw.stage import Block, bits_for


class ScoreSlot(data.StructLayout):
    """Lay out the marks of a key that is scored.

    Parameters
    ----------
    n_heads : int

    Members
    -------
    valid : 1
    bank : 1
        The query's buffer and list.
    opens, closes : 1
        It is the query's first or last key.
    head : unsigned
    """

    def __init__(self, *, n_heads: int) -> None:
        marks = ("valid", "bank", "opens", "closes")
        super().__init__(
            {name: unsigned(1) for name in marks} | {"head": unsigned(bits_for(n_heads - 1))}
        )


class SumSlot(data.StructLayout):
    """Lay out the marks of a word of a candidate's value.

    Parameters
    ----------
    n_heads : int

    Members
    -------
    valid : 1
    bank : 1
        The query's list.
    first, end : 1
        It is the first or last candidate of a word.
    closes : 1
        It is the query's last.
    last : 1
        The query is the run's last.
    head : unsigned
    """

    def __init__(self, *, n_heads: int) -> None:
        marks = ("valid", "bank", "first", "end", "closes", "last")
        super().__init__(
            {name: unsigned(1) for name in marks} | {"head": unsigned(bits_for(n_heads - 1))}
        )


class ScoreSequencer(Block):
    """Go through the keys of one query after the other; a query waits for one of two lists.

    Parameters
    ----------
    config : AttentionConfig

    Members
    -------
    i : In(stream.Signature(QueryToken))
    freed : In(1)
        A list was read to its end.
    slot : Out(ScoreSlot)
    row : Out(range(context))
        The key.
    heads : Out(ArrayLayout(unsigned, 2))
    lasts : Out(ArrayLayout(1, 2))
        The head of each list's query, and whether it is the run's last.

    Latency: 1 clock from a token to its first slot.  Throughput: one key a clock.
    """

    i: stream.Interface
    freed: Signal
    slot: data.View[ScoreSlot]
    row: Signal
    heads: data.View[data.ArrayLayout]
    lasts: data.View[data.ArrayLayout]

    latency_cycles = 1

    def __init__(self, config: AttentionConfig) -> None:
        self.config = config
        head = unsigned(bits_for(config.n_heads - 1))
        token = QueryToken(context=config.context, n_heads=config.n_heads)
        super().__init__(
            {
                "i": In(stream.Signature(token)),
                "freed": In(1),
                "slot": Out(ScoreSlot(n_heads=config.n_heads)),
                "row": Out(bits_for(config.context - 1)),
                "heads": Out(data.ArrayLayout(head, 2)),
                "lasts": Out(data.ArrayLayout(unsigned(1), 2)),
            }
        )

    def _build(self, m: Module) -> None:
        config = self.config
        m.submodules.addresses = addresses = KeyAddresses(
            pattern=config.pattern, stride=config.stride, context=config.context
        )
        scoring, opens, starts, idle = Signal(), Signal(), Signal(), Signal()
        in_use = Signal(range(3))  # lists
        bank, next_bank = Signal(), Signal()
        heads = Signal.like(self.heads, name="heads_of", reset_less=True)
        lasts = Signal.like(self.lasts, name="lasts_of", reset_less=True)
        m.d.comb += [
            idle.eq(~scoring | addresses.last),
            self.i.ready.eq(idle & (in_use < 2)),
            starts.eq(self.i.valid & self.i.ready),
            addresses.start.eq(starts),
            addresses.position.eq(self.i.payload.position),
            addresses.advance.eq(scoring),
            self.slot.valid.eq(scoring),
            self.slot.bank.eq(bank),
            self.slot.opens.eq(opens),
            self.slot.closes.eq(addresses.last),
            self.slot.head.eq(Mux(bank, heads[1], heads[0])),
            self.row.eq(addresses.row),
            self.heads.eq(heads),
            self.lasts.eq(lasts),
        ]
        m.d.sync += [in_use.eq(in_use + starts - self.freed), opens.eq(starts)]
        with m.If(idle):
            m.d.sync += scoring.eq(starts)
        with m.If(starts):
            m.d.sync += [bank.eq(next_bank), next_bank.eq(~next_bank)]
        for k in range(2):
            with m.If(starts & (next_bank == k)):
                m.d.sync += [
                    heads[k].eq(self.i.payload.head),
                    lasts[k].eq(self.i.payload.last),
                ]


class SumSequencer(Block):
    """Go through a list of candidates, from the last to the first, once for each word of an answer.

    Parameters
    ----------
    config : AttentionConfig
    words : int
        Words of an answer.
    clocks_per_word : int
        Clocks between two slots that end a word, at least.

    Members
    -------
    scored : In(1)
        A list is complete; its last index is there in the next clock.
    last_index : In(ArrayLayout(range(context), 2))
    heads, lasts : In
        Of the two lists; see :class:`ScoreSequencer`.
    may_end : In(1)
        There is room for one more word of answers.
    slot : Out(SumSlot)
    index : Out(range(context))
        Of the candidate.
    word : Out(range(words))

    Throughput: one slot a clock, without a gap between lists.
    """

    scored: Signal
    last_index: data.View[data.ArrayLayout]
    heads: data.View[data.ArrayLayout]
    lasts: data.View[data.ArrayLayout]
    may_end: Signal
    slot: data.View[SumSlot]
    index: Signal
    word: Signal

    def __init__(self, config: AttentionConfig, *, words: int, clocks_per_word: int) -> None:
        self.config = config
        self.words = words
        self.clocks_per_word = clocks_per_word
        index = unsigned(bits_for(config.context - 1))
        head = unsigned(bits_for(config.n_heads - 1))
        super().__init__(
            {
                "scored": In(1),
                "last_index": In(data.ArrayLayout(index, 2)),
                "heads": In(data.ArrayLayout(head, 2)),
                "lasts": In(data.ArrayLayout(unsigned(1), 2)),
                "may_end": In(1),
                "slot": Out(SumSlot(n_heads=config.n_heads)),
                "index": Out(index),
                "word": Out(bits_for(words - 1)),
            }
        )

    def _build(self, m: Module) -> None:
        summing, starts, idle, ends, moves = Signal(), Signal(), Signal(), Signal(), Signal()
        due = Signal(range(3))  # lists that are complete
        bank, next_bank = Signal(), Signal()
        index, word = Signal.like(self.index), Signal.like(self.word)
        last_index = Signal.like(self.index, name="last_index_now", reset_less=True)
        at_first, at_last = Signal(), Signal()  # of a word's candidates
        at_last_word = Signal()
        wait = Signal(range(self.clocks_per_word))
        rested = Signal(init=1)  # there is nothing left to wait
        found = Signal.like(self.index, name="last_index_next")
        m.d.comb += [
            found.eq(Mux(next_bank, self.last_index[1], self.last_index[0])),
            ends.eq(summing & at_last & self.may_end & rested),
            moves.eq(summing & (~at_last | ends)),
            self.slot.closes.eq(ends & at_last_word),
            idle.eq(~summing | self.slot.closes),
            starts.eq(idle & (due != 0)),
            self.slot.valid.eq(moves),
            self.slot.bank.eq(bank),
            self.slot.first.eq(at_first),
            self.slot.end.eq(ends),
            self.slot.last.eq(Mux(bank, self.lasts[1], self.lasts[0])),
            self.slot.head.eq(Mux(bank, self.heads[1], self.heads[0])),
            self.index.eq(index),
            self.word.eq(word),
        ]
        m.d.sync += due.eq(due + self.scored - starts)
        with m.If(ends):
            m.d.sync += [
                wait.eq(self.clocks_per_word - 1),
                rested.eq(self.clocks_per_word == 1),
            ]
        with m.Elif(~rested):
            m.d.sync += [wait.eq(wait - 1), rested.eq(wait == 1)]
        with m.If(moves):
            m.d.sync += [index.eq(index - 1), at_first.eq(0), at_last.eq(index == 1)]
        with m.If(ends):
            m.d.sync += [
                word.eq(word + 1),
                at_last_word.eq(word == self.words - 2),
                index.eq(last_index),
                at_first.eq(1),
                at_last.eq(last_index == 0),
            ]
        with m.If(idle):
            m.d.sync += summing.eq(starts)
        with m.If(starts):
            m.d.sync += [
                bank.eq(next_bank),
                next_bank.eq(~next_bank),
                last_index.eq(found),
                index.eq(found),
                word.eq(0),
                at_last_word.eq(self.words == 1),
                at_first.eq(1),
                at_last.eq(found == 0),
            ]
