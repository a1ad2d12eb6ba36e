"""The readers of both languages, on sentences written by hand."""

from __future__ import annotations

import dataclasses
import re
from typing import get_args

import pytest
from role_sentences import (
    DIFFERENT,
    EXCHANGED,
    PARAPHRASES,
    REFUSED,
    SAME_INSIDE,
    keys_of,
    wrong_merges,
)

from lutloom.language.roles import Filler, Role, RoleFrame, frame_keys, load_extractor, role_key
from lutloom.language.roles.extractor import Language

LANGUAGES = get_args(Language)
GROUPS = [(language, k) for language in LANGUAGES for k in range(len(PARAPHRASES[language]))]


def key(sentence: str, frame: RoleFrame | None) -> str:
    return frame_keys([sentence], [frame])[0]


@pytest.mark.parametrize(("language", "k"), GROUPS)
def test_paraphrases_share_a_key(language: Language, k: int) -> None:
    group = PARAPHRASES[language][k]
    assert None not in load_extractor(language).frames(group)
    assert len(set(keys_of(group, language))) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_groups_do_not_share_keys(language: Language) -> None:
    groups = PARAPHRASES[language]
    assert len(set(keys_of([group[0] for group in groups], language))) == len(groups)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_differs_in_one_thing_does_not_merge(language: Language) -> None:
    sentences = DIFFERENT[language]
    frames = load_extractor(language).frames(sentences)
    assert wrong_merges(sentences, frames, SAME_INSIDE[language], key) == set()
    # The check sees a key that is blind to one thing.
    for blind in ({"negated": False}, {"tense": ""}, {"modality": ""}, {"scope": ()}):
        if blind == {"scope": ()} and language == "ja":
            continue

        def careless(sentence: str, frame: RoleFrame | None, blind: dict = blind) -> str:
            return key(sentence, None if frame is None else dataclasses.replace(frame, **blind))

        assert wrong_merges(sentences, frames, SAME_INSIDE[language], careless) != set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_places_exchanged_never_merge(language: Language) -> None:
    sentences = [sentence for pair in EXCHANGED[language] for sentence in pair]
    frames = load_extractor(language).frames(sentences)
    assert wrong_merges(sentences, frames, set(), key) == set()
    read = [pair for pair in zip(frames[::2], frames[1::2], strict=True) if None not in pair]
    assert len(read) >= 3, "not because nothing is read"

    def as_bag(sentence: str, frame: RoleFrame | None) -> str:
        return sentence if frame is None else str(sorted(re.findall(r"\w+", repr(frame))))

    assert len(wrong_merges(sentences, frames, set(), as_bag)) >= 2


@pytest.mark.parametrize("verb", ["put", "hit", "cut", "read", "let", "set", "shut", "hurt", "cost",
                                  "cast", "spread"])  # fmt: skip
def test_a_form_that_is_past_and_present_says_neither(verb: str) -> None:
    there = " in the house" if verb in {"put", "set"} else ""
    many = [
        f"The men {verb} the book{there}.",
        f"The book was {verb}{there} by the men.",
        f"The book is {verb}{there} by the men.",
    ]
    assert len(set(keys_of(many, "en"))) == 3
    past, present = f"The man {verb} the book{there}.", f"The man {verb}s the book{there}."
    one = [past, present, *(sentence.replace("men", "man") for sentence in many[1:])]
    keys = keys_of(one, "en")
    assert len({keys[0], keys[1]}) == len({keys[0], keys[3]}) == len({keys[1], keys[2]}) == 2
    [frame] = load_extractor("en").frames([past])
    if frame is not None:
        assert frame.tense == "past"


def test_a_subject_that_is_one_tells_the_tense() -> None:
    verbs = ("hit", "cut", "shut", "hurt")
    for verb in verbs:
        for subject, agent in (("The man", "the man"), ("She", "her")):
            past = [f"{subject} {verb} the dog.", f"The dog was {verb} by {agent}."]
            assert len(set(keys_of(past, "en"))) == 1, past


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_not_certain_has_no_frame(language: Language) -> None:
    sentences = REFUSED[language]
    found = dict(zip(sentences, load_extractor(language).frames(sentences), strict=True))
    assert {s: f for s, f in found.items() if f is not None} == {}


def test_an_english_frame_in_full() -> None:
    [frame] = load_extractor("en").frames(
        ["Every old cat may not have chased two dogs in the garden."]
    )
    cat = Filler("cat", "singular", "every", "", (("words", "old"),))
    dogs = Filler("dog", "plural", "two")
    garden = Filler("garden", "singular", "the", "in")
    roles = ((Role.AGENT, cat), (Role.PATIENT, dogs), (Role.PLACE, garden))
    expected = RoleFrame("chase", roles, True, "", "perfect", "may")
    expected = dataclasses.replace(expected, scope=("agent", "modal", "not", "patient"))
    assert frame == expected
    assert frame is not None
    assert frame.filler(Role.PATIENT) == dogs
    assert frame.filler(Role.RECIPIENT) is None


def test_a_japanese_frame_in_full() -> None:
    [frame] = load_extractor("ja").frames(["母が庭で二匹の猫に魚を追わせなかった。"])
    inner = ((Role.AGENT, Filler("猫", "", "二匹")), (Role.PATIENT, Filler("魚")))
    roles = (
        (Role.AGENT, Filler("母")),
        (Role.PLACE, Filler("庭", marker="で")),
        (Role.CONTENT, Filler(RoleFrame("追う", inner, tense=""))),
    )
    assert frame == RoleFrame("させる", roles, True, "past", scope=("に", "not"))


def test_relative_clauses_are_frames() -> None:
    [frame] = load_extractor("en").frames(["The cat that chased the dog saw the bird."])
    assert frame is not None
    agent = frame.filler(Role.AGENT)
    assert agent is not None
    [(kind, clause)] = agent.modifiers
    assert kind == "relative"
    assert isinstance(clause, RoleFrame)
    assert clause.predicate == "chase"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_reads_the_same_alone_and_among_others(language: Language) -> None:
    sentences = [group[-1] for group in PARAPHRASES[language]]
    together = load_extractor(language).frames(sentences)
    assert [load_extractor(language).frames([s])[0] for s in sentences] == together
    assert all(frame is not None and role_key(frame) for frame in together)


def test_lemmas() -> None:
    assert load_extractor("en").lemmas(["The cats chased, slowly!"]) == [
        ("the", "cat", "chase", "slowly")
    ]
    assert load_extractor("ja").lemmas(["猫が食べた。"]) == [("猫", "が", "食べる", "た")]
