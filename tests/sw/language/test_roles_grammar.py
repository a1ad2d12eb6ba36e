"""The grammar against hand-written lists, and the readers against the grammar."""

from __future__ import annotations

from collections import defaultdict
from typing import get_args

import numpy as np
import pytest

from lutloom.errors import InvalidRecipeError
from lutloom.language.corpus.rates import merge_rates
from lutloom.language.roles import frame_keys, load_extractor
from lutloom.language.roles.extractor import Language
from lutloom.language.roles.grammar import Words, contrasts, generate, paraphrases
from lutloom.language.roles.meaning import Meaning, NounPhrase

LANGUAGES = get_args(Language)
CONTRASTS = {
    "base", "reversed", "negated", "tense", "modality", "number", "quantifier", "scope", "speaker",
}  # fmt: skip


def the(noun: str, number: str = "singular") -> NounPhrase:
    return NounPhrase(noun, number, "the")


def test_english_forms_are_these() -> None:
    meaning = Meaning("bite", the("wolf", "plural"), the("child"), tense="past")
    assert dict(paraphrases(meaning, "en")) == {
        "active": "The wolves bit the child.",
        "passive": "The child was bitten by the wolves.",
        "subject_cleft": "It was the wolves that bit the child.",
        "object_cleft": "It was the child that the wolves bit.",
        "topicalised": "The child the wolves bit.",
        "wh_cleft": "What the wolves bit was the child.",
    }
    gives = Meaning("give", the("girl"), NounPhrase("apple", "singular", "a"), the("boy"))
    assert dict(paraphrases(gives, "en")) == {
        "active": "The girl gives an apple to the boy.",
        "passive": "An apple is given to the boy by the girl.",
        "dative_shift": "The girl gives the boy an apple.",
        "recipient_passive": "The boy is given an apple by the girl.",
    }


def test_japanese_forms_are_these() -> None:
    cat, dog = NounPhrase("猫", "", ""), NounPhrase("犬", "", "")
    assert paraphrases(Meaning("追う", cat, dog, negated=True, tense="past"), "ja") == [
        ("active", "猫が犬を追わなかった。"),
        ("scrambled", "犬を猫が追わなかった。"),
        ("polite", "猫が犬を追いませんでした。"),
        ("topic", "猫は犬を追わなかった。"),
        ("passive_by", "犬が猫によって追われなかった。"),
        ("passive", "犬が猫に追われなかった。"),
        ("topic_object", "犬は猫が追わなかった。"),
        ("subject_cleft", "犬を追わなかったのは猫だ。"),
        ("object_cleft", "猫が追わなかったのは犬だ。"),
    ]


def test_what_takes_scope_stays_in_its_place() -> None:
    every, a = NounPhrase("cat", "singular", "every"), NounPhrase("dog", "singular", "a")
    assert [form for form, _ in paraphrases(Meaning("see", every, a), "en")] == ["active"]
    assert [form for form, _ in paraphrases(Meaning("see", every, the("dog")), "en")] == [
        "active",
        "passive",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("words", get_args(Words))
def test_every_text_has_one_meaning(language: Language, words: Words) -> None:
    sentences = generate(language, 6000, seed=3, words=words)
    meanings = defaultdict(set)
    for sentence in sentences:
        meanings[sentence.text].add(sentence.meaning)
    assert {text for text, found in meanings.items() if len(found) > 1} == set()
    assert len(sentences) == 6000 > len(meanings), "some come twice"
    assert {sentence.contrast for sentence in sentences} == CONTRASTS


@pytest.mark.parametrize("language", LANGUAGES)
def test_contrasts_differ_from_their_base(language: Language) -> None:
    noun = "" if language == "ja" else "the"
    words = ("追う", "猫", "犬") if language == "ja" else ("chase", "cat", "dog")
    agent, patient = (NounPhrase(w, "singular", noun) for w in words[1:])
    found = list(contrasts(Meaning(words[0], agent, patient), language, np.random.default_rng(0)))
    base = {text for _, text in paraphrases(found[0][1], language)}
    for name, meaning in found[1:]:
        texts = {text for _, text in paraphrases(meaning, language)}
        assert not texts & base, name
    assert len({meaning.identity for _, meaning in found}) == len(found)


@pytest.mark.parametrize(
    ("language", "n", "split_at_most"), [("en", 1500, 0.35), ("ja", 500, 0.25)]
)
def test_readers_never_merge_what_differs(language: Language, n: int, split_at_most: float) -> None:
    sentences = generate(language, n, seed=1)
    texts, meanings = [s.text for s in sentences], [s.meaning for s in sentences]
    frames = load_extractor(language).frames(texts)
    keys = [bytes.fromhex(key) for key in frame_keys(texts, frames)]
    rates = merge_rates(texts, keys, meanings)
    assert rates.false_merge == 0.0
    assert rates.same_key_pairs > 200, "it merges at all"
    assert rates.false_split < split_at_most
    # A reader that cannot tell who from whom is found out.
    careless = [
        b"" if frame is None else repr((frame.predicate, frame.tense, frame.negated)).encode()
        for frame in frames
    ]
    assert merge_rates(texts, careless, meanings).false_merge > 0.1


def test_the_seed_decides() -> None:
    assert generate("en", 50, seed=1) == generate("en", 50, seed=1) != generate("en", 50, seed=2)


def test_what_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match=r"must be one of en, ja .* not 'fr' and 5"):
        generate("fr", 5)  # type: ignore[arg-type]
    with pytest.raises(InvalidRecipeError, match="at least 1 sentence, not 'en' and 0"):
        generate("en", 0)
