"""What a sentence says, apart from how: a predicate, its roles, and all that changes the truth.

Two sentences get one key only if their frames are equal in every member, so a frame must hold
whatever tells two meanings apart: negation, tense, aspect, modality, the number and determiner of
every filler, and, where two of these interact, the order in which they take scope.

Example
-------
>>> cat, fish = Filler("cat", "singular", "the"), Filler("fish", "singular", "the")
>>> active = RoleFrame("eat", ((Role.AGENT, cat), (Role.PATIENT, fish)))
>>> passive = RoleFrame("eat", ((Role.PATIENT, fish), (Role.AGENT, cat)))
>>> role_key(active) == role_key(passive)
True
>>> role_key(active) == role_key(RoleFrame("eat", ((Role.AGENT, fish), (Role.PATIENT, cat))))
False
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec


class Role(StrEnum):
    """Name what a filler does in the event its predicate names."""

    AGENT = "agent"
    PATIENT = "patient"
    RECIPIENT = "recipient"
    PLACE = "place"
    INSTRUMENT = "instrument"
    TIME = "time"
    OBLIQUE = "oblique"
    CONTENT = "content"
    """A clause: what is said, or what is caused."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Hold what fills a role.

    Parameters
    ----------
    head : str or RoleFrame
        The noun's lemma, or a whole clause.
    number : str
        ``"singular"``, ``"plural"``, or empty where the language does not mark it.
    determiner : str
        Article, quantifier, demonstrative or numeral; empty for none.
    marker : str
        Preposition or particle, where the role alone does not say it.
    modifiers : tuple of (str, str or Filler or RoleFrame)
        Kind of modifier, and what it is: adjectives, phrases, relative clauses.
    """

    head: str | RoleFrame
    number: str = ""
    determiner: str = ""
    marker: str = ""
    modifiers: tuple[tuple[str, str | Filler | RoleFrame], ...] = ()


@dataclass(frozen=True, slots=True)
class RoleFrame:
    """Hold the meaning of a clause.

    Parameters
    ----------
    predicate : str
        The verb's lemma, with its particle.
    roles : tuple of (Role, Filler)
        In any order: they are sorted here, and a role may come more than once.
    negated : bool
    tense : str
        ``"present"``, ``"past"``, or empty where a modal stands for it.
    aspect : str
        ``"perfect"``, ``"progressive"``, both with a space between, or empty.
    modality : str
        The modal's lemma, or empty.
    scope : tuple of str
        Where two or more of negation, modal and quantified or indefinite fillers meet: their
        surface order.  "Every cat eats a fish" and "a fish is eaten by every cat" differ by it.
    """

    predicate: str
    roles: tuple[tuple[Role, Filler], ...] = ()
    negated: bool = False
    tense: str = "present"
    aspect: str = ""
    modality: str = ""
    scope: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ordered = sorted(self.roles, key=lambda pair: (pair[0].value, _encode(_plain(pair[1]))))
        object.__setattr__(self, "roles", tuple(ordered))

    def filler(self, role: Role) -> Filler | None:
        """Give the first filler of a role, or None."""
        return next((filler for name, filler in self.roles if name is role), None)


def role_key(frame: RoleFrame) -> str:
    """Give the key that all paraphrases share.

    Parameters
    ----------
    frame : RoleFrame

    Returns
    -------
    str
        64 hexadecimal digits of a SHA-256, the same in every process and on every machine.
    """
    return hashlib.sha256(b"frame\0" + _encode(_plain(frame))).hexdigest()


def text_key(sentence: str) -> str:
    """Give the key of a sentence that has no frame: of its text, spaces apart.

    Case and punctuation stay: "Polish" is not "polish", and a question is not an assertion.

    Parameters
    ----------
    sentence : str

    Returns
    -------
    str
        64 hexadecimal digits; never those of a frame.
    """
    return hashlib.sha256(b"text\0" + " ".join(sentence.split()).encode()).hexdigest()


def with_marker(filler: Filler, marker: str) -> Filler:
    """Give a filler with another preposition or particle."""
    return replace(filler, marker=marker)


def _encode(plain: Any) -> bytes:
    return msgspec.json.encode(plain)


def _plain(value: str | Filler | RoleFrame) -> Any:
    """Turn frames into nested lists, each with the name of its kind first."""
    if isinstance(value, str):
        return value
    if isinstance(value, Filler):
        modifiers = sorted(([kind, _plain(what)] for kind, what in value.modifiers), key=_encode)
        head = _plain(value.head)
        return ["filler", head, value.number, value.determiner, value.marker, modifiers]
    roles = [[role.value, _plain(filler)] for role, filler in value.roles]
    return [
        "clause", value.predicate, roles, value.negated, value.tense, value.aspect,
        value.modality, list(value.scope),
    ]  # fmt: skip
