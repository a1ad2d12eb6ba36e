"""Clauses of English: voice, tense, aspect, modality and negation, and who fills which role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from spacy.tokens import Token

from lutloom.language.roles.beings import ENGLISH
from lutloom.language.roles.english_noun import is_definite, is_singular, read_noun
from lutloom.language.roles.english_verb import SAME_IN_PAST, Verb, read_verb
from lutloom.language.roles.extractor import NotAnalysedError
from lutloom.language.roles.frame import Filler, Role, RoleFrame, with_marker

_PLACES = {"in", "on", "at", "under", "behind", "near", "beside", "inside", "outside", "over"}
_NAMES_OF_TIMES = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January",
    "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December", "Christmas", "Easter", "Lent", "Ramadan", "Passover", "Thanksgiving",
}  # fmt: skip
_PERSONS = {"I", "you", "he", "she", "we"}
"""Pronouns of beings; "it" and "they" may be things."""
GIVING = {
    "give", "send", "show", "hand", "offer", "lend", "sell", "teach", "tell", "pay", "pass",
    "bring", "throw", "read", "write", "grant", "award", "promise",
}  # fmt: skip
"""With these, "to" marks who receives, and the same without "to" is the same event."""
_DEMANDING = {
    "advise", "ask", "beg", "command", "demand", "desire", "insist", "move", "order", "prefer",
    "propose", "recommend", "request", "require", "suggest", "urge", "wish",
}  # fmt: skip
"""What they say may be a wish, whose verb has the plain form after any subject."""
_TIMES = {"today", "yesterday", "tomorrow", "tonight", "now", "here", "there"}
"""Adverbs that may stand anywhere: others say something else before a passive than after it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Hold a filler that stands outside its clause.

    Parameters
    ----------
    noun : Token
    filler : Filler
    place : str
        ``"subject"`` or ``"object"``.
    pronoun : Token, optional
        The relative or interrogative pronoun that stands for it inside.
    """

    noun: Token
    filler: Filler
    place: str
    pronoun: Token | None = None


@dataclass(slots=True)
class _Parts:
    """Collect a clause's phrases, each with where it stands."""

    roles: list[tuple[Role, Filler, int]] = field(default_factory=list)
    subject: Filler | None = None
    object: Filler | None = None
    passive_agent: bool = False

    def add(self, role: Role, filler: Filler, at: int) -> None:
        self.roles.append((role, filler, at))


def children(token: Token) -> list[Token]:
    """Give a token's children but the sentence's last mark."""
    last = len(token.doc) - 1
    return [child for child in token.children if not (child.is_punct and child.i == last)]


def read_clause(
    head: Token, seen: set[int], gap: Gap | None = None, complementiser: Token | None = None
) -> RoleFrame:
    """Read a clause with a finite verb, and mark its tokens as seen.

    Parameters
    ----------
    head : Token
        The lexical verb.
    seen : set of int
        Indices of tokens accounted for; grows.
    gap : Gap, optional
        What it lacks, because the filler stands outside.
    complementiser : Token, optional
        A "that" before it, which adds nothing.

    Returns
    -------
    RoleFrame

    Raises
    ------
    NotAnalysedError
        If there is no rule for a part of it.
    """
    verb = read_verb(head, seen)
    parts = _Parts()
    skipped = {t.i for t in (complementiser, gap.pronoun if gap else None) if t is not None}
    if gap is not None and gap.pronoun is None and gap.noun.head.i == head.i:
        skipped.add(gap.noun.i)
    if gap is not None:
        _place(parts, head, verb, gap.filler, gap.noun, gap.place)
    for child in children(head):
        if child.i in skipped or child.i in seen:
            continue
        rule = _RULES.get(child.dep_)
        if rule is None:
            raise NotAnalysedError
        rule(parts, head, verb, child, seen)
    _check(parts, verb)
    predicate = verb.lemma if not verb.particle else f"{verb.lemma} {verb.particle}"
    return RoleFrame(
        predicate,
        tuple((role, filler) for role, filler, _ in parts.roles),
        verb.negated,
        verb.tense,
        verb.aspect,
        verb.modality,
        _scope(parts, verb),
    )


def _scope(parts: _Parts, verb: Verb) -> tuple[str, ...]:
    operators = [
        (at, f"{role.value} {filler.marker}".strip())
        for role, filler, at in parts.roles
        if not is_definite(filler)
    ]
    if verb.negated:
        operators.append((verb.negation_at, "not"))
    if verb.modality:
        operators.append((verb.modal_at, "modal"))
    return tuple(name for _, name in sorted(operators)) if len(operators) > 1 else ()


def _place(parts: _Parts, head: Token, verb: Verb, filler: Filler, noun: Token, place: str) -> None:
    """Give a subject or object its role, by voice."""
    if place == "subject":
        if parts.subject is not None:
            raise NotAnalysedError
        parts.subject = filler
        _check_agreement(verb, noun)
        if not verb.passive:
            parts.add(Role.AGENT, filler, noun.i)
            return
        object_follows = any(child.dep_ == "dobj" for child in head.children)
        if object_follows and verb.lemma not in GIVING:
            raise NotAnalysedError
        parts.add(Role.RECIPIENT if object_follows else Role.PATIENT, filler, noun.i)
        return
    if parts.object is not None:
        raise NotAnalysedError
    parts.object = filler
    parts.add(Role.PATIENT, filler, noun.i)


def _check_agreement(verb: Verb, noun: Token) -> None:
    """Refuse where subject and verb differ in number: one of them was read wrongly."""
    if verb.same_in_past and not (verb.tense == "past" and is_singular(noun)):
        raise NotAnalysedError  # "the cats hit", where "the cat hits" would be the present
    plural = noun.tag_ in {"NNS", "NNPS"}
    if noun.tag_ == "PRP" or not verb.number:
        return
    if plural != (verb.number == "plural"):
        raise NotAnalysedError


def _check(parts: _Parts, verb: Verb) -> None:
    names = [role for role, _, _ in parts.roles]
    if parts.subject is None or len(set(names)) < len(names):
        raise NotAnalysedError
    if verb.passive and Role.CONTENT in names:
        raise NotAnalysedError


def _subject(parts: _Parts, head: Token, verb: Verb, child: Token, seen: set[int]) -> None:
    if child.i > verb.first or (child.dep_ == "nsubjpass") != verb.passive:
        raise NotAnalysedError
    _place(parts, head, verb, read_noun(child, seen), child, "subject")


def _object(parts: _Parts, head: Token, verb: Verb, child: Token, seen: set[int]) -> None:
    if child.i < head.i:
        raise NotAnalysedError
    following = [t for t in head.rights if t.dep_ == "dobj" and t.i > child.i]
    if following:  # "shows the doctor the book", which the parser may read as two objects
        if verb.lemma not in GIVING or following[0].left_edge.i != child.right_edge.i + 1:
            raise NotAnalysedError
        parts.add(Role.RECIPIENT, read_noun(child, seen), child.i)
        return
    _place(parts, head, verb, read_noun(child, seen), child, "object")


def _dative(parts: _Parts, head: Token, verb: Verb, child: Token, seen: set[int]) -> None:
    if child.i < head.i or verb.lemma not in GIVING:
        raise NotAnalysedError
    if child.tag_ in {"IN", "TO"}:
        if child.lower_ != "to":
            raise NotAnalysedError
        parts.add(Role.RECIPIENT, _phrase(parts, child, seen), child.i)
    else:
        parts.add(Role.RECIPIENT, read_noun(child, seen), child.i)


def _agent(parts: _Parts, head: Token, verb: Verb, child: Token, seen: set[int]) -> None:
    if not verb.passive or child.lower_ != "by" or child.i < head.i:
        raise NotAnalysedError
    filler = _phrase(parts, child, seen)
    if not _acts(filler):
        raise NotAnalysedError
    parts.add(Role.AGENT, filler, child.i)


def _acts(filler: Filler) -> bool:
    """Say whether a filler is a being for certain: "by" may also say when, where, how or with what.

    A name is taken for a person's if it is not one of a time.
    """
    if not filler.determiner:
        return filler.head in _PERSONS
    if filler.determiner == "name":
        return filler.head not in _NAMES_OF_TIMES
    return str(filler.head).casefold() in ENGLISH


def _adjunct(parts: _Parts, head: Token, verb: Verb, child: Token, seen: set[int]) -> None:
    marker = child.lower_
    if marker == "by":
        raise NotAnalysedError
    filler = _phrase(parts, child, seen)
    if marker == "to" and verb.lemma in GIVING and child.i > head.i:
        parts.add(Role.RECIPIENT, filler, child.i)
        return
    role = Role.PLACE if marker in _PLACES else Role.OBLIQUE
    if marker == "with":
        role = Role.INSTRUMENT
    parts.add(role, with_marker(filler, marker), child.i)


def _phrase(parts: _Parts, preposition: Token, seen: set[int]) -> Filler:
    """Read a preposition's noun; a phrase hung on the preposition itself belongs to the clause."""
    seen.add(preposition.i)
    nouns = []
    for child in children(preposition):
        if child.dep_ == "pobj" and child.i > preposition.i:
            nouns.append(child)
        elif child.dep_ == "prep" and child.lower_ in _PLACES:
            parts.add(Role.PLACE, with_marker(_phrase(parts, child, seen), child.lower_), child.i)
        else:
            raise NotAnalysedError
    if len(nouns) != 1:
        raise NotAnalysedError
    return read_noun(nouns[0], seen)


def _adverb(parts: _Parts, _head: Token, _verb: Verb, child: Token, seen: set[int]) -> None:
    if child.lower_ not in _TIMES or list(child.children):
        raise NotAnalysedError
    seen.add(child.i)
    parts.add(Role.TIME, Filler(child.lower_, determiner="the"), child.i)


def _content(parts: _Parts, head: Token, _verb: Verb, child: Token, seen: set[int]) -> None:
    if child.left_edge.i < head.i:
        raise NotAnalysedError
    marks = [t for t in child.lefts if t.dep_ == "mark"]
    if len(marks) > 1 or any(t.lower_ != "that" or list(t.children) for t in marks):
        raise NotAnalysedError
    if head.lemma_ in _DEMANDING and child.lower_ in SAME_IN_PAST:
        raise NotAnalysedError
    seen.update(t.i for t in marks)
    clause = read_clause(child, seen, complementiser=marks[0] if marks else None)
    parts.add(Role.CONTENT, Filler(clause), child.i)


_RULES: dict[str, Callable[[_Parts, Token, Verb, Token, set[int]], None]] = {
    "nsubj": _subject,
    "nsubjpass": _subject,
    "dobj": _object,
    "dative": _dative,
    "agent": _agent,
    "prep": _adjunct,
    "advmod": _adverb,
    "npadvmod": _adverb,
    "ccomp": _content,
}
