"""The common task for a causal transformer: a sentence, a role asked for, the word that fills it.

A row is ``<begin> sentence <separator> <role asked> answer <end>``.  The loss is the mean over the
sentences' tokens plus the mean over the answers', without which role is asked; few tokens are of
answers, and in one mean over all they would hardly count.

Example
-------
>>> task = TokenTask(corpora.train, 512, size)                       # doctest: +SKIP
>>> task.score(model, corpora.tests["seen"]).accuracy                # doctest: +SKIP
0.93
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.bench.slime.questions import ASKED, Sentences
from lutloom.language.roles import RoleFrame
from lutloom.language.small_model import SmallModel
from lutloom.language.tokenizer import train_tokenizer
from lutloom.language.transformer import Transformer

BACKWARD = 3.0
"""Operations of an update over those of its forward pass."""
AT_ONCE = 128
"""Rows of a test in one pass."""

_PAD, _BEGIN, _SEPARATOR, _END, _FIRST_ASKED = range(5)
_SPECIAL = _FIRST_ASKED + len(ASKED)
_IGNORED = -100


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Say how a model answers the questions of one test.

    Members
    -------
    questions : how many
    accuracy : share answered right; one that cannot be asked for want of a frame is not
    answer_loss : nats an answer, of those the model has a name for; None where it has none
    nameable : share of answers that it has a name for
    sentence_loss : nats a token of the sentence; None for models of slots
    """

    questions: int
    accuracy: float
    answer_loss: float | None
    nameable: float
    sentence_loss: float | None


class Task(Protocol):
    """Train and test models of one kind on questions about sentences."""

    usable: NDArray[np.bool_]
    """Which training sentences it can ask about, ``bool[n]``."""

    def flops(self, batch: int) -> float:
        """Count the floating-point operations of an update."""

    def build(self) -> nn.Module:
        """Make an untrained model, its weights drawn from the global generator."""

    def loss(
        self, model: nn.Module, sentences: NDArray[np.int64], rng: np.random.Generator
    ) -> Tensor:
        """Give the loss of training sentences, each with one of its questions."""

    def score(
        self,
        model: nn.Module,
        test: Sentences,
        frames: Sequence[RoleFrame | None],
        *,
        exact: bool = True,
    ) -> Scores:
        """Ask every question of a test."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Hold a row for every question of every sentence; targets are those of all tokens but one."""

    tokens: Tensor
    sentence_targets: Tensor
    answer_targets: Tensor
    first: NDArray[np.int64]
    count: NDArray[np.int64]


class TokenTask:
    """Ask a causal transformer, which reads the sentence itself.

    Parameters
    ----------
    train : Sentences
        Token pairs are learnt from them, and all are padded to the longest.
    vocabulary : int
        Tokens learnt at most.
    size : SmallModel
    """

    def __init__(self, train: Sentences, vocabulary: int, size: SmallModel) -> None:
        self._tokenizer = train_tokenizer("\n".join(train.texts), vocabulary)
        # So that an answer's first token is the one it has inside a sentence.
        self._gap = " " if " " in "".join(train.texts) else ""
        self._rows_of_train = self._rows(train)
        self.config = size.config(self._tokenizer.vocabulary + _SPECIAL)
        self.usable = np.ones(len(train.texts), dtype=np.bool_)

    @property
    def length(self) -> int:
        """Tokens of a row that are read in training, padding counted."""
        return self._rows_of_train.tokens.shape[1] - 1

    def flops(self, batch: int) -> float:
        """Count operations of an update: matrices, the causal triangle, the head; padding too."""
        model, t = self.config, self.length
        features = model.n_heads * model.head_size
        matrices = model.n_blocks * (4 * model.width * features + 3 * model.width * model.hidden)
        pairs = 4.0 * model.n_blocks * features * t * (t + 1) / 2
        return BACKWARD * batch * (2.0 * t * (matrices + model.width * model.vocabulary) + pairs)

    def build(self) -> nn.Module:
        """Make an untrained model, its weights drawn from the global generator."""
        return Transformer(self.config)

    def loss(
        self, model: nn.Module, sentences: NDArray[np.int64], rng: np.random.Generator
    ) -> Tensor:
        """Give the loss of training sentences, each with one of its questions."""
        train = self._rows_of_train
        rows = torch.from_numpy(draw_rows(train.first, train.count, sentences, rng))
        logits: Tensor = model(train.tokens[rows, :-1])
        return sum(
            (_loss(logits, of[rows]) for of in (train.sentence_targets, train.answer_targets)),
            start=torch.zeros(()),
        )

    @torch.inference_mode()
    def score(
        self,
        model: nn.Module,
        test: Sentences,
        frames: Sequence[RoleFrame | None] = (),
        *,
        exact: bool = True,
    ) -> Scores:
        """Ask every question of a test; right is an answer whose every token is the likeliest.

        Parameters
        ----------
        model : nn.Module
        test : Sentences
        frames, exact
            Not looked at.

        Returns
        -------
        Scores
        """
        del frames, exact
        rows = self._rows(test)
        n = len(rows.tokens)
        right, answer_nats, sentence_nats, sentence_tokens = 0, 0.0, 0.0, 0
        for index in torch.split(torch.arange(n), AT_ONCE):
            logits = model(rows.tokens[index, :-1])
            answers, words = rows.answer_targets[index], rows.sentence_targets[index]
            right += int(((logits.argmax(-1) == answers) | (answers == _IGNORED)).all(-1).sum())
            answer_nats += float(_loss(logits, answers, "sum"))
            sentence_nats += float(_loss(logits, words, "sum"))
            sentence_tokens += int((words != _IGNORED).sum())
        return Scores(
            questions=n,
            accuracy=right / n,
            answer_loss=answer_nats / n,
            nameable=1.0,
            sentence_loss=sentence_nats / sentence_tokens,
        )

    def _rows(self, sentences: Sentences) -> _Rows:
        rows, begins = [], []
        for text, answers in zip(sentences.texts, sentences.answers, strict=True):
            own = [_BEGIN, *self._tokens(text), _SEPARATOR]
            for number, answer in enumerate(answers):
                if answer:
                    asked = [_FIRST_ASKED + number, *self._tokens(self._gap + answer), _END]
                    rows.append([*own, *asked])
                    begins.append(len(own))
        tokens = np.full((len(rows), max(map(len, rows))), _PAD, dtype=np.int64)
        for k, row in enumerate(rows):
            tokens[k, : len(row)] = row
        targets = torch.from_numpy(tokens[:, 1:])
        place = torch.arange(targets.shape[1]) + 1
        begin = torch.tensor(begins)[:, None]  # where the role asked for stands
        count = np.array([sum(map(bool, own)) for own in sentences.answers], dtype=np.int64)
        return _Rows(
            torch.from_numpy(tokens),
            targets.masked_fill(place >= begin, _IGNORED),
            targets.masked_fill((place <= begin) | (targets == _PAD), _IGNORED),
            np.cumsum(count) - count,
            count,
        )

    def _tokens(self, text: str) -> list[int]:
        return [int(token) + _SPECIAL for token in self._tokenizer.encode(text)]


def draw_rows(
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    sentences: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw one of each sentence's rows.

    Parameters
    ----------
    first, count : int64[n_sentences]
        Where a sentence's rows begin, and how many they are.
    sentences : int64[n]
    rng : numpy.random.Generator

    Returns
    -------
    int64[n]
    """
    drawn: NDArray[np.int64] = first[sentences] + rng.integers(0, count[sentences])
    return drawn


def _loss(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction=reduction
    )
