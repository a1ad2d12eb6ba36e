"""Sentences of known meaning to train and test on, and what is asked of each: who did what to whom.

Answers come from the grammar's meanings, never from a reader of role frames.

Example
-------
>>> corpora = draw_corpora("en", seed=0, n_train=4000, n_test=300)   # doctest: +SKIP
>>> corpora.train.texts[0], corpora.train.answers[0]                 # doctest: +SKIP
('The horse the bird chased.', ('bird', 'horse', ''))
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.language.roles import Role, RoleFrame
from lutloom.language.roles.extractor import Language
from lutloom.language.roles.grammar import Sentence, Words, draw
from lutloom.language.roles.meaning import Meaning

ASKED = (Role.AGENT, Role.PATIENT, Role.RECIPIENT)
"""Who did it, what it was done to, and who got it."""

TESTS = ("seen", "unseen_words", "withheld_form")
"""New meanings in forms and words known from training; words never seen in known forms; passives.

Only models that were trained without a passive are tested on ``withheld_form``."""

_WITHHELD = "passive"
_PARTS = 5
_FIRST_SEED = 100
"""Sentences of lower seeds were looked at while the size of the experiment was chosen."""
_MORE = 12
"""How many times as many sentences are drawn as are kept, so that enough are left."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """Hold sentences beside what they mean.

    Parameters
    ----------
    texts, meanings, forms : tuple of str
        Of each sentence.
    answers : tuple of tuple of str
        Of each sentence, to each of :data:`ASKED`; empty where there is none.
    """

    texts: tuple[str, ...]
    meanings: tuple[str, ...]
    forms: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]

    @property
    def questions(self) -> list[tuple[int, int]]:
        """Sentence and number in :data:`ASKED` of every question that has an answer."""
        return [(k, a) for k, own in enumerate(self.answers) for a, w in enumerate(own) if w]

    def select(self, keep: NDArray[np.bool_]) -> Sentences:
        """Give some of the sentences, ``bool[n]``."""
        there = np.flatnonzero(keep).tolist()
        texts, meanings, forms = (
            tuple(of[k] for k in there) for of in (self.texts, self.meanings, self.forms)
        )
        return Sentences(texts, meanings, forms, tuple(self.answers[k] for k in there))


@dataclass(frozen=True, slots=True)
class Corpora:
    """Hold what one seed trains, tunes and tests on; no meaning is in two of them.

    Parameters
    ----------
    train, validation : Sentences
    tests : dict of str to Sentences
        One for each of :data:`TESTS`.
    """

    train: Sentences
    validation: Sentences
    tests: dict[str, Sentences]


def draw_corpora(language: Language, seed: int, n_train: int, n_test: int) -> Corpora:
    """Draw all sentences of a seed.

    Parameters
    ----------
    language : Language
    seed : int
    n_train, n_test : int
        Sentences to train on, and of each test at most.

    Returns
    -------
    Corpora
    """
    first_seed = _FIRST_SEED + _PARTS * seed
    train = _sentences(draw(language, n_train, first_seed, "development"))
    known, forms = set(train.meanings), set(train.forms)

    def part(number: int, words: Words, *, passives: bool = False) -> Sentences:
        drawn = _sentences(draw(language, _MORE * n_test, first_seed + number, words))
        first = {text: k for k, text in reversed(list(enumerate(drawn.texts)))}
        keep = np.array(
            [
                meaning not in known and form in forms and first[text] == k
                for k, (text, meaning, form) in enumerate(
                    zip(drawn.texts, drawn.meanings, drawn.forms, strict=True)
                )
            ]
        )
        if passives:
            keep &= withheld(drawn)
        chosen = drawn.select(keep & (np.cumsum(keep) <= n_test))
        known.update(chosen.meanings)
        return chosen

    tests = {
        "seen": part(1, "development"),
        "unseen_words": part(2, "held_out"),
        "withheld_form": part(3, "development", passives=True),
    }
    return Corpora(train, part(4, "development"), tests)


def withheld(sentences: Sentences) -> NDArray[np.bool_]:
    """Say which sentences are in the form that is withheld from training, ``bool[n]``."""
    return np.array([_WITHHELD in form for form in sentences.forms], dtype=np.bool_)


def read_answer(frame: RoleFrame | None, asked: Role) -> str:
    """Read an answer off a frame, without any training; of the clause that is furthest inside.

    Parameters
    ----------
    frame : RoleFrame or None
    asked : Role

    Returns
    -------
    str
        Empty where it has none.
    """
    while frame is not None:
        inner = frame.filler(Role.CONTENT)
        if inner is None or not isinstance(inner.head, RoleFrame):
            break
        frame = inner.head
    filler = None if frame is None else frame.filler(asked)
    return filler.head if filler is not None and isinstance(filler.head, str) else ""


def reader_accuracy(sentences: Sentences, frames: Sequence[RoleFrame | None]) -> float:
    """Give the share of questions a reader of frames answers right by itself.

    Parameters
    ----------
    sentences : Sentences
    frames : sequence of RoleFrame or None

    Returns
    -------
    float
    """
    right = [
        read_answer(frames[k], ASKED[a]) == sentences.answers[k][a] for k, a in sentences.questions
    ]
    return sum(right) / len(right)


def all_answers(sentences: Sentences) -> Collection[str]:
    """Give every word that is an answer."""
    return {word for own in sentences.answers for word in own if word}


def _sentences(drawn: Sequence[tuple[Sentence, Meaning]]) -> Sentences:
    return Sentences(
        tuple(sentence.text for sentence, _ in drawn),
        tuple(sentence.meaning for sentence, _ in drawn),
        tuple(sentence.form for sentence, _ in drawn),
        tuple(_answers(meaning) for _, meaning in drawn),
    )


def _answers(meaning: Meaning) -> tuple[str, ...]:
    phrases = (meaning.agent, meaning.patient, meaning.recipient)
    return tuple("" if phrase is None else phrase.noun for phrase in phrases)
