"""Which slot goes to the lanes in this clock: scores of one query, or sums of the one before."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from lutloom.attention.config import AttentionConfig
from lutloom_hw.attention.intake import QueryToken
from lutloom_hw.attention.key_addresses import KeyAddresses
from lutloom_hw.stage import Block, bits_for


class Slot(data.StructLayout):
    """Lay out the marks of a slot, all of which reset.

    Parameters
    ----------
    n_heads : int

    Members
    -------
    score, sum : 1
        What the lanes compute; neither in an empty slot.
    bank : 1
        The query's half of the score memory and buffer.
    first, end : 1
        The first and last of what is accumulated: of a key's words for a score, of a query's
        keys for a sum.
    opens, closes : 1
        It belongs to the query's first key (scores); it is the pass's last.
    last : 1
        The run's last query (sums).
    head : unsigned
    """

    def __init__(self, *, n_heads: int) -> None:
        marks = ("score", "sum", "bank", "first", "end", "opens", "closes", "last")
        super().__init__(
            {name: unsigned(1) for name in marks} | {"head": unsigned(bits_for(n_heads - 1))}
        )


class Sequencer(Block):
    """Issue slots: the next query's scores wherever there is one, else the sums that are due.

    The sums of a query need its highest score, which comes out of the pipeline some clocks after
    the last slot; meanwhile the lanes work on the scores of the query behind it.

    Parameters
    ----------
    config : AttentionConfig
    words : int
        Words of a row.
    clocks_per_word : int
        Clocks between two slots that end a sum, at least; 2 or more.

    Members
    -------
    i : In(stream.Signature(QueryToken))
    scored : In(1)
        The scores of a query are all known and the highest too, in the next clock.
    may_end : In(1)
        There is room for one more word of answers; stays until one is issued.  Heard of a clock
        later.
    ends_sum : Out(1)
        A slot that ends a sum is issued.
    slot : Out(Slot)
    row : Out(range(context))
        Of the key (scores).
    word : Out(range(words))
    index : Out(range(context))
        Of the key among those the query sees, from the last to the first (sums).

    Latency: 1 clock from a token to its first slot.
    Throughput: one slot a clock, without a gap between passes.
    """

    i: stream.Interface
    scored: Signal
    may_end: Signal
    ends_sum: Signal
    slot: data.View[Slot]
    row: Signal
    word: Signal
    index: Signal

    latency_cycles = 1

    def __init__(self, config: AttentionConfig, *, words: int, clocks_per_word: int) -> None:
        self.config = config
        self.words = words
        self.clocks_per_word = clocks_per_word
        token = QueryToken(context=config.context, n_heads=config.n_heads)
        self._pass = data.StructLayout(
            {
                "last_index": unsigned(bits_for(config.context - 1)),
                "head": unsigned(bits_for(config.n_heads - 1)),
                "last": unsigned(1),
            }
        )
        super().__init__(
            {
                "i": In(stream.Signature(token)),
                "scored": In(1),
                "may_end": In(1),
                "ends_sum": Out(1),
                "slot": Out(Slot(n_heads=config.n_heads)),
                "row": Out(bits_for(config.context - 1)),
                "word": Out(bits_for(words - 1)),
                "index": Out(bits_for(config.context - 1)),
            }
        )

    def _build(self, m: Module) -> None:
        config = self.config
        m.submodules.addresses = addresses = KeyAddresses(
            pattern=config.pattern, stride=config.stride, context=config.context
        )
        scoring, summing = Signal(), Signal()
        started, due = Signal(range(3)), Signal(range(3))  # banks in use; those all scored
        scores_bank, sums_bank = Signal(), Signal()  # of the pass to come
        starts_scores, starts_sums, idle, ends_pass = Signal(), Signal(), Signal(), Signal()
        picks_scores, bank_free = Signal(), Signal()
        first_sum, last_sum = Signal(), Signal()
        word, index = Signal.like(self.word), Signal.like(self.index)
        first_word, last_word = Signal(init=1), Signal(init=self.words == 1)
        of_bank = [Signal(self._pass, name=f"pass{k}", reset_less=True) for k in range(2)]
        current = Signal(self._pass, reset_less=True)  # pass of sums
        bank = Signal()
        m.d.comb += [
            self.ends_sum.eq(summing & last_sum & self._can_end(m)),
            ends_pass.eq(last_word & ((scoring & addresses.last) | self.ends_sum)),
            idle.eq(ends_pass | ~(scoring | summing)),
            bank_free.eq(~started[1]),
            self.i.ready.eq(idle & bank_free),
            picks_scores.eq(self.i.valid & bank_free),
            starts_scores.eq(idle & picks_scores),
            starts_sums.eq(idle & ~picks_scores & (due != 0)),
            addresses.start.eq(starts_scores),
            addresses.position.eq(self.i.payload.position),
            addresses.advance.eq(scoring & last_word),
        ]
        m.d.sync += [
            started.eq(started + starts_scores - starts_sums),
            due.eq(due + self.scored - starts_sums),
        ]
        with m.If(scoring | self.ends_sum):
            m.d.sync += [
                word.eq(Mux(last_word, 0, word + 1)),
                first_word.eq(last_word),
                last_word.eq((word == self.words - 2) & ~last_word if self.words > 1 else 1),
            ]
        chosen = Signal(self._pass)
        m.d.comb += chosen.eq(Mux(sums_bank, of_bank[1].as_value(), of_bank[0].as_value()))
        with m.If(idle):  # what is not started may be set to anything
            m.d.sync += [
                scoring.eq(picks_scores),
                summing.eq(starts_sums),
                bank.eq(Mux(picks_scores, scores_bank, sums_bank)),
                current.eq(chosen),
                index.eq(Mux(picks_scores, 0, chosen.last_index)),
                first_sum.eq(1),
                last_sum.eq(chosen.last_index == 0),
            ]
        with m.Elif(scoring):
            m.d.sync += index.eq(index + last_word)
        with m.Elif(self.ends_sum):
            m.d.sync += [
                index.eq(current.last_index),
                first_sum.eq(1),
                last_sum.eq(current.last_index == 0),
            ]
        with m.Elif(~last_sum):
            m.d.sync += [index.eq(index - 1), first_sum.eq(0), last_sum.eq(index == 1)]
        m.d.sync += [
            scores_bank.eq(scores_bank ^ starts_scores),
            sums_bank.eq(sums_bank ^ starts_sums),
        ]
        for k in range(2):  # until the pass starts, and until it ends
            with m.If(bank_free & (scores_bank == k)):
                m.d.sync += [
                    of_bank[k].head.eq(self.i.payload.head),
                    of_bank[k].last.eq(self.i.payload.last),
                ]
            with m.If(scoring & (bank == k)):
                m.d.sync += of_bank[k].last_index.eq(index)
        m.d.comb += [
            self.slot.score.eq(scoring),
            self.slot.sum.eq(summing & (~last_sum | self.ends_sum)),
            self.slot.bank.eq(bank),
            self.slot.first.eq(Mux(scoring, first_word, first_sum)),
            self.slot.end.eq((scoring & last_word) | self.ends_sum),
            self.slot.opens.eq(index == 0),
            self.slot.closes.eq(ends_pass),
            self.slot.last.eq(current.last),
            self.slot.head.eq(current.head),
            self.row.eq(addresses.row),
            self.word.eq(word),
            self.index.eq(index),
        ]

    def _can_end(self, m: Module) -> Signal:
        """Tell whether the divider and the queue of answers may be given a word."""
        wait = Signal(range(self.clocks_per_word))
        rested, can_end = Signal(init=1), Signal(init=1)
        rests = rested | (wait == 1)
        with m.If(self.ends_sum):
            m.d.sync += [wait.eq(self.clocks_per_word - 1), rested.eq(0), can_end.eq(0)]
        with m.Else():
            m.d.sync += [wait.eq(wait - 1), rested.eq(rests), can_end.eq(rests & self.may_end)]
        return can_end
