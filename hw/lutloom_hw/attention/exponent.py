"""How much a key weighs: two to the power of minus what its score lacks of the highest."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom.attention.config import (
    FRACTION_BITS,
    MULTIPLIER_BITS,
    MULTIPLIER_SHIFT,
    WEIGHT_BITS,
)
from lutloom.attention.integer import FRACTIONS, POWERS
from lutloom_hw.attention.delay import delay
from lutloom_hw.attention.memory import Multiplier, Table
from lutloom_hw.stage import Block


class WeightStage(Block):
    """Turn scores into weights.

    Parameters
    ----------
    score_width : int
        Bits of a score.

    Members
    -------
    score, highest : In(signed(score_width))
        ``highest`` is not below ``score``.
    multiplier : In(16)
        Of the head.
    weight : Out(16)
        0 to 2**15.

    Latency: ``latency_cycles``: difference, two half products, exponent, table of powers (one
    block RAM), its register, and two ranks of the shifter.  Throughput: one score a clock.
    """

    score: Signal
    highest: Signal
    multiplier: Signal
    weight: Signal

    latency_cycles = 7

    def __init__(self, *, score_width: int) -> None:
        self.score_width = score_width
        super().__init__(
            {
                "score": In(signed(score_width)),
                "highest": In(signed(score_width)),
                "multiplier": In(MULTIPLIER_BITS),
                "weight": Out(WEIGHT_BITS),
            }
        )

    def model(
        self, score: NDArray[np.int64], highest: NDArray[np.int64], multiplier: int
    ) -> NDArray[np.int64]:
        """Weigh with numpy.

        Parameters
        ----------
        score, highest : int64[n]
        multiplier : int

        Returns
        -------
        int64[n]
        """
        exponent = ((highest - score) * multiplier) >> MULTIPLIER_SHIFT
        shift = np.minimum(exponent >> FRACTION_BITS, WEIGHT_BITS)
        weight: NDArray[np.int64] = POWERS[exponent % FRACTIONS] >> shift
        return weight

    def _build(self, m: Module) -> None:
        exponent = self._exponent(m)
        m.submodules.powers = powers = Table(WEIGHT_BITS, POWERS.tolist())
        power = Signal(WEIGHT_BITS, reset_less=True)
        m.d.comb += powers.address.eq(exponent[:FRACTION_BITS])
        m.d.sync += power.eq(powers.data)

        shift = exponent[FRACTION_BITS:]
        coarse_shift, fine_shift = Signal(2, reset_less=True), Signal(2, reset_less=True)
        none_left = Signal(reset_less=True)
        m.d.sync += [
            fine_shift.eq(shift[:2]),
            coarse_shift.eq(shift[2:4]),
            none_left.eq(shift[4:] != 0),
        ]
        coarse_shift = delay(m, coarse_shift, 1, name="coarse_shift")
        none_left = delay(m, none_left, 1, name="none_left")
        fine_shift = delay(m, fine_shift, 2, name="fine_shift")
        coarse = Signal(WEIGHT_BITS, reset_less=True)
        fine = Signal(WEIGHT_BITS, reset_less=True)
        m.d.sync += [
            coarse.eq(Mux(none_left, 0, power >> (coarse_shift << 2))),
            fine.eq(coarse >> fine_shift),
        ]
        m.d.comb += self.weight.eq(fine)

    def _exponent(self, m: Module) -> Signal:
        """Multiply in two halves, each of which fits a DSP block, and add them a clock later."""
        half = self.score_width // 2
        behind = Signal(self.score_width)
        m.d.comb += behind.eq(self.highest - self.score)
        products = []
        for name, part in (("low", behind[:half]), ("high", behind[half:])):
            m.submodules[name] = multiplier = Multiplier(
                unsigned(len(part)), unsigned(MULTIPLIER_BITS)
            )
            m.d.comb += [multiplier.left.eq(part), multiplier.right.eq(self.multiplier)]
            products.append(multiplier.product)
        low, high = products
        exponent = Signal(self.score_width + MULTIPLIER_BITS - MULTIPLIER_SHIFT, reset_less=True)
        m.d.sync += exponent.eq(((high << half) + low) >> MULTIPLIER_SHIFT)
        return exponent
