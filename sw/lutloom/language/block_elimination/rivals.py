"""What the searches are compared with: blocks ranked once, or not at all.

All keep the first and last blocks as the searches do, so that only the ranking differs.

Example
-------
>>> eliminate_least_influential(model, windows, 3).order             # doctest: +SKIP
(17, 14, 13)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.language.block_elimination.calibration import Calibration, Effort, check_windows
from lutloom.language.block_elimination.search import Elimination, check_number
from lutloom.language.transformer import Transformer


def one_shot_losses(
    calibration: Calibration, *, keep_first: int = 1, keep_last: int = 1
) -> NDArray[np.float64]:
    """Give the loss of the whole model without each block: SLEB's metric 2.

    Parameters
    ----------
    calibration : Calibration
    keep_first, keep_last : int
        Blocks at either end that are never candidates.

    Returns
    -------
    float64[n_blocks]
        Nats a token; infinite for blocks that stay.
    """
    n_blocks = calibration.model.config.n_blocks
    losses = np.full(n_blocks, np.inf)
    candidates = range(keep_first, n_blocks - keep_last)
    found = calibration.losses_without(range(n_blocks), candidates, every=True)
    losses[list(found)] = list(found.values())
    return losses


@torch.inference_mode()
def block_influence(model: Transformer, tokens: Tensor) -> NDArray[np.float64]:
    """Give how far each block turns the residual stream: 1 minus the mean cosine.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n_windows, t + 1]
        The last position of each window is not read, as in all other measures.

    Returns
    -------
    float64[n_blocks]
        0 for a block that changes no direction.

    Raises
    ------
    InvalidNetworkError, InvalidDataError
        As :func:`~lutloom.language.block_elimination.search.eliminate` does.

    References
    ----------
    Men et al., "ShortGPT: layers in large language models are more redundant than you expect",
    2024.
    """
    check_windows(model, tokens)
    influence = np.zeros(model.config.n_blocks)
    for window in torch.split(tokens[:, :-1], 1):
        x = model.embed(window)
        for index in range(model.config.n_blocks):
            after = model.run_block(index, x)
            cosine = nn.functional.cosine_similarity(x.double(), after.double(), dim=-1)
            influence[index] += 1.0 - float(cosine.mean())
            x = after
    return influence / len(tokens)


def eliminate_one_shot(
    model: Transformer, tokens: Tensor, n: int, *, keep_first: int = 1, keep_last: int = 1
) -> Elimination:
    """Choose the blocks without which the whole model loses least, each taken alone.

    Parameters
    ----------
    model, tokens, n, keep_first, keep_last
        As :func:`~lutloom.language.block_elimination.search.eliminate` takes them.

    Returns
    -------
    Elimination

    Raises
    ------
    InvalidRecipeError, InvalidNetworkError, InvalidDataError
        As :func:`~lutloom.language.block_elimination.search.eliminate` does.
    """
    calibration = _calibrate(model, tokens, n, keep_first, keep_last)
    losses = one_shot_losses(calibration, keep_first=keep_first, keep_last=keep_last)
    return remove_in_order(calibration, lowest(losses, n, keep_first, keep_last))


def eliminate_least_influential(
    model: Transformer, tokens: Tensor, n: int, *, keep_first: int = 1, keep_last: int = 1
) -> Elimination:
    """Choose the blocks of least influence, see :func:`block_influence`.

    Parameters
    ----------
    model, tokens, n, keep_first, keep_last
        As :func:`~lutloom.language.block_elimination.search.eliminate` takes them.

    Returns
    -------
    Elimination
        Its effort is none: one pass over the model, no candidates.

    Raises
    ------
    InvalidRecipeError, InvalidNetworkError, InvalidDataError
        As :func:`~lutloom.language.block_elimination.search.eliminate` does.
    """
    calibration = _calibrate(model, tokens, n, keep_first, keep_last)
    influence = block_influence(model, tokens)
    return remove_in_order(calibration, lowest(influence, n, keep_first, keep_last))


def eliminate_last(
    model: Transformer, tokens: Tensor, n: int, *, keep_first: int = 1, keep_last: int = 1
) -> Elimination:
    """Choose the last blocks that may go, whatever they do.

    Parameters
    ----------
    model, tokens, n, keep_first, keep_last
        As :func:`~lutloom.language.block_elimination.search.eliminate` takes them.

    Returns
    -------
    Elimination
        In order from the back.

    Raises
    ------
    InvalidRecipeError, InvalidNetworkError, InvalidDataError
        As :func:`~lutloom.language.block_elimination.search.eliminate` does.

    References
    ----------
    Lu et al., "Reassessing layer pruning in LLMs: new insights and methods", 2024; it drops the
    very last blocks (``keep_last=0``) and trains what is left, which is not done here.
    """
    calibration = _calibrate(model, tokens, n, keep_first, keep_last)
    last = model.config.n_blocks - keep_last - 1
    return remove_in_order(calibration, tuple(range(last, last - n, -1)))


def lowest(values: NDArray[np.float64], n: int, keep_first: int, keep_last: int) -> tuple[int, ...]:
    """Give the blocks of the lowest values that may go, the first among equals.

    Parameters
    ----------
    values : float64[n_blocks]
    n, keep_first, keep_last : int

    Returns
    -------
    tuple of int
        Rising in value.
    """
    free = values[keep_first : len(values) - keep_last]
    return tuple(int(at) + keep_first for at in np.argsort(free, kind="stable")[:n])


def remove_in_order(calibration: Calibration, order: Sequence[int]) -> Elimination:
    """Measure the loss after each of given removals.

    Parameters
    ----------
    calibration : Calibration
        Its effort so far is that of the choice.
    order : sequence of int

    Returns
    -------
    Elimination
    """
    effort: Effort = calibration.effort
    alive = list(range(calibration.model.config.n_blocks))
    losses = [calibration.loss(alive)]
    for block in order:
        alive.remove(block)
        losses.append(calibration.loss(alive))
    return Elimination(tuple(order), tuple(losses[1:]), losses[0], effort)


def _calibrate(
    model: Transformer, tokens: Tensor, n: int, keep_first: int, keep_last: int
) -> Calibration:
    """Check that so many blocks can go, and give what measures the model without them."""
    calibration = Calibration(model, tokens)
    check_number(model.config.n_blocks, n, keep_first, keep_last)
    return calibration
