"""Pre-training: windows of tokens, AdamW, a cosine schedule, and hooks for sparse training.

Example
-------
>>> run = pretrain(model, tokens, PretrainingPlan(steps=500))        # doctest: +SKIP
>>> perplexity(model, held_out)                                      # doctest: +SKIP
48.2
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import msgspec
import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.errors import InvalidDataError
from lutloom.language.transformer import Transformer

_EVALUATION_TOKENS = 8192
_EVERY_NOTE = 10


class PretrainingPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how a transformer is trained.

    Members
    -------
    steps : updates
    batch : windows of the model's context in each
    learning_rate : at its highest, after ``warmup_share`` of the steps
    final_learning_rate_share : what is left at the end
    warmup_share : of all steps
    decay_from : share of the steps after which it falls, along a cosine; at once if before the
        warm-up's end
    weight_decay : of matrices
    clip : norm above which a gradient is scaled down
    seed : decides weights and windows
    """

    steps: Annotated[int, Meta(ge=1, le=10_000_000)] = 1000
    batch: Annotated[int, Meta(ge=1, le=4096)] = 16
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)] = 3e-3
    final_learning_rate_share: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.1
    warmup_share: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.05
    decay_from: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0
    weight_decay: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.1
    clip: Annotated[float, Meta(gt=0.0, le=1e6)] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0

    def learning_rate_at(self, step: int) -> float:
        """Give the learning rate of a step, counted from 0."""
        warmup = self.warmup_share * self.steps
        if step < warmup:
            return self.learning_rate * (step + 1) / (warmup + 1)
        begin = max(warmup, self.decay_from * self.steps)
        done = max(0.0, (step - begin) / max(1.0, self.steps - begin))
        low = self.final_learning_rate_share
        return self.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))


class StepHooks(Protocol):
    """Take part in every step; sparse training does."""

    def begin_step(self, step: int) -> None:
        """Prepare the model before its loss is computed."""

    def after_backward(self, step: int) -> None:
        """Look at gradients, and change them, before they are clipped and applied."""

    def after_update(self, step: int) -> None:
        """Put weights right after the optimiser has moved them."""


@dataclass(frozen=True, slots=True)
class PretrainingRun:
    """Hold what training gave.

    Parameters
    ----------
    losses : tuple of float
        Training loss (nats a token) of every step.
    seconds : float
    validation : tuple of (int, float)
        Steps done and validation loss, where it was asked for.
    """

    losses: tuple[float, ...]
    seconds: float
    validation: tuple[tuple[int, float], ...] = field(default=())


def make_optimizer(model: Transformer, plan: PretrainingPlan) -> torch.optim.AdamW:
    """Make the optimiser: decay for matrices, none for gains."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    gains = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": plan.weight_decay},
        {"params": gains, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.95))


def pretrain(
    model: Transformer,
    tokens: NDArray[np.int64],
    plan: PretrainingPlan,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    hooks: StepHooks | None = None,
    validation: NDArray[np.int64] | None = None,
    validate_every: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
) -> PretrainingRun:
    """Train a model, in place.

    Parameters
    ----------
    model : Transformer
        Its weights are where training begins.
    tokens : int64[n]
        Windows begin anywhere in them.
    plan : PretrainingPlan
    optimizer : Optimizer, optional
        From :func:`make_optimizer`, where hooks need it too.
    hooks : StepHooks, optional
    validation : int64[n], optional
    validate_every : int
        Steps between validations; 0: only after the last.
    progress : callable, optional

    Returns
    -------
    PretrainingRun

    Raises
    ------
    InvalidDataError
        If there are fewer tokens than one window.
    """
    source = torch.from_numpy(tokens)
    width = model.config.context + 1
    if source.numel() < width:
        raise InvalidDataError(
            f"pre-training: there must be at least {width} tokens, not {source.numel()}; give a "
            "longer text or a shorter 'context'"
        )
    optimizer = optimizer or make_optimizer(model, plan)
    generator = torch.Generator().manual_seed(plan.seed)
    losses: list[float] = []
    checks: list[tuple[int, float]] = []
    started, paused = time.perf_counter(), 0.0
    model.train()
    for step in range(plan.steps):
        first = torch.randint(0, source.numel() - width + 1, (plan.batch,), generator=generator)
        window = source[first[:, None] + torch.arange(width)]
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate_at(step)
        if hooks is not None:
            hooks.begin_step(step)
        loss = token_loss(model(window[:, :-1]), window[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if hooks is not None:
            hooks.after_backward(step)
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        optimizer.step()
        if hooks is not None:
            hooks.after_update(step)
        losses.append(float(loss.detach()))
        if progress is not None and (step % _EVERY_NOTE == 0 or step == plan.steps - 1):
            progress(step + 1, plan.steps, f"loss {losses[-1]:.3f}")
        last = step == plan.steps - 1
        if validation is not None and (
            last or (validate_every and not (step + 1) % validate_every)
        ):
            began = time.perf_counter()
            checks.append((step + 1, mean_loss(model, validation)))
            model.train()
            paused += time.perf_counter() - began
    seconds = time.perf_counter() - started - paused
    model.eval()
    return PretrainingRun(tuple(losses), seconds, tuple(checks))


def token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the mean negative log-likelihood in nats of ``int64[n, t]`` under their logits."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def windows(tokens: NDArray[np.int64], context: int) -> Tensor:
    """Cut tokens into windows that follow each other, each beginning where the last was scored.

    Parameters
    ----------
    tokens : int64[n]
    context : int

    Returns
    -------
    int64[n_windows, context + 1]
        What is left over at the end is dropped.

    Raises
    ------
    InvalidDataError
        If there is not one whole window.
    """
    n = (tokens.size - 1) // context
    if n < 1:
        raise InvalidDataError(
            f"evaluation: there must be at least {context + 1} tokens, not {tokens.size}; give a "
            "longer text"
        )
    index = np.arange(n)[:, None] * context + np.arange(context + 1)
    return torch.from_numpy(tokens[index])


@torch.inference_mode()
def mean_loss(model: Transformer, tokens: NDArray[np.int64]) -> float:
    """Give the mean loss in nats a token over windows that follow each other.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n]
        More than its context.

    Returns
    -------
    float
    """
    model.eval()
    cut = windows(tokens, model.config.context)
    total = 0.0
    at_once = max(1, _EVALUATION_TOKENS // model.config.context)
    for some in torch.split(cut, at_once):
        total += float(token_loss(model(some[:, :-1]), some[:, 1:])) * len(some)
    return total / len(cut)


def perplexity(model: Transformer, tokens: NDArray[np.int64]) -> float:
    """Give the perplexity of held-out tokens; see :func:`mean_loss`."""
    return math.exp(mean_loss(model, tokens))
