"""Choose blocks by any of the methods, by name.

Example
-------
>>> choose_blocks("swap", model, windows, 6).removed                 # doctest: +SKIP
(17, 9, 14, 7, 22, 11)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from lutloom.errors import InvalidRecipeError
from lutloom.language.block_elimination.calibration import Effort
from lutloom.language.block_elimination.rivals import (
    eliminate_last,
    eliminate_least_influential,
    eliminate_one_shot,
)
from lutloom.language.block_elimination.search import Elimination, Progress, eliminate
from lutloom.language.block_elimination.swap import refine
from lutloom.language.transformer import Transformer
from lutloom.schema import did_you_mean

Method = Literal["greedy", "swap", "one_shot", "block_influence", "last"]
"""``greedy``: SLEB.  ``swap``: the same, then swaps.  The others rank once, or not at all."""

_RANKED: dict[str, Callable[..., Elimination]] = {
    "one_shot": eliminate_one_shot,
    "block_influence": eliminate_least_influential,
    "last": eliminate_last,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold which blocks a method removes.

    Parameters
    ----------
    method : Method
    removed : tuple of int
        In the order they go, by their index in the whole model.
    loss, start_loss : float
        Calibration loss (nats a token) without them, and of the whole model.
    effort : tuple of Effort
        Of each search the method ran.
    """

    method: Method
    removed: tuple[int, ...]
    loss: float
    start_loss: float
    effort: tuple[Effort, ...]


def choose_blocks(
    method: Method,
    model: Transformer,
    tokens: Tensor,
    n: int,
    *,
    keep_first: int = 1,
    keep_last: int = 1,
    progress: Progress | None = None,
) -> Choice:
    """Choose blocks to remove.

    Parameters
    ----------
    method : Method
    model, tokens, n, keep_first, keep_last, progress
        As :func:`~lutloom.language.block_elimination.search.eliminate` takes them.

    Returns
    -------
    Choice

    Raises
    ------
    InvalidRecipeError, InvalidNetworkError, InvalidDataError
        If the method is not known, or as
        :func:`~lutloom.language.block_elimination.search.eliminate` does.
    """
    if method not in get_args(Method):
        raise InvalidRecipeError(
            f"block elimination, method: must be one of {', '.join(get_args(Method))}, not "
            f"{method!r}; correct it{did_you_mean(method, list(get_args(Method)))}"
        )
    if method in _RANKED:
        ranked = _RANKED[method](model, tokens, n, keep_first=keep_first, keep_last=keep_last)
        return Choice(method, ranked.order, ranked.loss, ranked.start_loss, (ranked.effort,))
    greedy = eliminate(
        model, tokens, n, keep_first=keep_first, keep_last=keep_last, progress=progress
    )
    if method == "greedy":
        return Choice(method, greedy.order, greedy.loss, greedy.start_loss, (greedy.effort,))
    refined = refine(
        model, tokens, greedy.order, keep_first=keep_first, keep_last=keep_last,
        last_is_best=True, progress=progress,
    )  # fmt: skip
    effort = greedy.effort, refined.effort
    return Choice(method, refined.removed, refined.loss, greedy.start_loss, effort)
