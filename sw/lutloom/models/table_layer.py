"""Neurons that are truth tables: one signed saturating counter an address."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from lutloom.files.model_state import LayerState
from lutloom.models.layer import LearningLayer, flat_array
from lutloom.rules import move_counters

COUNTER_BITS_MIN, COUNTER_BITS_MAX = 2, 8
"""Width of integer counters."""


class TableLayer(LearningLayer):
    """Learn any truth table: the output bit is the sign of the counter the inputs select.

    Parameters
    ----------
    fan_in, n_inputs, shared_input
        As of :class:`~lutloom.models.layer.Layer`.
    counter : float32[n_groups, n_neurons, 2**k]
        Where the counters begin, within -1 to 1.
    counter_bits : int
        0: floats within -1 to 1.  2 to 8: integers of that many bits, of which the lowest is not
        used, so that both signs reach equally far; steps are rounded at random.
    rounding : Generator, optional
        Where that randomness comes from; needed with integers.
    """

    counter: Tensor

    def __init__(
        self,
        fan_in: Tensor,
        n_inputs: int,
        counter: Tensor,
        *,
        shared_input: bool,
        counter_bits: int = 0,
        rounding: Generator | None = None,
    ) -> None:
        super().__init__(fan_in, n_inputs, shared_input=shared_input)
        self.counter_bits = counter_bits
        self.limit = float((1 << (counter_bits - 1)) - 1) if counter_bits else 1.0
        self._rounding = rounding if counter_bits else None
        self.register_buffer("counter", self._scale(counter))
        self.refresh()

    def _scale(self, counter: Tensor) -> Tensor:
        if not self.counter_bits:
            return counter.clamp(-1.0, 1.0)
        away_from_zero = counter.sign() * (counter.abs() * self.limit).ceil()
        return away_from_zero.clamp(-self.limit, self.limit)

    def tables(self) -> Tensor:
        """Give the truth tables, ``bool[n_groups, n_neurons, 2**k]``."""
        return self.counter > 0

    def learn(self, drive: Tensor, learning_rate: float) -> None:
        """Move the counters by learning rate x drive.

        Parameters
        ----------
        drive : float32[n_groups, n_neurons, 2**k]
        learning_rate : float
            As a share of the counters' range.
        """
        move_counters(self.counter, drive, learning_rate * self.limit, self.limit, self._rounding)
        self.refresh()

    def to_state(self) -> LayerState:
        """Give wiring and counters; int8 where they are integers."""
        counter = flat_array(self.counter)
        kept = counter.astype(np.int8) if self.counter_bits else counter
        return LayerState(kind="table", fan_in=self.flat_wiring(), counter=kept)

    def _forget(self, groups: Tensor, neurons: Tensor, drive: Tensor) -> None:
        scale = drive.abs().amax(dim=-1, keepdim=True).clamp(min=1e-9)
        self.counter[groups, neurons] = self._scale(0.25 * drive / scale)
        self.refresh()

    @staticmethod
    def majority(n_groups: int, n_neurons: int, k: int, generator: Generator) -> Tensor:
        """Begin as the majority of the inputs; halves are decided at random.

        Returns
        -------
        float32[n_groups, n_neurons, 2**k]
        """
        entries = torch.arange(1 << k)
        ones = ((entries[:, None] >> torch.arange(k)) & 1).sum(dim=1)
        balance = (2 * ones - k).to(torch.float32) / k
        coin = torch.randint(0, 2, (n_groups, n_neurons, 1 << k), generator=generator)
        tie = (coin * 2 - 1).to(torch.float32) / (2 * k)
        return 0.5 * torch.where(balance == 0, tie, balance.expand_as(tie))

    @staticmethod
    def pass_through(n_groups: int, n_neurons: int, k: int) -> Tensor:
        """Begin as a copy of the first input.

        Returns
        -------
        float32[n_groups, n_neurons, 2**k]
        """
        first = (torch.arange(1 << k) & 1).to(torch.float32) - 0.5
        return first.expand(n_groups, n_neurons, 1 << k).clone()

    @staticmethod
    def noise(n_groups: int, n_neurons: int, k: int, generator: Generator) -> Tensor:
        """Begin as any table, near zero.

        Returns
        -------
        float32[n_groups, n_neurons, 2**k]
        """
        return 0.1 * torch.randn((n_groups, n_neurons, 1 << k), generator=generator)
