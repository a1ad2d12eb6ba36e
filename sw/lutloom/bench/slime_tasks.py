"""The common task in two shapes: tokens for a causal transformer, slots for a set transformer.

As tokens, ``sentence <separator> <role asked> answer <end>``; as slots, those of the sentence's role
frame and one more with the role asked and no filler.  A sentence without a frame gives no slots.

Example
-------
>>> task = TokenTask(corpora.train, 512, shape)                      # doctest: +SKIP
>>> task.score(model, corpora.tests["seen"]).accuracy                # doctest: +SKIP
0.93
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.bench.slime_questions import ASKED, Sentences, all_answers
from lutloom.language.commutative import (
    IntegerSetTransformer,
    SetTransformer,
    SetTransformerConfig,
    SlotBatch,
    pack_sets,
)
from lutloom.language.commutative.attention import Grouping
from lutloom.language.roles import RoleFrame, frame_parts
from lutloom.language.roles.parts import CLAUSE
from lutloom.language.slots import (
    MASK,
    UNKNOWN,
    Slot,
    SlotTree,
    SlotVocabulary,
    collect_vocabulary,
    flatten,
    tree_from_frame,
)
from lutloom.language.small_model import SmallModel
from lutloom.language.tokenizer import Tokenizer, train_tokenizer
from lutloom.language.transformer import Transformer

_PAD, _BEGIN, _SEPARATOR, _END, _FIRST_ASKED = range(5)
_SPECIAL = _FIRST_ASKED + len(ASKED)
_IGNORED = -100
_AT_ONCE = 128
_BACKWARD = 3.0
"""Operations of an update over those of its forward pass."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Hold a row for every question of every sentence."""

    tokens: Tensor
    sentence_targets: Tensor
    answer_targets: Tensor
    first: NDArray[np.int64]
    count: NDArray[np.int64]


class TokenTask:
    """Ask a causal transformer, which reads the sentence and the role asked.

    Parameters
    ----------
    train : Sentences
        Token pairs are learnt from them, and their longest decides to what all are padded.
    vocabulary : int
        Tokens learnt at most.
    size : SmallModel
    """

    def __init__(self, train: Sentences, vocabulary: int, size: SmallModel) -> None:
        self.tokenizer: Tokenizer = train_tokenizer("\n".join(train.texts), vocabulary)
        self.rows = self._rows(train)
        self.config = size.config(self.tokenizer.vocabulary + _SPECIAL)
        self.usable = np.ones(len(train.texts), dtype=np.bool_)

    @property
    def length(self) -> int:
        """Tokens of a row that are read, padding counted."""
        return self.rows.tokens.shape[1] - 1

    def flops(self, batch: int) -> float:
        """Count operations of an update: matrices, the causal triangle, the head, padding too."""
        model, t = self.config, self.length
        features = model.n_heads * model.head_size
        matrices = model.n_blocks * (4 * model.width * features + 3 * model.width * model.hidden)
        pairs = 4.0 * model.n_blocks * features * t * (t + 1) / 2
        return _BACKWARD * batch * (2.0 * t * (matrices + model.width * model.vocabulary) + pairs)

    def build(self) -> Transformer:
        """Make an untrained model, its weights drawn from the global generator."""
        return Transformer(self.config)

    def loss(
        self, model: nn.Module, sentences: NDArray[np.int64], rng: np.random.Generator
    ) -> Tensor:
        """Give the loss of sentences, each with one of its questions."""
        rows = torch.from_numpy(_draw_rows(self.rows.first, self.rows.count, sentences, rng))
        targets = torch.where(
            self.rows.answer_targets[rows] == _IGNORED,
            self.rows.sentence_targets[rows],
            self.rows.answer_targets[rows],
        )
        logits = model(self.rows.tokens[rows, :-1])
        return nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED
        )

    @torch.inference_mode()
    def score(self, model: nn.Module, test: Sentences, frames: object = None) -> Scores:
        """Ask every question of a test; an answer is right if each of its tokens is the likeliest.

        Parameters
        ----------
        model : nn.Module
        test : Sentences
        frames : object
            Not read.

        Returns
        -------
        Scores
        """
        del frames
        rows = self._rows(test)
        right, answer_nats = 0, 0.0
        sentence_nats, sentence_tokens = 0.0, 0
        for index in torch.split(torch.arange(len(rows.tokens)), _AT_ONCE):
            logits = model(rows.tokens[index, :-1])
            answers, words = rows.answer_targets[index], rows.sentence_targets[index]
            right += int(((logits.argmax(-1) == answers) | (answers == _IGNORED)).all(-1).sum())
            answer_nats += _sum_loss(logits, answers)
            sentence_nats += _sum_loss(logits, words)
            sentence_tokens += int((words != _IGNORED).sum())
        return Scores(
            questions=len(rows.tokens),
            accuracy=right / len(rows.tokens),
            answer_loss=answer_nats / len(rows.tokens),
            nameable=1.0,
            sentence_loss=sentence_nats / sentence_tokens,
        )

    def _rows(self, sentences: Sentences) -> _Rows:
        words = {w: self._tokens(" " + w) for w in sorted(all_answers(sentences))}
        spaced = not any(word in "".join(sentences.texts) for word in ())
        del spaced
        rows, begins = [], []
        for text, answers in zip(sentences.texts, sentences.answers, strict=True):
            own = [_BEGIN, *self._tokens(text), _SEPARATOR]
            for number, answer in enumerate(answers):
                if answer:
                    rows.append([*own, _FIRST_ASKED + number, *words[answer], _END])
                    begins.append(len(own))
        tokens = np.full((len(rows), max(map(len, rows))), _PAD, dtype=np.int64)
        for k, row in enumerate(rows):
            tokens[k, : len(row)] = row
        targets = torch.from_numpy(tokens[:, 1:])
        place = torch.arange(targets.shape[1]) + 1
        begin = torch.tensor(begins)[:, None]
        count = np.array([sum(map(bool, own)) for own in sentences.answers], dtype=np.int64)
        return _Rows(
            torch.from_numpy(tokens),
            targets.masked_fill(place >= begin, _IGNORED),
            targets.masked_fill((place <= begin) | (targets == _PAD), _IGNORED),
            np.cumsum(count) - count,
            count,
        )

    def _tokens(self, text: str) -> list[int]:
        return [int(token) + _SPECIAL for token in self.tokenizer.encode(text)]
