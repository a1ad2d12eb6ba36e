"""Counters and weights move by learning rate x drive x polarity, and saturate."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

WEIGHT_FLOOR = 1 / 16
"""Least magnitude of a weight, as a share of the greatest; a weight of zero could not come back."""
THRESHOLD_MARGIN = 1 / 8
"""Least distance of a threshold from the extreme sums, as a share of their distance."""


def move_counters(
    counter: Tensor,
    drive: Tensor,
    learning_rate: float,
    limit: float,
    rounding: Generator | None = None,
) -> None:
    """Move saturating counters, in place.

    Parameters
    ----------
    counter : float32[..., n_entries]
        One counter a table address; its sign is the output bit.
    drive : float32[..., n_entries]
        From :func:`~lutloom.rules.gather_drive`.
    learning_rate : float
    limit : float
        Counters stay within ``-limit..limit``.
    rounding : Generator, optional
        Given: counters are whole numbers, and each step is rounded up or down at random so that
        its mean is exact.
    """
    step = drive * learning_rate
    if rounding is not None:
        noise = torch.rand(step.shape, generator=rounding, device=rounding.device)
        step = torch.floor(step + noise.to(step.device))
    counter.add_(step).clamp_(-limit, limit)


def move_weights(
    weight: Tensor,
    threshold: Tensor,
    drive: Tensor,
    learning_rate: float,
    limit: float,
    polarity_source: Tensor,
    polarity: Tensor,
) -> None:
    """Move polarity weights and thresholds, in place.

    A weight's effective sign is the product of the polarities at its two ends and never changes
    (Error Diffusion: I. Kaneko, 1999).  Signs along any path telescope, so the output's error,
    broadcast unchanged, has the right sign at any depth.  Unlike the original, nothing is scaled
    by a derivative of the activation.

    Parameters
    ----------
    weight : float32[..., n_neurons, k]
        Magnitudes; they stay within ``WEIGHT_FLOOR * limit`` to ``limit``.
    threshold : float32[..., n_neurons]
        Stays inside the sums the weights can reach, so that no neuron becomes a constant.
    drive : float32[..., n_neurons, 2**k]
    learning_rate, limit : float
        A weight is moved by half of all addresses, a counter by one: the step is scaled so that
        a learning rate means the same to both.
    polarity_source : float32[..., n_neurons, k]
        +1 or -1 of the neuron or input copy a weight comes from.
    polarity : float32[..., n_neurons]
        +1 or -1 of the neuron itself.
    """
    k = weight.shape[-1]
    entries = torch.arange(1 << k, device=weight.device)
    input_bits = ((entries[:, None] >> torch.arange(k, device=weight.device)) & 1).to(drive.dtype)
    active = drive @ input_bits
    rate = learning_rate * 2 / (1 << k)
    weight.add_(active * polarity_source, alpha=rate).clamp_(limit * WEIGHT_FLOOR, limit)
    threshold.sub_(drive.sum(dim=-1) * polarity, alpha=rate)
    signed = weight * polarity_source * polarity[..., None]
    low, high = signed.clamp(max=0.0).sum(dim=-1), signed.clamp(min=0.0).sum(dim=-1)
    margin = (high - low) * THRESHOLD_MARGIN
    torch.clamp(threshold, low + margin, high - margin, out=threshold)
