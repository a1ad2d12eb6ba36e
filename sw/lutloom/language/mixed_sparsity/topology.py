"""Which weights of a matrix go and which come."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def move_mask(
    mask: Tensor,
    weight: Tensor,
    gradient: Tensor | None,
    n_prune: int,
    n_grow: int,
    gradient_share: float,
    generator: Generator,
) -> Tensor:
    """Prune the smallest weights of a matrix and grow others.

    Weights pruned now are not grown now.

    Parameters
    ----------
    mask : bool[rows, columns]
        Weights there are.
    weight : float32[rows, columns]
    gradient : float32[rows, columns] or None
        Of the dense matrix; None where ``gradient_share`` is 0.
    n_prune, n_grow : int
        As many as there are, at most.
    gradient_share : float
        Of the weights that are grown, those of the largest gradients; the rest is drawn evenly.
    generator : Generator

    Returns
    -------
    bool[rows, columns]
        A new mask with ``n_grow - n_prune`` more weights, as far as there is room.

    References
    ----------
    Evci et al., "Rigging the lottery: making all tickets winners", 2020 (by gradient); Mocanu et
    al., 2018 (at random).
    """
    flat, size = mask.flatten(), weight.abs().flatten()
    n_prune = min(n_prune, int(flat.sum()))
    moved = flat.clone()
    if n_prune:
        small = size.masked_fill(~flat, torch.inf).topk(n_prune, largest=False).indices
        moved[small] = False
    free = ~flat
    n_grow = min(n_grow, int(free.sum()))
    by_gradient = round(gradient_share * n_grow)
    if by_gradient and gradient is not None:
        best = gradient.abs().flatten().masked_fill(~free, -1.0).topk(by_gradient).indices
        moved[best] = True
        free[best] = False
    else:
        by_gradient = 0
    left = free.nonzero()[:, 0]
    drawn = torch.randperm(left.numel(), generator=generator)[: n_grow - by_gradient]
    moved[left[drawn]] = True
    return moved.view_as(mask)


def random_mask(shape: tuple[int, int], density: float, generator: Generator) -> Tensor:
    """Draw a mask of a given density, exactly.

    Parameters
    ----------
    shape : (int, int)
    density : float
    generator : Generator

    Returns
    -------
    bool[rows, columns]
    """
    n = shape[0] * shape[1]
    mask = torch.zeros(n, dtype=torch.bool)
    mask[torch.randperm(n, generator=generator)[: round(density * n)]] = True
    return mask.view(shape)
