"""Swap what a search removed: put one block back, remove another, while the loss falls.

A greedy search cannot undo.  Each swap tried here is one step of the same search from a model
that has one of the removed blocks again, with the same shared streams and the same giving up.

Example
-------
>>> refined = refine(model, windows, eliminate(model, windows, 6).order)  # doctest: +SKIP
>>> refined.swaps                                                    # doctest: +SKIP
(Swap(put_back=5, removed=9, loss=4.02),)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from lutloom.language.block_elimination.calibration import Calibration, Effort
from lutloom.language.block_elimination.search import Progress, check_removable
from lutloom.language.transformer import Transformer

PASSES_MAX = 4
"""Passes over the removed blocks, unless said; usually two suffice."""


@dataclass(frozen=True, slots=True)
class Swap:
    """Record one swap that was kept.

    Parameters
    ----------
    put_back, removed : int
        Blocks, by their index in the whole model.
    loss : float
        Calibration loss (nats a token) from then on.
    """

    put_back: int
    removed: int
    loss: float


@dataclass(frozen=True, slots=True)
class Refinement:
    """Hold which blocks are removed in the end.

    Parameters
    ----------
    removed : tuple of int
        A block swapped in stands where the one put back stood.
    loss, start_loss : float
        Calibration loss at the end, and before any swap.
    swaps : tuple of Swap
    settled : bool
        Whether no swap of any one block is left that would help.
    effort : Effort
    """

    removed: tuple[int, ...]
    loss: float
    start_loss: float
    swaps: tuple[Swap, ...]
    settled: bool
    effort: Effort


def refine(
    model: Transformer,
    tokens: Tensor,
    removed: Sequence[int],
    *,
    keep_first: int = 1,
    keep_last: int = 1,
    last_is_best: bool = False,
    passes_max: int = PASSES_MAX,
    progress: Progress | None = None,
) -> Refinement:
    """Swap removed blocks for others while the calibration loss falls.

    Parameters
    ----------
    model : Transformer
        Not sliced; never changed.
    tokens : int64[n_windows, t + 1]
        Calibration windows.
    removed : sequence of int
        Where to begin; from :func:`~lutloom.language.block_elimination.search.eliminate`.
    keep_first, keep_last : int
        Blocks at either end of the whole model that are never removed.
    last_is_best : bool
        Whether a search on the same windows chose the last of ``removed`` given the others, as
        :func:`~lutloom.language.block_elimination.search.eliminate` does; it is not tried again.
    passes_max : int
        Times each removed block is tried.
    progress : callable, optional

    Returns
    -------
    Refinement
        Never worse on the calibration windows than where it began.

    Raises
    ------
    InvalidRecipeError
        If a block is out of range, comes twice, or is one that stays.
    InvalidNetworkError, InvalidDataError
        As :func:`~lutloom.language.block_elimination.search.eliminate` does.
    """
    calibration = Calibration(model, tokens)
    n_blocks = model.config.n_blocks
    check_removable(n_blocks, removed, keep_first, keep_last)
    free = range(keep_first, n_blocks - keep_last)
    now = list(removed)
    start_loss = loss = calibration.loss([b for b in range(n_blocks) if b not in now])
    swaps: list[Swap] = []
    best_of: set[frozenset[int]] = set()  # all but one removed, and that one is known to be best
    if last_is_best and now:
        best_of.add(frozenset(now[:-1]))
    settled = False
    for done in range(passes_max):
        for place, block in enumerate(now):
            others = frozenset(now) - {block}
            if others in best_of:
                continue
            best_of.add(others)
            alive = [b for b in range(n_blocks) if b not in others]
            candidates = [b for b in free if b not in others and b != block]
            found = calibration.best_without(alive, candidates, loss)
            if found is not None:
                now[place], loss = found
                swaps.append(Swap(block, *found))
            if progress is not None:
                progress(done * len(now) + place + 1, passes_max * len(now), f"loss {loss:.3f}")
        settled = all(frozenset(now) - {block} in best_of for block in now)
        if settled:
            break
    return Refinement(tuple(now), loss, start_loss, tuple(swaps), settled, calibration.effort)
