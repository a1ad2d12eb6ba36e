"""Verb groups of English: auxiliaries read in their order into tense, aspect and modality."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Token

from lutloom.language.roles.extractor import NotAnalysedError

_MODALS = {
    "will": "will", "wo": "will", "'ll": "will", "ca": "can", "can": "can", "could": "could",
    "may": "may", "might": "might", "must": "must", "shall": "shall", "sha": "shall",
    "should": "should", "would": "would",
}  # fmt: skip
_PLAIN, _PARTICIPLE, _GERUND = "VB", "VBN", "VBG"
_AFTER = {"modal": _PLAIN, "do": _PLAIN, "have": _PARTICIPLE, "be": _GERUND, "passive": _PARTICIPLE}
_NEXT: dict[str, set[str]] = {
    "modal": {"have", "be", "passive"},
    "do": set(),
    "have": {"be", "passive"},
    "be": {"passive"},
    "passive": set(),
}  # fmt: skip
SAME_IN_PAST = {
    "beat", "beset", "bet", "bid", "broadcast", "browbeat", "burst", "bust", "cast", "cost", "cut",
    "fit", "forecast", "hit", "hurt", "input", "inset", "knit", "let", "miscast", "misread",
    "offset", "outbid", "output", "overbid", "preset", "proofread", "put", "quit", "read",
    "rebroadcast", "recast", "reread", "reset", "retrofit", "rid", "set", "shed", "shut", "slit",
    "spit", "split", "spread", "sublet", "sweat", "telecast", "thrust", "typecast", "underbid",
    "undercut", "upset", "wed", "wet",
}  # fmt: skip
"""Forms that are a verb's past and its present as well, but for "-s"."""


@dataclass(frozen=True, slots=True)
class Verb:
    """Hold what a verb group says.

    Parameters
    ----------
    lemma, particle : str
        "pick" and "up"; the particle is empty for most.
    passive, negated : bool
    tense, aspect, modality : str
        As in a RoleFrame.
    number : str
        Of the subject it agrees with; empty where its form does not say.
    same_in_past : bool
        Whether only the subject can tell its tense, see :data:`SAME_IN_PAST`.
    first : int
        Index of its first token.
    negation_at, modal_at : int
        Indices; -1 for none.
    """

    lemma: str
    particle: str
    passive: bool
    negated: bool
    tense: str
    aspect: str
    modality: str
    number: str
    same_in_past: bool
    first: int
    negation_at: int
    modal_at: int


def read_verb(head: Token, seen: set[int]) -> Verb:
    """Read a finite verb group, and mark its tokens as seen.

    Parameters
    ----------
    head : Token
        The lexical verb.
    seen : set of int
        Indices of tokens accounted for; grows.

    Returns
    -------
    Verb

    Raises
    ------
    NotAnalysedError
        If it is not finite, or not formed as the grammar says.
    """
    helpers = [t for t in head.lefts if t.dep_ in {"aux", "auxpass"}]
    negations = [t for t in head.lefts if t.dep_ == "neg"]
    particles = [t for t in head.rights if t.dep_ == "prt"]
    if len(negations) > 1 or len(particles) > 1:
        raise NotAnalysedError
    if any(t.lower_ not in {"not", "n't"} for t in negations):
        raise NotAnalysedError
    group = [*helpers, *negations, *particles, head]
    if any(list(t.children) for t in group if t is not head and t.i != head.i):
        raise NotAnalysedError
    kinds = [_kind(t) for t in helpers]
    _check_order(kinds, helpers, head)
    seen.update(t.i for t in group)
    finite = helpers[0] if helpers else head
    if negations and (not helpers or negations[0].i < finite.i):
        raise NotAnalysedError
    modal = kinds[:1] == ["modal"]
    return Verb(
        lemma=head.lemma_,
        particle=particles[0].lower_ if particles else "",
        passive="passive" in kinds,
        negated=bool(negations),
        tense="" if modal else _tense(finite),
        aspect=" ".join(
            name for kind, name in (("have", "perfect"), ("be", "progressive")) if kind in kinds
        ),
        modality=_MODALS[finite.lower_] if modal else "",
        number=_number(finite),
        same_in_past=finite.lower_ in SAME_IN_PAST,
        first=finite.i,
        negation_at=negations[0].i if negations else -1,
        modal_at=finite.i if modal else -1,
    )


def _kind(helper: Token) -> str:
    if helper.tag_ == "MD" and helper.lower_ in _MODALS:
        return "modal"
    if helper.dep_ == "auxpass":
        if helper.lemma_ != "be":
            raise NotAnalysedError
        return "passive"
    if helper.lemma_ in {"do", "have", "be"}:
        return str(helper.lemma_)
    raise NotAnalysedError


def _check_order(kinds: list[str], helpers: list[Token], head: Token) -> None:
    """Refuse a group in which a form does not follow from the one before."""
    forms = [*helpers, head]
    for k, kind in enumerate(kinds):
        if forms[k + 1].tag_ != _AFTER[kind]:
            raise NotAnalysedError
        if k + 1 < len(kinds) and kinds[k + 1] not in _NEXT[kind]:
            raise NotAnalysedError


def _tense(finite: Token) -> str:
    if finite.tag_ == "VBD":
        return "past"
    if finite.tag_ in {"VBZ", "VBP"}:
        return "present"
    raise NotAnalysedError


def _number(finite: Token) -> str:
    if finite.tag_ == "VBZ" or finite.lower_ == "was":
        return "singular"
    if (finite.tag_ == "VBP" and finite.lower_ != "am") or finite.lower_ == "were":
        return "plural"
    return ""
