"""Keys, near-duplicates, rates and arms against loops over all pairs."""

from __future__ import annotations

import itertools
import sys
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutloom.errors import InvalidDataError, InvalidRecipeError, MissingExtraError
from lutloom.language.corpus import (
    Method,
    merge_rates,
    prepare_arms,
    reduce_sentences,
    sentence_keys,
    split_sentences,
)
from lutloom.language.corpus import minhash as module
from lutloom.language.corpus.minhash import Groups, duplicate_groups, jaccard, shingles
from lutloom.language.roles.grammar import generate

ACTIVE, PASSIVE = "The cat chases the dog.", "The dog is chased by the cat."
SENTENCES = [ACTIVE, "The cats chased the dogs!", PASSIVE, ACTIVE, "the cat chases the dog", "Yes."]


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        ("exact", (0, 1, 2, 4, 5)),
        ("normalised", (0, 2, 5)),
        ("minhash", (0, 1, 2, 5)),
        ("role", (0, 1, 5)),
    ],
)
def test_each_method_keeps_the_first_of_its_kind(method: Method, kept: tuple[int, ...]) -> None:
    found = reduce_sentences(SENTENCES, method)
    assert found.kept == kept
    assert found.share_removed == pytest.approx(1 - len(found.kept) / 6)
    assert {len(key) for key in found.keys} == {16}
    assert found.seconds > 0


def test_nothing_to_reduce() -> None:
    for method in get_args(Method):
        assert reduce_sentences([], method).kept == ()
    assert reduce_sentences([], "exact").share_removed == 0.0


def components(sentences: list[str], threshold: float) -> list[int]:
    """The first member of each sentence's component, by comparing all pairs until nothing moves."""
    sets = [shingles(sentence) for sentence in sentences]
    group = list(range(len(sentences)))
    while True:
        before = list(group)
        for i, j in itertools.combinations(range(len(sentences)), 2):
            if jaccard(sets[i], sets[j]) >= threshold:
                group[i] = group[j] = min(group[i], group[j])
        if group == before:
            return group


def near_copies(seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    sentences = []
    for sentence in generate("en", 25, seed=seed):
        text = sentence.text
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(len(text)))
            text = text[:at] + "x" * int(rng.integers(0, 3)) + text[at:]
            sentences.append(text)
    return sentences


@pytest.mark.parametrize("seed", range(6))
def test_near_duplicates_are_those_of_all_pairs(seed: int) -> None:
    sentences = near_copies(seed)
    expected = components(sentences, 0.8)
    assert duplicate_groups(sentences) == expected
    assert 1 < len(set(expected)) < len(sentences)
    assert components(sentences, 0.5) != expected, "the threshold matters"


def test_too_few_bands_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BANDS", 1)
    monkeypatch.setattr(module, "ROWS", 64)
    assert any(duplicate_groups(near_copies(s)) != components(near_copies(s), 0.8) for s in (0, 1))


def test_shingles_and_their_index() -> None:
    assert shingles("abcdefg") == {"abcde", "bcdef", "cdefg"}
    assert shingles(" a  b\n") == {"a b"}
    assert shingles("") == {""}
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 0.5


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_groups_are_named_for_their_least(pairs: list[tuple[int, int]]) -> None:
    groups = Groups()
    least = list(range(13))
    for a, b in pairs:
        joined = groups.join(a, b)
        low, high = sorted((least[a], least[b]))
        assert joined == (low != high)
        least = [low if x == high else x for x in least]
    assert [groups.find(k) for k in range(13)] == least


texts = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([b"1", b"2", b"3"])))


@given(texts, st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_rates_are_their_definition(drawn: list[tuple[str, bytes]], meaning_of: list[int]) -> None:
    first = dict(reversed(drawn))
    pairs = list(itertools.combinations(sorted(first), 2))
    same_key = [p for p in pairs if first[p[0]] == first[p[1]]]
    means = {text: meaning_of[ord(text) - ord("a")] for text in first}
    same_meaning = [p for p in pairs if means[p[0]] == means[p[1]]]
    rates = merge_rates(
        [t for t, _ in drawn], [first[t] for t, _ in drawn], [means[t] for t, _ in drawn]
    )
    wrong = [p for p in same_key if p not in same_meaning]
    missed = [p for p in same_meaning if p not in same_key]
    assert rates.false_merge == (len(wrong) / len(same_key) if same_key else 0.0)
    assert rates.false_split == (len(missed) / len(same_meaning) if same_meaning else 0.0)
    assert (rates.same_key_pairs, rates.same_meaning_pairs) == (len(same_key), len(same_meaning))


def test_a_text_of_two_meanings_is_refused() -> None:
    with pytest.raises(InvalidDataError, match="must have one meaning, but 'a' has two"):
        merge_rates(["a", "a"], [b"", b""], [1, 2])


def test_arms() -> None:
    sentences = [s.text for s in generate("en", 300, seed=2)]
    arms = prepare_arms(sentences, "en", seed=4)
    assert list(arms) == ["raw", "random", "exact", "minhash", "role", "resampled"]
    assert arms["raw"].epoch(0) == tuple(sentences)
    for name in ("exact", "minhash", "role"):
        assert arms[name].indices(0) == reduce_sentences(sentences, name).kept
    sizes = {name: len(arm.indices(0)) for name, arm in arms.items()}
    assert sizes["random"] == sizes["role"] == sizes["resampled"] < sizes["exact"] < 300
    assert arms["random"].epoch(0) != arms["role"].epoch(0)
    again = prepare_arms(sentences, "en", seed=4)
    for name, arm in arms.items():
        assert arm.epoch(3) == again[name].epoch(3)
        assert (arm.epoch(0) == arm.epoch(1)) == (name != "resampled")
        assert len(set(arm.indices(1))) == len(arm.indices(1))
    keys = sentence_keys(sentences, "role")
    for epoch in range(3):
        assert {keys[k] for k in arms["resampled"].indices(epoch)} == set(keys)
    assert len(arms["role"].frames) == 300
    assert arms["raw"].seconds == 0 < arms["role"].seconds


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("en", "It rains. A\ncat!\n\nIs it\nlate", ["It rains.", "A cat!", "Is it late"]),
        ("en", "\n\n  \n", []),
        ("ja", "雨が降る。猫が\n眠る。\n", ["雨が降る。", "猫が眠る。"]),
    ],
)  # fmt: skip
def test_sentences_of_a_text(language: str, text: str, sentences: list[str]) -> None:
    assert split_sentences(text, language) == sentences  # type: ignore[arg-type]


def test_long_paragraphs_lose_nothing() -> None:
    lines = [f"Sentence number {k} is here." for k in range(3000)]
    assert split_sentences("\n".join(lines)) == lines


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRecipeError, match="must be one of exact, normalised, minhash, role"):
        reduce_sentences(["a"], "roll")  # type: ignore[arg-type]
    with pytest.raises(InvalidDataError, match="at least 1 sentence, not 0"):
        prepare_arms([])
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(MissingExtraError, match="the package datasketch must be installed"):
        duplicate_groups(["a"])
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(MissingExtraError, match="the package spacy must be installed"):
        split_sentences("a")
