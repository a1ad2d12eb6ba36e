"""The common task for a set transformer: the slots of a role frame, and one more that is asked for.

Roles stand where positions would.  With ``tree`` a role is the whole way from the root of the slot
tree; without, only that inside its own clause, so that nested clauses fall together.

Example
-------
>>> task = SlotTask(corpora.train, frames, kept, size, grouping="role")   # doctest: +SKIP
>>> task.score(model, test, test_frames).accuracy                    # doctest: +SKIP
0.98
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.bench.slime.questions import ASKED, Sentences, all_answers
from lutloom.bench.slime.tasks import AT_ONCE, BACKWARD, Scores, draw_rows
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
    Slot,
    SlotTree,
    SlotVocabulary,
    collect_vocabulary,
    flatten,
    tree_from_frame,
)
from lutloom.language.slots.vocabulary import UNKNOWN
from lutloom.language.small_model import SmallModel

_Row = tuple[NDArray[np.int64], NDArray[np.int64], int]


class SlotTask:
    """Ask a set transformer, which reads what a role frame holds.

    Parameters
    ----------
    train : Sentences
    frames : sequence of RoleFrame or None
        Of the training sentences.
    kept : sequence of int
        Sentences that are trained on; paths and fillers are collected from these alone.
    size : SmallModel
    grouping : Grouping
    tree : bool
        Whether a role is its whole path.
    integer : bool
        Whether answers are those of the integer model, which no order of slots can change.
    """

    def __init__(
        self,
        train: Sentences,
        frames: Sequence[RoleFrame | None],
        kept: Sequence[int],
        size: SmallModel,
        *,
        grouping: Grouping,
        tree: bool = True,
        integer: bool = False,
    ) -> None:
        self._whole, self._integer = tree, integer
        self.usable = np.zeros(len(train.texts), dtype=np.bool_)
        self.usable[[k for k in kept if frames[k] is not None]] = True
        trees = [self._tree(f) if self.usable[k] else None for k, f in enumerate(frames)]
        collected = collect_vocabulary(t for t in trees if t is not None)
        answers = all_answers(train.select(self.usable))
        fillers = tuple(sorted({*collected.fillers, *answers}))
        self.vocabulary = SlotVocabulary(collected.paths, fillers)
        rows, self._count = self._rows(train, trees)
        self._first = np.cumsum(self._count) - self._count
        self._questions, self._answers = _pack(rows)
        dense = size.config(2)
        self.config = SetTransformerConfig(
            n_roles=self.vocabulary.n_roles + len(ASKED),
            n_fillers=self.vocabulary.n_fillers,
            width=dense.width,
            n_blocks=dense.n_blocks,
            n_heads=dense.n_heads,
            head_size=dense.head_size,
            hidden=dense.hidden,
            grouping=grouping,
        )

    @property
    def length(self) -> int:
        """Slots of a set, the one asked for and padding counted."""
        return int(self._questions.roles.shape[1])

    @property
    def roles_per_slot(self) -> float:
        """Different roles of a set over its slots, on average: what grouping by role leaves."""
        questions = self._questions
        shares = [
            len(set(roles[there].tolist())) / int(there.sum())
            for roles, there in zip(questions.roles, questions.present, strict=True)
        ]
        return sum(shares) / len(shares)

    def flops(self, batch: int) -> float:
        """Count operations of an update: matrices, pairs that are computed, the head; padding too.

        Grouped by role, keys and values are those of all roles there can be, and are pooled first.
        """
        model, n = self.config, self.length
        features = model.n_heads * model.head_size
        matrices = model.n_blocks * (4 * model.width * features + 3 * model.width * model.hidden)
        grouped = model.grouping == "role"
        keys = model.n_roles if grouped else n
        pairs = model.n_blocks * features * n * keys * (8.0 if grouped else 4.0)
        head = 2.0 * model.width * model.n_fillers
        return BACKWARD * batch * (2.0 * n * matrices + pairs + head)

    def build(self) -> nn.Module:
        """Make an untrained model, its weights drawn from the global generator."""
        return SetTransformer(self.config)

    def loss(
        self, model: nn.Module, sentences: NDArray[np.int64], rng: np.random.Generator
    ) -> Tensor:
        """Give the loss of training sentences, each with one of its questions."""
        rows = torch.from_numpy(draw_rows(self._first, self._count, sentences, rng))
        logits: Tensor = model(self._questions.select(rows)).logits
        return nn.functional.cross_entropy(logits, self._answers[rows])

    @torch.inference_mode()
    def score(
        self,
        model: nn.Module,
        test: Sentences,
        frames: Sequence[RoleFrame | None],
        *,
        exact: bool = True,
    ) -> Scores:
        """Ask every question of a test; one about a sentence without a frame is answered wrong.

        Its loss is that of a guess among all fillers.

        Parameters
        ----------
        model : nn.Module
        test : Sentences
        frames : sequence of RoleFrame or None
            Of the test's sentences.
        exact : bool
            Whether answers may come from the integer model, which takes longer.

        Returns
        -------
        Scores
        """
        trees = [None if frame is None else self._tree(frame) for frame in frames]
        rows, count = self._rows(test, trees)
        total = len(test.questions)
        right, nats, nameable = 0, 0.0, 0
        if rows:
            assert isinstance(model, SetTransformer)
            asked = IntegerSetTransformer(model) if exact and self._integer else model
            questions, answers = _pack(rows)
            for index in torch.split(torch.arange(len(answers)), AT_ONCE):
                output = asked(questions.select(index))
                logits = output.logits if asked is model else output.to_float().logits
                own, named = answers[index], answers[index] != UNKNOWN
                right += int(((logits.argmax(-1) == own) & named).sum())
                losses = nn.functional.cross_entropy(logits, own, reduction="none")
                nats += float(losses[named].sum())
                nameable += int(named.sum())
        without = [self._number(test.answers[k][a]) for k, a in test.questions if not count[k]]
        guessed = sum(number != UNKNOWN for number in without)
        nats += guessed * math.log(self.config.n_fillers)
        nameable += guessed
        return Scores(
            questions=total,
            accuracy=right / total,
            answer_loss=nats / nameable if nameable else None,
            nameable=nameable / total,
            sentence_loss=None,
        )

    def _tree(self, frame: RoleFrame | None) -> SlotTree:
        assert frame is not None
        tree = tree_from_frame(frame_parts(frame))
        if self._whole:
            return tree
        return SlotTree(tuple(Slot(_inside(leaf.path), leaf.filler) for leaf in flatten(tree)))

    def _rows(
        self, sentences: Sentences, trees: Sequence[SlotTree | None]
    ) -> tuple[list[_Row], NDArray[np.int64]]:
        """Give a row for every question about a sentence with a tree, and how many each has."""
        rows: list[_Row] = []
        count = np.zeros(len(trees), dtype=np.int64)
        encoded = [None if tree is None else self.vocabulary.encode(tree) for tree in trees]
        for k, asked in sentences.questions:
            slots = encoded[k]
            if slots is not None:
                roles = np.append(slots[0], self.vocabulary.n_roles + asked)
                number = self._number(sentences.answers[k][asked])
                rows.append((roles, np.append(slots[1], MASK), number))
                count[k] += 1
        return rows, count

    def _number(self, filler: str) -> int:
        """Give a filler's number; that of the unknown is no answer."""
        _, fillers = self.vocabulary.encode(SlotTree((Slot("?", filler),)))
        return int(fillers[0])


def _inside(path: tuple[str, ...]) -> str:
    """Give the part of a path that is inside the innermost clause."""
    after = max((k for k, role in enumerate(path) if role == CLAUSE), default=-1)
    return "/".join(path[after + 1 :])


def _pack(rows: Sequence[_Row]) -> tuple[SlotBatch, Tensor]:
    questions = pack_sets([(roles, fillers) for roles, fillers, _ in rows])
    return questions, torch.tensor([answer for _, _, answer in rows])
