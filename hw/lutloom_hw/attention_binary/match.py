"""How many bits of two codes are equal: one comparison a clock."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from numpy.typing import NDArray

from lutloom_hw.popcount import CostBuilder, ModuleBuilder, count_ones
from lutloom_hw.stage import Stage, bits_for

_REGISTER_EVERY = 2


class MatchStage(Stage):
    """Compare codes bit by bit and count the bits that are equal.

    Parameters
    ----------
    code_bits : int

    Members
    -------
    i : In(stream.Signature(2 * code_bits, always_ready=True))
        The query's code, then the key's.
    o : Out(stream.Signature(score_bits, always_ready=True))

    Latency: ``latency_cycles``: both codes, their equal bits, then the count.
    Throughput: one comparison a clock.
    """

    def __init__(self, *, code_bits: int) -> None:
        self.code_bits = code_bits
        cost = CostBuilder()
        _count(cost, [False] * code_bits)
        super().__init__(
            i_fields=2 * code_bits,
            i_width=1,
            o_fields=1,
            o_width=bits_for(code_bits),
            latency_cycles=2 + cost.latency_cycles,
        )

    def model(self, inputs: NDArray[Any]) -> NDArray[np.int64]:
        """Count with numpy.

        Parameters
        ----------
        inputs : integers[n, 2 * code_bits]

        Returns
        -------
        int64[n, 1]
        """
        query, key = inputs[:, : self.code_bits], inputs[:, self.code_bits :]
        count: NDArray[np.int64] = (query == key).sum(axis=1, keepdims=True, dtype=np.int64)
        return count

    def _build(self, m: Module) -> None:
        codes = Signal(2 * self.code_bits, reset_less=True)
        equal = Signal(self.code_bits, reset_less=True)
        m.d.sync += [
            codes.eq(self.i.payload),
            equal.eq(~(codes[: self.code_bits] ^ codes[self.code_bits :])),
        ]
        m.d.comb += self.o.payload.eq(Cat(_count(ModuleBuilder(m, "match"), list(equal))))


def _count(builder: Any, bits: list[Any]) -> list[Any]:
    return count_ones(
        builder,
        bits,
        bias=0,
        width=bits_for(len(bits)),
        form="carry",
        register_every=_REGISTER_EVERY,
    )
