"""Words in: rows to their memories, and a token for each query that is whole."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.attention.messages import InputWord, RowKind
from lutloom_hw.stage import Block, bits_for


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
    row_write : Out(1)
    row_address : Out(RowAddress)
    query_write : Out(1)
    query_address : Out(range(2 * words))
        The buffer is the most significant bit.
    o : Out(stream.Signature(QueryToken))
        Queries whose words are all written; they lie in the two buffers by turns.
    may_write : In(1)
        The memory of keys and values can be written in this clock; if not connected, always.
    query_read : In(1)
        A query's last word was read for the last time.
    run_read : In(1)
        A run's last value was read for the last time.

    Latency: 1 clock from a query's last word to its token.  Throughput: one word a clock.
    """

    i: stream.Interface
    o: stream.Interface
    row_write: Signal
    row_address: data.View[RowAddress]
    query_write: Signal
    query_address: Signal
    may_write: Signal
    query_read: Signal
    run_read: Signal

    latency_cycles = 1

    def __init__(self, *, lanes: int, words: int, context: int, n_heads: int) -> None:
        self.words = words
        self._token = QueryToken(context=context, n_heads=n_heads)
        self._word_bits = (words - 1).bit_length()
        super().__init__(
            {
                "i": In(stream.Signature(InputWord(lanes=lanes, n_heads=n_heads))),
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
        keys = Signal.like(self.row_address.row)
        values = Signal.like(self.row_address.row)
        newest = Signal.like(values)
        free = Signal(range(3), init=2)  # buffers of queries
        buffer = Signal()
        closed = Signal()  # the run is all in and not yet read
        is_query, is_value = Signal(), Signal()
        takes_buffer, row_done = Signal(), Signal()
        accepted, takes_row = Signal(), Signal()
        m.d.comb += [
            is_query.eq(word.kind == RowKind.QUERY),
            is_value.eq(word.kind == RowKind.VALUE),
            takes_row.eq(self.may_write | is_query),
            self.i.ready.eq(~closed & ~(is_query & (index == 0) & (free == 0)) & takes_row),
            accepted.eq(self.i.valid & self.i.ready),
            row_done.eq(accepted & (index == self.words - 1)),
            takes_buffer.eq(accepted & is_query & (index == 0)),
            self.row_write.eq(accepted & ~is_query),
            self.row_address.is_value.eq(is_value),
            self.row_address.word.eq(index),
            self.row_address.row.eq(Mux(is_value, values, keys)),
            self.query_write.eq(accepted & is_query),
            self.query_address.eq(Cat(index[: self._word_bits], buffer)),
        ]
        m.d.sync += free.eq(free + self.query_read - takes_buffer)
        with m.If(self.run_read):
            m.d.sync += closed.eq(0)
        with m.If(accepted):
            m.d.sync += index.eq(index + 1)
        with m.If(row_done):
            m.d.sync += index.eq(0)
            with m.If(is_query):
                m.d.sync += buffer.eq(~buffer)
                with m.If(word.last):
                    m.d.sync += [closed.eq(1), keys.eq(0), values.eq(0)]
            with m.Elif(is_value):
                m.d.sync += [values.eq(values + 1), newest.eq(values)]
            with m.Else():
                m.d.sync += keys.eq(keys + 1)
        self._queue(m, row_done & is_query, buffer, newest)

    def _queue(self, m: Module, put: Signal, buffer: Signal, newest: Signal) -> None:
        """Queue up to two tokens beside the two buffers."""
        tokens = Array(Signal(self._token, name=f"token{k}", reset_less=True) for k in range(2))
        turn = Signal()
        waiting = Signal(range(3))
        taken = Signal()
        for k in range(2):
            with m.If(put & (buffer == k)):
                m.d.sync += [
                    tokens[k].position.eq(newest),
                    tokens[k].head.eq(self.i.payload.head),
                    tokens[k].last.eq(self.i.payload.last),
                ]
        m.d.comb += [
            self.o.valid.eq(waiting != 0),
            self.o.payload.eq(tokens[turn]),
            taken.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += [waiting.eq(waiting + put - taken), turn.eq(turn ^ taken)]
