"""The only error there is: target minus probability, of each output on its own images."""

from __future__ import annotations

import torch
from torch import Tensor


def output_error(scores: Tensor, labels: Tensor, n_votes: int, temperature: float) -> Tensor:
    """Give each output's error, target minus probability.

    The probability of class ``c`` is the softmax over classes of
    ``(2 * scores - n_votes) / temperature``: votes for less votes against, softened.

    Parameters
    ----------
    scores : int[n_classes, n_images]
        Votes that are set, by class.
    labels : int64[n_images]
    n_votes : int
        Votes of one class.
    temperature : float
        Votes that change the odds by a factor of ``e``; more is softer.

    Returns
    -------
    float32[n_classes, n_images]
        Between -1 and 1; sums to zero over classes.
    """
    balance = (2 * scores - n_votes).to(torch.float32) / temperature
    error = -torch.softmax(balance, dim=0)
    error[labels, torch.arange(labels.numel(), device=labels.device)] += 1.0
    return error
