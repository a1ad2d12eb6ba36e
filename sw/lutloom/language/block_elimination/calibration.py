"""The loss of a model on calibration windows with some of its blocks left out.

A block is left out by handing the residual stream on as it is, both branches skipped.  Candidates
of one round share the blocks before them: the stream before each is computed once and walked
forward, so that one copy of it is kept however many candidates there are.  A candidate is given up
as soon as its sum exceeds the best, which loses nothing because no token's loss is negative.

Example
-------
>>> calibration = Calibration(model, draw_windows(tokens, 16, 128, seed=0))  # doctest: +SKIP
>>> calibration.loss(range(model.config.n_blocks))                   # doctest: +SKIP
3.61
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.errors import InvalidDataError
from lutloom.language.block_elimination.apply import check_unsliced
from lutloom.language.pretraining import windows
from lutloom.language.transformer import Transformer

TOKENS_AT_ONCE = 512
"""Tokens, in whole windows, that go through a block together, and between two looks at the best."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Count the work of a search; a pass is one block run on one window.

    Parameters
    ----------
    evaluations : int
        Candidates whose loss was asked for.
    abandoned : int
        Those of them given up early.
    block_passes : int
    block_passes_naive : int
        What running each candidate whole would have taken.
    """

    evaluations: int
    abandoned: int
    block_passes: int
    block_passes_naive: int

    @property
    def saved(self) -> float:
        """Share of the naive block passes that were not run."""
        return 1.0 - self.block_passes / max(1, self.block_passes_naive)


def draw_windows(tokens: NDArray[np.int64], n_windows: int, context: int, seed: int) -> Tensor:
    """Draw calibration windows, none overlapping another.

    Parameters
    ----------
    tokens : int64[n]
    n_windows : int
    context : int
    seed : int

    Returns
    -------
    int64[n_windows, context + 1]
        In the order drawn.

    Raises
    ------
    InvalidDataError
        If the tokens do not hold that many windows.
    """
    cut = windows(tokens, context)
    if not 1 <= n_windows <= len(cut):
        raise InvalidDataError(
            f"calibration: windows must be 1..{len(cut)}, as many as the text has, not "
            f"{n_windows}; give a longer text or fewer windows"
        )
    chosen = np.random.default_rng(seed).permutation(len(cut))[:n_windows]
    return cut[torch.from_numpy(chosen)]


class Calibration:
    """Evaluate models that lack blocks, and count what it took.

    Parameters
    ----------
    model : Transformer
        Not sliced; never changed.
    tokens : int64[n_windows, t + 1]
        Each position but the last is read, each but the first predicted.

    Raises
    ------
    InvalidNetworkError
        If the model is sliced.
    InvalidDataError
        If the windows are not what the model can read.
    """

    def __init__(self, model: Transformer, tokens: Tensor) -> None:
        check_windows(model, tokens)
        self.model = model.eval()
        self._parts = torch.split(tokens, max(1, TOKENS_AT_ONCE // (tokens.shape[1] - 1)))
        self._n_windows = len(tokens)
        self._n_predicted = tokens.shape[0] * (tokens.shape[1] - 1)
        self._counts = {"evaluations": 0, "abandoned": 0, "passes": 0, "naive": 0}

    @property
    def effort(self) -> Effort:
        """Work on candidates so far."""
        counts = self._counts
        return Effort(counts["evaluations"], counts["abandoned"], counts["passes"], counts["naive"])

    @torch.inference_mode()
    def loss(self, alive: Sequence[int]) -> float:
        """Give the mean loss in nats a token of the model of some blocks; not counted as effort.

        Parameters
        ----------
        alive : sequence of int
            Blocks to run, rising.

        Returns
        -------
        float
        """
        before = dict(self._counts)
        loss = self._tail(self._embed(), alive, math.inf)
        self._counts = before
        return loss

    @torch.inference_mode()
    def losses_without(
        self, alive: Sequence[int], candidates: Collection[int], *, bound: float = math.inf,
        every: bool = False,
    ) -> dict[int, float]:  # fmt: skip
        """Give the mean loss of the model of some blocks without each of several in turn.

        Parameters
        ----------
        alive : sequence of int
            Blocks to run, rising.
        candidates : collection of int
            Some of them.
        bound : float
            Candidates at or above are given up.
        every : bool
            Give none up for being worse than another.

        Returns
        -------
        dict of int to float
            In the order of ``alive``, without those that were given up.  The first of the
            smallest values is the one that running each candidate whole would find.
        """
        best = bound
        found: dict[int, float] = {}
        streams = self._embed()
        last = max((at for at, block in enumerate(alive) if block in candidates), default=-1)
        for at, block in enumerate(alive[: last + 1]):
            if block in candidates:
                loss = self._tail(streams, alive[at + 1 :], best)
                self._count(evaluations=1, naive=(len(alive) - 1) * self._n_windows)
                if math.isfinite(loss):
                    found[block] = loss
                    best = best if every else min(best, loss)
            if at < last:
                streams = [self._run(block, x) for x in streams]
        return found

    def best_without(
        self, alive: Sequence[int], candidates: Collection[int], bound: float = math.inf
    ) -> tuple[int, float] | None:
        """Find the block whose absence costs least.

        Parameters
        ----------
        alive : sequence of int
            Blocks to run, rising.
        candidates : collection of int
            Some of them.
        bound : float
            Only a loss below is of interest.

        Returns
        -------
        (int, float) or None
            The block (the first among equals) and the loss without it, if below the bound.
        """
        losses = self.losses_without(alive, candidates, bound=bound)
        if not losses:
            return None
        block = min(losses, key=losses.__getitem__)
        return block, losses[block]

    def _embed(self) -> list[Tensor]:
        return [self.model.embed(part[:, :-1]) for part in self._parts]

    def _run(self, block: int, x: Tensor) -> Tensor:
        self._count(passes=len(x))
        return self.model.run_block(block, x)

    def _tail(self, streams: list[Tensor], blocks: Sequence[int], best: float) -> float:
        """Run the last blocks and give the mean loss, or infinity once it cannot be below best."""
        total = 0.0
        for number, (x, part) in enumerate(zip(streams, self._parts, strict=True), start=1):
            for block in blocks:
                x = self._run(block, x)
            total += summed_loss(self.model.predict(x), part[:, 1:])
            if not total / self._n_predicted < best:
                self._count(abandoned=int(number < len(self._parts)))
                return math.inf
        return total / self._n_predicted

    def _count(self, **more: int) -> None:
        for name, number in more.items():
            self._counts[name] += number


def summed_loss(logits: Tensor, targets: Tensor) -> float:
    """Sum the negative log-likelihood in nats of ``int64[n, t]`` under their logits."""
    each = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return float(each.double().sum())


def check_windows(model: Transformer, tokens: Tensor) -> None:
    """Check that blocks of a model can be left out, and that it can read given windows.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n_windows, t + 1]

    Raises
    ------
    InvalidNetworkError
        If the model is sliced.
    InvalidDataError
        If the windows are of another form, too long, or of tokens it does not know.
    """
    check_unsliced(model)
    config = model.config
    if tokens.dim() != 2 or not len(tokens) or not 2 <= tokens.shape[1] <= config.context + 1:
        raise InvalidDataError(
            f"calibration: tokens must be windows of 2..{config.context + 1} tokens, not "
            f"{list(tokens.shape)}; cut them with draw_windows"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= config.vocabulary:
        raise InvalidDataError(
            f"calibration: tokens must be 0..{config.vocabulary - 1}, not {low}..{high}; "
            "use the model's own tokenizer"
        )
