"""Sentences of known meaning: groups of paraphrases, and beside each the ones that must not merge.

The grammar writes a meaning down in all its forms without the help of any reader, so it can judge
one.  Beside every meaning stand its contrasts, which differ in one thing: roles reversed, negated,
another tense, modality, number or quantifier, another scope, another speaker.

Example
-------
>>> sentences = generate("en", 500, seed=0)
>>> sentences == generate("en", 500, seed=0)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from lutloom.errors import InvalidRecipeError
from lutloom.language.roles import grammar_english, grammar_japanese
from lutloom.language.roles.extractor import Language
from lutloom.language.roles.meaning import Lexicon, Meaning, NounPhrase

Words = Literal["development", "held_out"]
"""Which half of the lexicon; the readers' rules were written with only the first in view."""

_SHARE_GIVING, _SHARE_PLACED, _SHARE_SAID, _SHARE_CAUSED = 0.3, 0.25, 0.15, 0.15


@dataclass(frozen=True, slots=True)
class Sentence:
    """Hold a sentence and what it means.

    Parameters
    ----------
    text : str
    meaning : str
        Its identity: equal for paraphrases, and only for them.
    form : str
        How it is put: ``"active"``, ``"passive"``, ...
    contrast : str
        What sets its meaning apart from the first of its family; ``"base"`` for that one.
    """

    text: str
    meaning: str
    form: str
    contrast: str


@dataclass(frozen=True, slots=True)
class _Grammar:
    forms: Callable[[Meaning], list[tuple[str, str]]]
    lexicons: dict[Words, Lexicon]
    modalities: tuple[str, ...]
    agent_determiners: tuple[str, ...]
    patient_determiners: tuple[str, ...]
    indefinite: str


_GRAMMARS: dict[Language, _Grammar] = {
    "en": _Grammar(
        grammar_english.forms,
        {"development": grammar_english.DEVELOPMENT, "held_out": grammar_english.HELD_OUT},
        ("will", "may", "must", "can"),
        ("a", "every", "no", "some", "two"),
        ("a", "every", "no", "two"),
        "a",
    ),
    "ja": _Grammar(
        grammar_japanese.forms,
        {"development": grammar_japanese.DEVELOPMENT, "held_out": grammar_japanese.HELD_OUT},
        ("だろう", "かもしれない", "なければならない"),
        ("この", "すべて", "二"),
        ("この", "すべて", "二"),
        "二",
    ),
}


def generate(
    language: Language, n_sentences: int, seed: int = 0, words: Words = "development"
) -> tuple[Sentence, ...]:
    """Draw sentences, some more than once, family after family of meanings, then shuffled.

    Parameters
    ----------
    language : Language
    n_sentences : int
        At least 1.
    seed : int
    words : Words
        Report figures on ``"held_out"``.

    Returns
    -------
    tuple of Sentence

    Raises
    ------
    InvalidRecipeError
        If the language or the number is not one there can be.
    """
    return tuple(sentence for sentence, _ in draw(language, n_sentences, seed, words))


def draw(
    language: Language, n_sentences: int, seed: int = 0, words: Words = "development"
) -> tuple[tuple[Sentence, Meaning], ...]:
    """Draw what :func:`generate` draws, each sentence with its whole meaning beside it.

    Parameters
    ----------
    language, n_sentences, seed, words
        As for :func:`generate`.

    Returns
    -------
    tuple of (Sentence, Meaning)

    Raises
    ------
    InvalidRecipeError
        As :func:`generate`.
    """
    if language not in _GRAMMARS or n_sentences < 1:
        raise InvalidRecipeError(
            f"grammar: language must be one of {', '.join(get_args(Language))} and there must be "
            f"at least 1 sentence, not {language!r} and {n_sentences}; correct them"
        )
    grammar = _GRAMMARS[language]
    rng = np.random.default_rng(seed)
    drawn: list[tuple[Sentence, Meaning]] = []
    while len(drawn) < n_sentences:
        base = _draw_base(rng, grammar.lexicons[words], language)
        for contrast, meaning in contrasts(base, language, rng):
            forms = grammar.forms(meaning)
            for k in rng.integers(0, len(forms), rng.integers(1, len(forms) + 1)):
                form, text = forms[k]
                drawn.append((Sentence(text, meaning.identity, form, contrast), meaning))
    order = rng.permutation(len(drawn))[:n_sentences]
    return tuple(drawn[k] for k in order)


def paraphrases(meaning: Meaning, language: Language) -> list[tuple[str, str]]:
    """Give every form of a meaning, and its text.

    Parameters
    ----------
    meaning : Meaning
    language : Language

    Returns
    -------
    list of (str, str)
    """
    return _GRAMMARS[language].forms(meaning)


def contrasts(
    base: Meaning, language: Language, rng: np.random.Generator
) -> Iterator[tuple[str, Meaning]]:
    """Give a meaning and its neighbours, each differing from it in the thing it is named for.

    Parameters
    ----------
    base : Meaning
    language : Language
    rng : numpy.random.Generator
        Chooses among modals and quantifiers.

    Yields
    ------
    (str, Meaning)
    """
    grammar = _GRAMMARS[language]
    agent, patient = base.agent, base.patient
    yield "base", base
    if base.recipient is None:
        yield "reversed", replace(base, agent=patient, patient=agent)
    else:
        yield "reversed", replace(base, agent=base.recipient, recipient=agent)
    if base.speaker:
        yield "speaker", replace(base, speaker=agent.noun, agent=replace(agent, noun=base.speaker))
    yield "negated", replace(base, negated=True)
    yield "tense", replace(base, tense="past" if base.tense == "present" else "present")
    if not base.speaker:
        yield "modality", replace(base, tense="present", modality=_one(rng, grammar.modalities))
    yield "number", replace(base, agent=replace(agent, number="plural"))
    yield "number", replace(base, patient=replace(patient, number="plural"))
    yield "quantifier", replace(base, agent=_with(agent, _one(rng, grammar.agent_determiners)))
    yield (
        "quantifier",
        replace(base, patient=_with(patient, _one(rng, grammar.patient_determiners))),
    )
    if base.speaker or base.causer or base.recipient is not None or base.place:
        return
    every = _with(agent, "すべて" if language == "ja" else "every")
    for voice in ("active", "passive"):
        yield (
            "scope",
            replace(base, agent=every, patient=_with(patient, grammar.indefinite), order=voice),
        )
        yield "scope", replace(base, agent=every, negated=True, order=voice)


def _draw_base(rng: np.random.Generator, lexicon: Lexicon, language: Language) -> Meaning:
    nouns = [str(noun) for noun in rng.permutation(list(lexicon.beings))]
    tense = _one(rng, ("present", "past"))
    definite = "the" if language == "en" else ""
    agent, patient, third = (NounPhrase(noun, "singular", definite) for noun in nouns[:3])
    place = _one(rng, lexicon.places) if rng.random() < _SHARE_PLACED else ""
    draw = rng.random()
    if draw < _SHARE_GIVING:
        thing = NounPhrase(_one(rng, lexicon.things), "singular", definite)
        verb = _one(rng, lexicon.giving)
        return Meaning(verb, agent, thing, recipient=patient, place=place, tense=tense)
    verb = _one(rng, lexicon.transitive)
    if draw < _SHARE_GIVING + _SHARE_SAID:
        return Meaning(verb, agent, patient, speaker=third.noun, tense=tense)
    if language == "ja" and draw < _SHARE_GIVING + _SHARE_SAID + _SHARE_CAUSED:
        return Meaning(verb, agent, patient, causer=third.noun, tense=tense)
    return Meaning(verb, agent, patient, place=place, tense=tense)


def _one(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _with(noun: NounPhrase, determiner: str) -> NounPhrase:
    number = "plural" if determiner in {"some", "two"} else "singular"
    return NounPhrase(noun.noun, number, determiner)
