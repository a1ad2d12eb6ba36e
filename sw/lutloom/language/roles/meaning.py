"""Meanings the grammar writes down, and the words it has for them."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """Hold a noun with its number and determiner.

    Parameters
    ----------
    noun, number, determiner : str
    """

    noun: str
    number: str
    determiner: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Hold what a sentence is to say.

    Parameters
    ----------
    predicate : str
        The verb's plain form.
    agent, patient : NounPhrase
    recipient : NounPhrase, optional
        Of verbs of giving.
    place : str
        A noun, or empty.
    speaker : str
        Who says the rest, or empty.
    causer : str
        Who makes the agent do it, or empty; Japanese only.
    negated : bool
    tense : str
        ``"present"`` or ``"past"``.
    modality : str
    order : str
        ``"active"`` or ``"passive"`` where the order of two operators is part of the meaning.
    """

    predicate: str
    agent: NounPhrase
    patient: NounPhrase
    recipient: NounPhrase | None = None
    place: str = ""
    speaker: str = ""
    causer: str = ""
    negated: bool = False
    tense: str = "present"
    modality: str = ""
    order: str = ""

    @property
    def identity(self) -> str:
        """A name that only equal meanings share."""
        return repr(astuple(self))

    @property
    def quantified(self) -> int:
        """How many noun phrases take scope."""
        phrases = (self.agent, self.patient, self.recipient)
        return sum(p is not None and p.determiner not in {"the", "", "この"} for p in phrases)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Hold the words of one half of a grammar.

    Parameters
    ----------
    beings, things, places : tuple of str
        Nouns: what acts and is acted on, what is given, where.
    transitive, giving : tuple of str
        Verbs.
    """

    beings: tuple[str, ...]
    things: tuple[str, ...]
    places: tuple[str, ...]
    transitive: tuple[str, ...]
    giving: tuple[str, ...]
