"""Several attention engines behind one input and one output, each with its own heads."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Array, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom.attention.config import IntegerAttention
from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention.engine import AttentionEngine
from lutloom_hw.attention_options import RowMemory
from lutloom_hw.stage import Block


class ParallelHeads(Block):
    """Attend with several heads at a time: head ``h`` goes to engine ``h % n_engines``.

    Runs of heads of different engines may be interleaved, word by word if need be; only so do the
    engines work at the same time.  Runs of the heads of one engine come one after the other.

    Parameters
    ----------
    layer : IntegerAttention
    lanes : int
        Of each engine.
    n_engines : int
        1 to ``n_heads``.
    row_memory : {"block", "single_port"}
        Of each engine.

    Members
    -------
    i : In(stream.Signature(InputWord))
        As of :class:`~lutloom_hw.attention.engine.AttentionEngine`; a word waits for its engine.
    o : Out(stream.Signature(OutputWord))
        Each engine's words in their order, those of different engines mixed; ``head`` says whose.

    Latency: that of an engine, and up to ``n_engines`` clocks for its turn at the output.
    Throughput: that of all engines; one word a clock at the input, and at the output one word a
    clock at most, an engine's every ``n_engines`` clocks.

    Raises
    ------
    InvalidRecipeError
        If a number is none of those allowed.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        layer: IntegerAttention,
        *,
        lanes: int,
        n_engines: int,
        row_memory: RowMemory = "block",
    ) -> None:
        if not 1 <= n_engines <= layer.config.n_heads:
            raise InvalidRecipeError(
                f"attention heads, n_engines: must be 1..{layer.config.n_heads}, one a head at "
                f"most, not {n_engines!r}; correct it"
            )
        self.layer = layer
        self.lanes = lanes
        self.n_engines = n_engines
        self.engines = [
            AttentionEngine(layer, lanes=lanes, row_memory=row_memory) for _ in range(n_engines)
        ]
        self.words = self.engines[0].words
        super().__init__(
            {
                "i": In(stream.Signature(self.engines[0].i.payload.shape())),
                "o": Out(stream.Signature(self.engines[0].o.payload.shape())),
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
        return self.engines[0].model(query, key, value, head=head)

    def _build(self, m: Module) -> None:
        n = self.n_engines
        turn = Signal(range(n))
        engine_of = Array(head % n for head in range(self.layer.config.n_heads))
        chosen = engine_of[self.i.payload.head]
        for k, engine in enumerate(self.engines):
            m.submodules[f"engine{k}"] = engine
            m.d.comb += [
                engine.i.payload.eq(self.i.payload),
                engine.i.valid.eq(self.i.valid & (chosen == k)),
                engine.o.ready.eq(self.o.ready & (turn == k)),
            ]
            with m.If(chosen == k):
                m.d.comb += self.i.ready.eq(engine.i.ready)
            with m.If(turn == k):
                m.d.comb += [
                    self.o.valid.eq(engine.o.valid),
                    self.o.payload.eq(engine.o.payload),
                ]
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += turn.eq(turn + 1)
            with m.If(turn == n - 1):
                m.d.sync += turn.eq(0)
