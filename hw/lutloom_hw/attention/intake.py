"""Words in: rows to their memories, and a token for each query that is whole."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.attention.messages import InputWord, RowKind
from lutloom_hw.stage import Block, bits_for

PAUSE_CYCLES = 1
"""After a query's last word, before another is taken."""


class QueryToken(data.StructLayout):
    """Lay out what is known of a query besides its features.

    Parameters
    ----------
    context : int
    n_heads : int

    Members
    -------
    position : range(context)
        That of the newest value; the query sees no key behind it.
    head : unsigned
    last : 1
        The run ends with this query.
    """

    def __init__(self, *, context: int, n_heads: int) -> None:
        super().__init__(
            {
                "position": unsigned(bits_for(context - 1)),
                "head": unsigned(bits_for(n_heads - 1)),
                "last": unsigned(1),
            }
        )


class RowAddress(data.StructLayout):
    """Lay out an address of the memory of keys and values.

    Parameters
    ----------
    context, words : int

    Members
    -------
    is_value : 1
    word : range(words)
        No bit if a row is one word.
    row : range(context)
    """

    def __init__(self, *, context: int, words: int) -> None:
        super().__init__(
            {
                "is_value": unsigned(1),
                "word": unsigned((words - 1).bit_length()),
                "row": unsigned(bits_for(context - 1)),
            }
        )


class Intake(Block):
    """Take the words of runs and keep order: two queries at a time, one run at a time.

    Parameters
    ----------
    lanes, words : int
        Features of a word and words of a row.
    context : int
    n_heads : int

    Members
    -------
    i : In(stream.Signature(InputWord))
        A query waits while two are not yet done with their scores; a run waits until the run
        before it has read its last value.
    features : Out(8 * lanes)
        To be written, a clock after the word is taken.
    row_write : Out(1)
    row_address : Out(RowAddress)
    query_write : Out(1)
    query_address : Out(range(2 * words))
        The buffer is the most significant bit.
    o : Out(stream.Signature(QueryToken))
        Queries whose words are all written; they lie in the two buffers by turns.
    may_write : In(1)
        The memory of keys and values can be written in the next clock; if not connected, always.
    query_read : In(1)
        A query's last word is read for the last time, in the next clock at the latest.
    run_read : In(1)
        A run's last value is read for the last time, in the next clock at the latest.

    Latency: ``latency_cycles``, 1 clock to the memories and 2 from a query's last word to its
    token.  Throughput: one word a clock, and a clock's
    pause after each query.
    """

    i: stream.Interface
    o: stream.Interface
    features: Signal
    row_write: Signal
    row_address: data.View[RowAddress]
    query_write: Signal
    query_address: Signal
    may_write: Signal
    query_read: Signal
    run_read: Signal

    latency_cycles = 2

    def __init__(self, *, lanes: int, words: int, context: int, n_heads: int) -> None:
        self.words = words
        self._token = QueryToken(context=context, n_heads=n_heads)
        self._word_bits = (words - 1).bit_length()
        super().__init__(
            {
                "i": In(stream.Signature(InputWord(lanes=lanes, n_heads=n_heads))),
                "features": Out(8 * lanes),
                "row_write": Out(1),
                "row_address": Out(RowAddress(context=context, words=words)),
                "query_write": Out(1),
                "query_address": Out(self._word_bits + 1),
                "o": Out(stream.Signature(self._token)),
                "may_write": In(1, init=1),
                "query_read": In(1),
                "run_read": In(1),
            }
        )

    def _build(self, m: Module) -> None:
        word = self.i.payload
        index = Signal(range(self.words))
        first, final = Signal(init=1), Signal(init=self.words == 1)  # words of a row
        free = Signal(range(3), init=2)  # buffers of queries
        closed = Signal()  # the run is all in and not yet read
        pauses = Signal()  # a query's last word was taken: wait for what follows from it
        is_query, takes_query, takes_row = Signal(), Signal(), Signal()
        accepted = Signal()
        m.d.comb += [
            is_query.eq(word.kind == RowKind.QUERY),
            takes_query.eq(~(closed | pauses | (first & (free == 0)))),
            takes_row.eq(~(closed | pauses) & self.may_write),
            self.i.ready.eq(Mux(is_query, takes_query, takes_row)),
            accepted.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += [
            pauses.eq(accepted & is_query & final),
            free.eq(free + self.query_read - pauses),
        ]
        with m.If(accepted):
            m.d.sync += [
                index.eq(Mux(final, 0, index + 1)),
                first.eq(final),
                final.eq((index == self.words - 2) & ~final if self.words > 1 else 1),
            ]
        run_ends = self._write(m, accepted, is_query, index, final)
        m.d.sync += closed.eq((closed & ~self.run_read) | run_ends)

    def _write(
        self, m: Module, accepted: Value, is_query: Value, index: Value, final: Value
    ) -> Value:
        """Write the word a clock later, and count rows; tell when a run's last word is written."""
        word = Signal.like(self.i.payload, name="word", reset_less=True)
        ends, number = Signal(reset_less=True), Signal(self._word_bits, reset_less=True)
        query_write, row_write = Signal(), Signal()
        m.d.sync += [
            word.eq(self.i.payload),
            ends.eq(final),
            number.eq(index),
            query_write.eq(accepted & is_query),
            row_write.eq(accepted & ~is_query),
        ]
        keys = Signal.like(self.row_address.row)
        values = Signal.like(self.row_address.row)
        newest = Signal.like(values)
        buffer = Signal()
        is_value = Signal()
        m.d.comb += [
            is_value.eq(word.kind == RowKind.VALUE),
            self.features.eq(word.features),
            self.row_write.eq(row_write),
            self.row_address.is_value.eq(is_value),
            self.row_address.word.eq(number),
            self.row_address.row.eq(Mux(is_value, values, keys)),
            self.query_write.eq(query_write),
            self.query_address.eq(Cat(number, buffer)),
        ]
        with m.If(query_write & ends):
            m.d.sync += buffer.eq(~buffer)
            with m.If(word.last):
                m.d.sync += [keys.eq(0), values.eq(0)]
        with m.If(row_write & ends):
            with m.If(is_value):
                m.d.sync += [values.eq(values + 1), newest.eq(values)]
            with m.Else():
                m.d.sync += keys.eq(keys + 1)
        self._queue(m, word, query_write & ends, buffer, newest)
        return query_write & ends & word.last

    def _queue(self, m: Module, word: Any, put: Value, buffer: Value, newest: Value) -> None:
        """Queue up to two tokens beside the two buffers."""
        tokens = Array(Signal(self._token, name=f"token{k}", reset_less=True) for k in range(2))
        turn = Signal()
        waiting = Signal(range(3))
        taken = Signal()
        for k in range(2):
            with m.If(~waiting[1] & (buffer == k)):  # until it is put
                m.d.sync += [
                    tokens[k].position.eq(newest),
                    tokens[k].head.eq(word.head),
                    tokens[k].last.eq(word.last),
                ]
        m.d.comb += [
            self.o.valid.eq(waiting != 0),
            self.o.payload.eq(tokens[turn]),
            taken.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += [waiting.eq(waiting + put - taken), turn.eq(turn ^ taken)]
