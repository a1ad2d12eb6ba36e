"""The arms of the experiment, each with its corpus and its kind of model, and how one is trained.

Example
-------
>>> arms = make_learners(train, prepare_arms(train.texts, "en", 0), Scale())   # doctest: +SKIP
>>> fit(arms["role"], 600, Scale(), 4e-3, seed=0).seconds            # doctest: +SKIP
6.1
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lutloom.bench.slime.questions import Sentences
from lutloom.bench.slime.slots import SlotTask
from lutloom.bench.slime.tasks import Task, TokenTask
from lutloom.errors import InvalidDataError
from lutloom.language.commutative.attention import Grouping
from lutloom.language.corpus import Arm, reduce_sentences
from lutloom.language.corpus.arms import ArmName
from lutloom.language.corpus.reduce import first_of_each
from lutloom.language.pretraining import PretrainingPlan
from lutloom.language.roles import RoleFrame, frame_keys
from lutloom.language.roles.extractor import Language
from lutloom.language.small_model import SmallModel

TOKEN_ARMS: tuple[ArmName, ...] = ("raw", "random", "exact", "minhash", "role", "resampled")
SLOT_ARMS: dict[str, tuple[Grouping, bool, bool]] = {
    "role_embedding": ("none", True, False),
    "set_attention": ("role", True, True),
    "flat_slots": ("role", False, False),
}
"""Grouping, whole slot tree or not, answers in integers or not; the last is the tree's control."""

CHECKPOINTS = tuple(k / 64 for k in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 48, 56, 64))
"""Shares of a training after which it is probed."""

_BETAS = (0.9, 0.95)


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Say how large the experiment is.

    Members
    -------
    train_sentences, test_sentences : drawn for training, and for each test at most
    updates : of the raw arm
    batch : sentences of an update, each with one question
    vocabulary : tokens learnt at most
    size : of both kinds of model
    token_rates, slot_rates : learning rates one of which is picked on validation sentences
    """

    train_sentences: int = 4000
    test_sentences: int = 300
    updates: int = 600
    batch: int = 64
    vocabulary: int = 512
    size: SmallModel = SmallModel(n_blocks=2, width=64, n_heads=4, context=160)
    token_rates: tuple[float, ...] = (2e-3, 4e-3, 8e-3)
    slot_rates: tuple[float, ...] = (4e-3, 8e-3, 1.6e-2)


@dataclass(frozen=True, slots=True)
class Learner:
    """Hold what an arm trains on, and how.

    Parameters
    ----------
    name : str
    task : Task
    arm : Arm
        Which sentences an epoch visits.
    seconds : float
        Preparation that is charged to it.
    """

    name: str
    task: Task
    arm: Arm
    seconds: float

    def epoch(self, number: int) -> NDArray[np.int64]:
        """Give the sentences of an epoch that the task can ask about."""
        indices = np.array(self.arm.indices(number), dtype=np.int64)
        chosen: NDArray[np.int64] = indices[self.task.usable[indices]]
        return chosen

    @property
    def kind(self) -> str:
        """``tokens`` or ``slots``."""
        return "tokens" if isinstance(self.task, TokenTask) else "slots"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Hold a trained model.

    Parameters
    ----------
    model : nn.Module
    seconds : float
        Of its updates alone.
    curve : tuple of (int, float)
        Updates done, and what the probe gave.
    """

    model: nn.Module
    seconds: float
    curve: tuple[tuple[int, float], ...]


def make_learners(train: Sentences, arms: dict[ArmName, Arm], scale: Scale) -> dict[str, Learner]:
    """Make every arm from its corpus.

    Parameters
    ----------
    train : Sentences
    arms : dict of str to Arm
        Of the same sentences.
    scale : Scale

    Returns
    -------
    dict of str to Learner
    """
    tokens = TokenTask(train, scale.vocabulary, scale.size)
    made: dict[str, Learner] = {
        name: Learner(name, tokens, arms[name], arms[name].seconds) for name in TOKEN_ARMS
    }
    role = arms["role"]
    for name, (grouping, tree, integer) in SLOT_ARMS.items():
        begun = time.perf_counter()
        task = SlotTask(
            train, role.frames, role.indices(0), scale.size,
            grouping=grouping, tree=tree, integer=integer,
        )  # fmt: skip
        seconds = role.seconds + time.perf_counter() - begun
        made[name] = Learner(name, task, role, seconds)
    return made


def arms_of_frames(
    texts: tuple[str, ...], frames: tuple[RoleFrame | None, ...], language: Language, seed: int
) -> dict[ArmName, Arm]:
    """Prepare every arm as ``prepare_arms`` does, from frames that were read already.

    Parameters
    ----------
    texts : tuple of str
    frames : tuple of RoleFrame or None
    language : Language
    seed : int

    Returns
    -------
    dict of str to Arm
        No seconds are charged.
    """
    keys = frame_keys(texts, frames)
    kept = first_of_each([key.encode() for key in keys])
    groups: dict[str, list[int]] = {}
    for k, key in enumerate(keys):
        groups.setdefault(key, []).append(k)
    rng = np.random.default_rng(seed)
    single: dict[ArmName, Sequence[int]] = {
        "raw": range(len(texts)),
        "random": np.sort(rng.choice(len(texts), len(kept), replace=False)).tolist(),
        "exact": reduce_sentences(texts, "exact", language).kept,
        "minhash": reduce_sentences(texts, "minhash", language).kept,
        "role": kept,
    }
    arms = {
        name: Arm(name, texts, tuple((int(k),) for k in own), seed, 0.0, frames)
        for name, own in single.items()
    }
    surfaces = tuple(tuple(group) for group in groups.values())
    return {**arms, "resampled": Arm("resampled", texts, surfaces, seed, 0.0, frames)}


def fit(
    learner: Learner,
    updates: int,
    scale: Scale,
    rate: float,
    seed: int,
    probe: Callable[[nn.Module], float] | None = None,
) -> Fitted:
    """Train a model from nothing.

    Parameters
    ----------
    learner : Learner
    updates : int
        With none the model stays as it was drawn.
    scale : Scale
    rate : float
        Learning rate at its highest.
    seed : int
        Decides weights, order and questions.
    probe : callable, optional
        Asked at :data:`CHECKPOINTS`; its seconds are not counted.

    Returns
    -------
    Fitted
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = learner.task.build()
    if updates < 1:
        return Fitted(model.eval(), 0.0, ())
    plan = PretrainingPlan(steps=updates, learning_rate=rate, batch=scale.batch, seed=seed)
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    gains = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": plan.weight_decay},
            {"params": gains, "weight_decay": 0.0},
        ],
        lr=rate,
        betas=_BETAS,
    )
    rng = np.random.default_rng([seed, 1])
    probed = {max(1, round(share * updates)) for share in CHECKPOINTS} if probe else set()
    curve: list[tuple[int, float]] = []
    seconds, begun = 0.0, time.perf_counter()
    for step, sentences in zip(range(updates), visits(learner, scale.batch, seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate_at(step)
        loss = learner.task.loss(model, sentences, rng)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        optimizer.step()
        if probe is not None and step + 1 in probed:
            seconds += time.perf_counter() - begun
            curve.append((step + 1, probe(model)))
            begun = time.perf_counter()
    seconds += time.perf_counter() - begun
    return Fitted(model.eval(), seconds, tuple(curve))


def visits(learner: Learner, batch: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Give the sentences of one update after another, epoch after epoch, each in another order.

    Parameters
    ----------
    learner : Learner
    batch : int
    seed : int

    Yields
    ------
    int64[batch]

    Raises
    ------
    InvalidDataError
        If there is no sentence to ask about.
    """
    left = np.empty(0, dtype=np.int64)
    number = 0
    while True:
        while len(left) < batch:
            own = learner.epoch(number)
            if not len(own):
                raise InvalidDataError(
                    f"slime, {learner.name}: at least one sentence must have a role frame, but "
                    "none has; give more sentences"
                )
            left = np.concatenate([left, np.random.default_rng([seed, number]).permutation(own)])
            number += 1
        yield left[:batch]
        left = left[batch:]
