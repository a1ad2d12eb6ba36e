"""SLEB: remove one block at a time, each time the one the current model misses least.

Example
-------
>>> found = eliminate(model, windows, 3)                             # doctest: +SKIP
>>> found.order, found.losses                                        # doctest: +SKIP
((17, 5, 14), (3.71, 3.83, 3.96))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from lutloom.errors import InvalidNetworkError, InvalidRecipeError
from lutloom.language.block_elimination.calibration import Calibration, Effort
from lutloom.language.transformer import Transformer

Progress = Callable[[float, float, str], None]
"""Told how much is done, of how much, and a word about it."""


@dataclass(frozen=True, slots=True)
class Elimination:
    """Hold which blocks go, and what that costs.

    Parameters
    ----------
    order : tuple of int
        Blocks in the order they go, by their index in the whole model.
    losses : tuple of float
        Calibration loss (nats a token) after each has gone.
    start_loss : float
        Before any has.
    effort : Effort
        Of the choice alone.
    """

    order: tuple[int, ...]
    losses: tuple[float, ...]
    start_loss: float
    effort: Effort

    @property
    def loss(self) -> float:
        """Calibration loss at the end."""
        return self.losses[-1] if self.losses else self.start_loss


def eliminate(
    model: Transformer,
    tokens: Tensor,
    n: int,
    *,
    keep_first: int = 1,
    keep_last: int = 1,
    progress: Progress | None = None,
) -> Elimination:
    """Choose blocks to remove, greedily by the loss of the model as it is by then.

    Parameters
    ----------
    model : Transformer
        Not sliced; never changed.
    tokens : int64[n_windows, t + 1]
        Calibration windows, see
        :func:`~lutloom.language.block_elimination.calibration.draw_windows`.
    n : int
        Blocks to remove.
    keep_first, keep_last : int
        Blocks at either end of the current model that are never candidates.
    progress : callable, optional

    Returns
    -------
    Elimination
        The same to the bit as by running every candidate whole.

    Raises
    ------
    InvalidRecipeError
        If so many blocks cannot go.
    InvalidNetworkError
        If the model is sliced, or no loss is finite.
    InvalidDataError
        If the windows are not what the model can read.

    References
    ----------
    Song et al., "SLEB: streamlining LLMs through redundancy verification and elimination of
    transformer blocks", 2024.
    """
    calibration = Calibration(model, tokens)
    alive = list(range(model.config.n_blocks))
    check_number(len(alive), n, keep_first, keep_last)
    start_loss = calibration.loss(alive)
    order: list[int] = []
    losses: list[float] = []
    for done in range(n):
        found = calibration.best_without(alive, alive[keep_first : len(alive) - keep_last])
        if found is None:
            raise InvalidNetworkError(
                f"block elimination: a loss must be finite, but none of {len(alive)} blocks leaves "
                "one when it goes; check the model's weights"
            )
        block, loss = found
        alive.remove(block)
        order.append(block)
        losses.append(loss)
        if progress is not None:
            progress(done + 1, n, f"block {block}, loss {loss:.3f}")
    return Elimination(tuple(order), tuple(losses), start_loss, calibration.effort)


def check_number(n_blocks: int, n: int, keep_first: int, keep_last: int) -> None:
    """Check that a model has so many blocks that may go.

    Parameters
    ----------
    n_blocks, n : int
        Blocks there are, and to remove.
    keep_first, keep_last : int

    Raises
    ------
    InvalidRecipeError
        If not, or if a number is negative.
    """
    if keep_first < 0 or keep_last < 0:
        raise InvalidRecipeError(
            f"block elimination: blocks to keep must be at least 0, not {keep_first} and "
            f"{keep_last}; correct them"
        )
    free = max(0, n_blocks - keep_first - keep_last)
    if not 0 <= n <= free:
        raise InvalidRecipeError(
            f"block elimination: blocks to remove must be 0..{free} of {n_blocks} (the first "
            f"{keep_first} and the last {keep_last} stay), not {n}; remove fewer"
        )


def check_removable(n_blocks: int, removed: Sequence[int], keep_first: int, keep_last: int) -> None:
    """Check that given blocks may go.

    Parameters
    ----------
    n_blocks : int
    removed : sequence of int
    keep_first, keep_last : int

    Raises
    ------
    InvalidRecipeError
        If one is out of range, comes twice, or is one that stays.
    """
    check_number(n_blocks, len(removed), keep_first, keep_last)
    for at, block in enumerate(removed):
        if not keep_first <= block < n_blocks - keep_last or block in removed[:at]:
            raise InvalidRecipeError(
                f"block elimination: removed blocks must differ and be {keep_first}.."
                f"{n_blocks - keep_last - 1}, not {list(removed)}; correct {block}"
            )
