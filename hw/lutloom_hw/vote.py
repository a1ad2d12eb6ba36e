"""Votes counted by class: a popcount for each class, all of the same latency."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Value
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.options import VoteForm
from lutloom_hw.popcount import CostBuilder, ModuleBuilder, count_ones
from lutloom_hw.stage import Stage, bits_for


class Vote(Stage):
    """Score each class by counting its votes and adding its bias.

    Parameters
    ----------
    head : ir.VoteHead
    n_inputs : int
        Bits the votes may read.
    form : {"compressor", "carry"}
        How ones are counted, see :mod:`lutloom_hw.popcount`.
    register_every : int
        Adder levels between two ranks of registers.

    Members
    -------
    i : In(stream.Signature(n_inputs, always_ready=True))
        The last layer's outputs.
    o : Out(stream.Signature(n_classes * score_width, always_ready=True))
        Scores, class 0 in the least significant bits.

    Latency: the deepest class's ranks of registers.  Throughput: one row a clock.
    """

    def __init__(
        self, head: ir.VoteHead, *, n_inputs: int, form: VoteForm, register_every: int
    ) -> None:
        self.head = head
        self.form = form
        self.register_every = register_every
        self.score_width = bits_for(head.score_max)
        ends = np.searchsorted(head.class_index, np.arange(head.n_classes + 1)).tolist()
        self._votes = [head.source[start:end].tolist() for start, end in pairwise(ends)]
        self._latencies = [self._latency(c) for c in range(head.n_classes)]
        super().__init__(
            i_fields=n_inputs,
            i_width=1,
            o_fields=head.n_classes,
            o_width=self.score_width,
            latency_cycles=max(self._latencies),
        )

    def model(self, inputs: NDArray[Any]) -> NDArray[np.int32]:
        """Sum the votes with numpy.

        Parameters
        ----------
        inputs : integers[n, n_inputs]
            Zeros and ones.

        Returns
        -------
        int32[n, n_classes]
        """
        return ir.vote_scores(self.head, np.asarray(inputs, dtype=np.uint8))

    def _build(self, m: Module) -> None:
        scores: list[Value] = []
        for c, votes in enumerate(self._votes):
            builder = ModuleBuilder(m, f"class{c}")
            score = self._count(builder, c, [self.i.payload[vote] for vote in votes])
            for _ in range(self.latency_cycles - self._latencies[c]):
                score = builder.register(score)
            scores += score
        m.d.comb += self.o.payload.eq(Cat(*scores))

    def _latency(self, class_index: int) -> int:
        cost = CostBuilder()
        self._count(cost, class_index, [False] * len(self._votes[class_index]))
        return cost.latency_cycles

    def _count(self, builder: Any, class_index: int, votes: list[Any]) -> list[Any]:
        return count_ones(
            builder,
            votes,
            bias=int(self.head.bias[class_index]),
            width=self.score_width,
            form=self.form,
            register_every=self.register_every,
        )
