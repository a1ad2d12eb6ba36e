"""One seed in one language: every arm under every budget, and what the corpora are like.

Budgets: ``updates``, as many for all; ``flops``, as many operations as the raw arm's; ``seconds``,
the raw arm's training seconds, preparation taken off first; ``epochs``, as often over each arm's
own corpus as the raw arm over all; ``withheld``, as many updates for all, without any passive.

Example
-------
>>> cell = Cell("en", 0, Scale())                                    # doctest: +SKIP
>>> cell.measure(cell.tune(), say)["budgets"]["updates"]["raw"]      # doctest: +SKIP
'raw at 800'
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from torch import nn

from lutloom.bench.slime.arms import (
    TOKEN_ARMS,
    Learner,
    Scale,
    arms_of_frames,
    fit,
    make_learners,
)
from lutloom.bench.slime.questions import Sentences, draw_corpora, reader_accuracy, withheld
from lutloom.bench.slime.slots import SlotTask
from lutloom.bench.slime.tasks import Scores
from lutloom.language.corpus import merge_rates, prepare_arms, sentence_keys
from lutloom.language.roles import RoleFrame, frame_keys, load_extractor
from lutloom.language.roles.extractor import Language

BUDGETS = ("updates", "flops", "seconds", "epochs", "withheld")
MAIN_ARMS: tuple[str, ...] = (*TOKEN_ARMS, "role_embedding", "set_attention")
"""Trained under every budget; the controls only where operations are equal."""

WITHHELD_ARMS = tuple(name for name in MAIN_ARMS if name not in {"exact", "minhash"})
"""Trained without passives too; the two left out keep nearly the corpus of the raw arm."""

TUNED = {"tokens": "raw", "slots": "role_embedding"}
"""The arm each kind of model's learning rate is picked with."""
_NEAR = 0.02
"""Share by which two numbers of updates may differ and still be the same run."""

_Test = tuple[Sentences, list[RoleFrame | None]]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Say how one training went.

    Members
    -------
    arm : its name
    updates : done
    flops, flops_per_update : of training, padding counted
    seconds : of training
    preparation_seconds : charged besides
    scores : by test
    curve : updates done and accuracy on the test ``seen``, at checkpoints
    """

    arm: str
    updates: int
    flops: float
    flops_per_update: float
    seconds: float
    preparation_seconds: float
    scores: dict[str, Scores]
    curve: tuple[tuple[int, float], ...]


class Cell:
    """Prepare the corpora and arms of a seed in a language.

    Parameters
    ----------
    language : Language
    seed : int
    scale : Scale
    """

    def __init__(self, language: Language, seed: int, scale: Scale) -> None:
        self.language, self.seed, self.scale = language, seed, scale
        self.corpora = draw_corpora(language, seed, scale.train_sentences, scale.test_sentences)
        reader = load_extractor(language)
        reader.frames(self.corpora.train.texts[:1])  # the first sentence costs more than others
        self.arms = prepare_arms(self.corpora.train.texts, language, seed)
        self.learners = make_learners(self.corpora.train, self.arms, scale)
        self.tests: dict[str, _Test] = {
            name: (test, reader.frames(test.texts)) for name, test in self.corpora.tests.items()
        }
        validation = self.corpora.validation
        self._validation: _Test = (validation, reader.frames(validation.texts))
        self._runs: dict[str, Run] = {}

    def tune(self) -> dict[str, dict[str, Any]]:
        """Pick a learning rate for each kind of model, on validation sentences.

        Returns
        -------
        dict
            By kind: ``rate``, and the ``losses`` of all, nats an answer.
        """
        picked: dict[str, dict[str, Any]] = {}
        updates = self.scale.updates
        for kind, name in TUNED.items():
            learner = self.learners[name]
            rates = self.scale.token_rates if kind == "tokens" else self.scale.slot_rates
            losses: dict[float, float] = {}
            for rate in rates:
                model = fit(learner, updates, self.scale, rate, self.seed).model
                loss = learner.task.score(model, *self._validation, exact=False).answer_loss
                losses[rate] = math.inf if loss is None else loss
            best = min(losses, key=lambda rate: losses[rate])
            tried = {f"{r:g}": loss if math.isfinite(loss) else None for r, loss in losses.items()}
            picked[kind] = {"rate": best, "arm": name, "updates": updates, "losses": tried}
        return picked

    def measure(
        self, rates: dict[str, dict[str, Any]], say: Callable[[str], None]
    ) -> dict[str, Any]:
        """Train every arm under every budget.

        Parameters
        ----------
        rates : dict
            As :meth:`tune` gives them.
        say : callable

        Returns
        -------
        dict
            ``corpus``, ``runs`` by name, and ``budgets``: by budget and arm the name of its run.
        """
        where = f"{self.language}, seed {self.seed}"
        updates, names = self.scale.updates, (*MAIN_ARMS, "flat_slots")

        def train(name: str, due: int, budget: str) -> str:
            run_name = self._train(name, due, rates, probed=name in TOKEN_ARMS or budget == "flops")
            run = self._runs[run_name]
            say(f"{where}, {budget}: {name}, {run.updates} updates, {_figures(run)}")
            return run_name

        budgets: dict[str, dict[str, str]] = {
            "updates": {name: train(name, updates, "updates") for name in MAIN_ARMS}
        }
        raw = self._runs[budgets["updates"]["raw"]]
        due = {
            n: math.floor(raw.flops / self.learners[n].task.flops(self.scale.batch)) for n in names
        }
        budgets["flops"] = {name: train(name, due[name], "flops") for name in names}
        for name in MAIN_ARMS:
            learner = self.learners[name]
            own = raw if learner.kind == "tokens" else self._runs[budgets["updates"][name]]
            left = raw.seconds - learner.seconds
            due[name] = max(0, math.floor(left * own.updates / own.seconds))
        budgets["seconds"] = {name: train(name, due[name], "seconds") for name in MAIN_ARMS}
        whole = len(self.corpora.train.texts)
        shares = {name: len(self.learners[name].epoch(0)) / whole for name in MAIN_ARMS}
        budgets["epochs"] = {
            name: train(name, round(shares[name] * updates), "epochs") for name in MAIN_ARMS
        }
        budgets["withheld"] = self._withhold(rates, say)
        return {
            "language": self.language,
            "seed": self.seed,
            "corpus": self._describe(raw),
            "runs": msgspec.to_builtins(self._runs),
            "budgets": budgets,
        }

    def _train(self, name: str, due: int, rates: dict[str, dict[str, Any]], *, probed: bool) -> str:
        """Train an arm, or find a run of nearly as many updates; give its name."""
        for known, run in self._runs.items():
            near = abs(run.updates - due) <= _NEAR * due
            if run.arm == name and near and (run.curve or not probed):
                return known
        learner, (test, frames) = self.learners[name], self.tests["seen"]

        def accuracy(model: nn.Module) -> float:
            return learner.task.score(model, test, frames, exact=False).accuracy

        tests = {key: self.tests[key] for key in ("seen", "unseen_words")}
        run = self._fit(learner, due, rates, tests, accuracy if probed else None)
        self._runs[f"{name} at {due}"] = run
        return f"{name} at {due}"

    def _fit(
        self,
        learner: Learner,
        updates: int,
        rates: dict[str, dict[str, Any]],
        tests: dict[str, _Test],
        probe: Callable[[nn.Module], float] | None = None,
    ) -> Run:
        rate = rates[learner.kind]["rate"]
        fitted = fit(learner, updates, self.scale, rate, self.seed, probe)
        each = learner.task.flops(self.scale.batch)
        return Run(
            arm=learner.name,
            updates=updates,
            flops=each * updates,
            flops_per_update=each,
            seconds=fitted.seconds,
            preparation_seconds=learner.seconds,
            scores={
                name: learner.task.score(fitted.model, test, frames)
                for name, (test, frames) in tests.items()
            },
            curve=fitted.curve,
        )

    def _withhold(
        self, rates: dict[str, dict[str, Any]], say: Callable[[str], None]
    ) -> dict[str, str]:
        """Train anew without passives; test on passives alone, and on the rest beside."""
        train = self.corpora.train
        keep = ~withheld(train)
        read = self.arms["role"].frames
        frames = tuple(read[k] for k in np.flatnonzero(keep).tolist())
        rest = train.select(keep)
        arms = arms_of_frames(rest.texts, frames, self.language, self.seed)
        learners = make_learners(rest, arms, self.scale)
        seen, seen_frames = self.tests["seen"]
        known = ~withheld(seen)
        tests = {
            "withheld_form": self.tests["withheld_form"],
            "seen": (seen.select(known), [f for f, k in zip(seen_frames, known, strict=True) if k]),
        }
        names = {}
        for name in WITHHELD_ARMS:
            run = self._fit(learners[name], self.scale.updates, rates, tests)
            names[name] = f"{name} without passives"
            self._runs[names[name]] = run
            scores = run.scores["withheld_form"]
            say(
                f"{self.language}, seed {self.seed}, withheld: {name}, passives "
                f"{100 * scores.accuracy:.1f} %, the rest {_figures(run)}"
            )
        return names

    def _describe(self, raw: Run) -> dict[str, Any]:
        """Say what the training corpus is like, and what reading it costs."""
        train, role = self.corpora.train, self.arms["role"]
        keys = {
            "exact": sentence_keys(train.texts, "exact", self.language),
            "minhash": sentence_keys(train.texts, "minhash", self.language),
            "role": [key.encode() for key in frame_keys(train.texts, role.frames)],
        }
        judged = {
            name: msgspec.to_builtins(merge_rates_of(train, own)) for name, own in keys.items()
        }
        task = self.learners["set_attention"].task
        assert isinstance(task, SlotTask)
        n = len(train.texts)
        per_visit = raw.seconds / raw.updates / self.scale.batch
        return {
            "sentences": n,
            "kept": {name: len(arm.groups) for name, arm in self.arms.items()},
            "usable": {name: len(own.epoch(0)) for name, own in self.learners.items()},
            "seconds": {name: own.seconds for name, own in self.learners.items()},
            "framed": sum(frame is not None for frame in role.frames) / n,
            "rates": judged,
            "reading_over_training_a_sentence": role.seconds / n / per_visit,
            "reader_accuracy": {
                name: reader_accuracy(test, frames) for name, (test, frames) in self.tests.items()
            },
            "slots": task.length,
            "roles_per_slot": task.roles_per_slot,
            "questions": {name: len(test.questions) for name, (test, _) in self.tests.items()},
        }


def merge_rates_of(sentences: Sentences, keys: Sequence[bytes]) -> dict[str, float]:
    """Give how often keys merge what differs and split what is the same.

    Parameters
    ----------
    sentences : Sentences
    keys : sequence of bytes

    Returns
    -------
    dict
    """
    rates = merge_rates(sentences.texts, keys, sentences.meanings)
    return {"false_merge": rates.false_merge, "false_split": rates.false_split}


def _figures(run: Run) -> str:
    scores = run.scores["seen"]
    loss = "-" if scores.sentence_loss is None else f"{scores.sentence_loss:.3f}"
    return f"{100 * scores.accuracy:.1f} % right, sentence loss {loss}, {run.seconds:.1f} s"
