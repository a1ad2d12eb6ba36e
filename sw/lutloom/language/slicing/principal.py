"""Principal directions of a stream of signals, without a mean.

Example
-------
>>> moment = SecondMoment(2)
>>> moment.add(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
>>> moment.directions().abs().round().tolist()
[[1.0, 0.0], [0.0, 1.0]]
"""

from __future__ import annotations

import torch
from torch import Tensor

DAMPING = 0.01
"""Added to the second moment's diagonal, as a share of its mean."""


class SecondMoment:
    """Sum ``x x^T`` over signals, in float64.

    Parameters
    ----------
    width : int
        Features of a signal.
    """

    def __init__(self, width: int) -> None:
        self.total = torch.zeros((width, width), dtype=torch.float64)

    def add(self, signals: Tensor) -> None:
        """Count ``float[..., width]``."""
        flat = signals.reshape(-1, signals.shape[-1]).double()
        self.total.addmm_(flat.T, flat)

    def directions(self) -> Tensor:
        """Give the orthogonal directions, those with most of the signals' energy first.

        Returns
        -------
        float64[width, width]
            One direction a column; a column's largest element is positive.

        References
        ----------
        Ashkboos et al., "SliceGPT: compress large language models by deleting rows and columns",
        ICLR 2024.
        """
        damping = DAMPING * self.total.diagonal().mean()
        damped = self.total + damping * torch.eye(len(self.total), dtype=torch.float64)
        directions: Tensor = torch.linalg.eigh(damped).eigenvectors.flip(1)
        largest = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True))
        return directions * torch.where(largest < 0, -1.0, 1.0)
