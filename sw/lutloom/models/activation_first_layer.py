"""Neurons that add up active inputs with weights of fixed polarity, as in Error Diffusion."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from lutloom.files.model_state import LayerState
from lutloom.models.layer import LearningLayer, flat_array
from lutloom.rules import move_weights

_LIMIT = 1.0


def weighted_tables(weight: Tensor, polarity_in: Tensor, threshold: Tensor) -> Tensor:
    """Compare the weighted sum with the threshold at every address.

    Sums run in float64 from input 0 upwards, so that every executor rounds the same way.

    Parameters
    ----------
    weight, polarity_in : [..., n_neurons, k]
    threshold : [..., n_neurons]

    Returns
    -------
    bool[..., n_neurons, 2**k]
    """
    signed = weight.to(torch.float64) * polarity_in
    k = signed.shape[-1]
    entries = torch.arange(1 << k, device=weight.device)
    total = torch.zeros((*signed.shape[:-1], 1 << k), dtype=torch.float64, device=weight.device)
    for bit in range(k):
        total[..., (entries >> bit & 1) == 1] += signed[..., bit, None]
    return total > threshold.to(torch.float64)[..., None]


class ActivationFirstLayer(LearningLayer):
    """Learn magnitudes of weights whose signs are fixed; the step comes before the sum.

    The output is ``sum(weight * polarity_in * x) > threshold`` over inputs ``x`` of 0 and 1, where
    ``polarity_in`` is the product of the polarities at the weight's two ends.

    Parameters
    ----------
    fan_in, n_inputs, shared_input
        As of :class:`~lutloom.models.layer.Layer`.
    polarity_source : float32[n_groups, n_neurons, k]
        +1 (excitatory) or -1 (inhibitory) of each source.
    polarity : float32[n_groups, n_neurons]
        +1 or -1 of each neuron; +1 for those that vote.
    generator : Generator
        Draws the first weights.

    Notes
    -----
    I. Kaneko's Error Diffusion (1999), without the factor ``z * (1 - z)``.
    """

    weight: Tensor
    threshold: Tensor
    polarity_source: Tensor
    polarity: Tensor
    _input_bits: Tensor

    def __init__(
        self,
        fan_in: Tensor,
        n_inputs: int,
        polarity_source: Tensor,
        polarity: Tensor,
        generator: Generator,
        *,
        shared_input: bool,
    ) -> None:
        super().__init__(fan_in, n_inputs, shared_input=shared_input)
        self.register_buffer("polarity_source", polarity_source.clone())
        self.register_buffer("polarity", polarity.clone())
        weight = 0.25 + 0.5 * torch.rand(fan_in.shape, generator=generator)
        self.register_buffer("weight", weight)
        signed = weight * polarity_source * polarity[..., None]
        self.register_buffer("threshold", 0.5 * signed.sum(-1))
        entries = torch.arange(1 << self.k)[:, None] >> torch.arange(self.k)
        self.register_buffer("_input_bits", (entries & 1).to(torch.float32), persistent=False)
        self.refresh()

    @property
    def polarity_in(self) -> Tensor:
        """Sign of each weight, ``float32[n_groups, n_neurons, k]``."""
        return self.polarity_source * self.polarity[..., None]

    def tables(self) -> Tensor:
        """Give the truth tables, ``bool[n_groups, n_neurons, 2**k]``."""
        return weighted_tables(self.weight, self.polarity_in, self.threshold)

    def learn(self, drive: Tensor, learning_rate: float) -> None:
        """Move weights and thresholds by learning rate x drive x polarity.

        Parameters
        ----------
        drive : float32[n_groups, n_neurons, 2**k]
        learning_rate : float
        """
        move_weights(
            self.weight, self.threshold, drive, learning_rate, _LIMIT,
            self.polarity_source, self.polarity,
        )  # fmt: skip
        self.refresh()

    def to_state(self) -> LayerState:
        """Give wiring, weights, their signs and thresholds."""
        return LayerState(
            kind="activation_first",
            fan_in=self.flat_wiring(),
            weight=flat_array(self.weight),
            polarity_in=flat_array(self.polarity_in).astype(np.int8),
            threshold=flat_array(self.threshold),
        )

    def _forget(self, groups: Tensor, neurons: Tensor, drive: Tensor) -> None:
        bits = self._input_bits
        signs = torch.sign((drive @ bits) * 2 - drive.sum(-1, keepdim=True))
        own = self.polarity[groups, neurons]
        self.polarity_source[groups, neurons] = torch.where(signs == 0, 1.0, signs)
        self.weight[groups, neurons] = 0.5
        signed = 0.5 * self.polarity_source[groups, neurons] * own[..., None]
        self.threshold[groups, neurons] = 0.5 * signed.sum(-1)
        self.refresh()
