"""Noun phrases of English: a head, its number, its determiner, and everything hung on it."""

from __future__ import annotations

from spacy.tokens import Token

from lutloom.language.roles.extractor import NotAnalysedError
from lutloom.language.roles.frame import Filler, RoleFrame, with_marker

_NUMBER = {"NN": "singular", "NNP": "singular", "NNS": "plural", "NNPS": "plural", "PRP": ""}
_CASE = {"me": "I", "i": "I", "him": "he", "her": "she", "us": "we", "them": "they"}
_PRONOUNS = {"I", "you", "he", "she", "it", "we", "they"}
_DETERMINERS = {
    "the": "the", "a": "a", "an": "a", "every": "every", "each": "each", "no": "no",
    "some": "some", "any": "any", "all": "all", "both": "both", "another": "another",
    "this": "this", "these": "these", "that": "that", "those": "those",
}  # fmt: skip
_OWNERS = {"my", "your", "our"}
"""Those of the third person are left out: whom they mean changes with the order of phrases."""
_DEFINITE = {"the", "this", "these", "that", "those", *_OWNERS}


def is_definite(filler: Filler) -> bool:
    """Say whether a filler has no scope of its own, so that it may move without a change.

    Parameters
    ----------
    filler : Filler

    Returns
    -------
    bool
    """
    if isinstance(filler.head, RoleFrame):
        return True
    inner = [what for _, what in filler.modifiers if isinstance(what, Filler)]
    named = filler.head in _PRONOUNS or filler.determiner == "name"
    return (named or filler.determiner in _DEFINITE) and all(is_definite(f) for f in inner)


def read_noun(noun: Token, seen: set[int], leave: Token | None = None) -> Filler:
    """Read a noun phrase, and mark its tokens as seen.

    Parameters
    ----------
    noun : Token
        Its head.
    seen : set of int
        Indices of tokens accounted for; grows.
    leave : Token, optional
        A child to leave out: the clause a cleft hangs on its noun.

    Returns
    -------
    Filler

    Raises
    ------
    NotAnalysedError
        If there is no rule for a part of it.
    """
    if noun.tag_ not in _NUMBER or noun.is_punct:
        raise NotAnalysedError
    determiners: list[str] = []
    words: list[str] = []
    modifiers: list[tuple[str, str | Filler | RoleFrame]] = []
    for child in noun.children:
        if leave is not None and child.i == leave.i:
            continue
        if child.is_punct and child.i == len(noun.doc) - 1:
            continue
        if child.dep_ == "prep":
            modifiers.append(_read_phrase(child, seen))
        elif child.dep_ == "relcl":
            modifiers.append(("relative", _read_relative(child, seen)))
        else:
            _read_word(child, determiners, words)
            seen.add(child.i)
    seen.add(noun.i)
    if noun.tag_ == "PRP":
        head = _CASE.get(noun.lower_, noun.lower_)
        if head not in _PRONOUNS or determiners or words or modifiers:
            raise NotAnalysedError
        return Filler(head)
    if words:
        modifiers.append(("words", " ".join(words)))
    if noun.tag_ in {"NNP", "NNPS"} and not determiners:
        determiners = ["name"]
    head = noun.text if noun.tag_ == "NNP" else noun.lemma_
    return Filler(head, _NUMBER[noun.tag_], " ".join(determiners), "", tuple(modifiers))


def _read_word(child: Token, determiners: list[str], words: list[str]) -> None:
    """Sort a single word before a noun into determiners and others; the others keep their order."""
    if list(child.children) or child.i > child.head.i:
        raise NotAnalysedError
    if child.dep_ in {"det", "predet"} and child.lower_ in _DETERMINERS:
        determiners.append(_DETERMINERS[child.lower_])
    elif (child.dep_ == "poss" and child.lower_ in _OWNERS) or (
        child.dep_ == "nummod" and child.tag_ == "CD"
    ):
        determiners.append(child.lower_)
    elif child.dep_ == "amod" and child.tag_ in {"JJ", "JJR", "JJS"}:
        words.append(child.lower_ if child.i == 0 else child.text)
    elif child.dep_ == "compound" and child.tag_ in _NUMBER:
        words.append(child.text if child.tag_ == "NNP" else child.lower_)
    else:
        raise NotAnalysedError


def _read_phrase(preposition: Token, seen: set[int]) -> tuple[str, Filler]:
    objects = list(preposition.children)
    if len(objects) != 1 or objects[0].dep_ != "pobj" or objects[0].i < preposition.i:
        raise NotAnalysedError
    seen.add(preposition.i)
    marker = preposition.lower_
    return marker, with_marker(read_noun(objects[0], seen), marker)


def _read_relative(clause: Token, seen: set[int]) -> RoleFrame:
    # A clause holds nouns and a noun may hold a clause: the one place where the two meet.
    from lutloom.language.roles.english_clause import Gap, read_clause

    pronouns = [t for t in clause.lefts if t.lower_ in {"that", "who", "whom", "which"}]
    head = clause.head
    gap = Filler("gap", _NUMBER.get(head.tag_, ""), "the")
    if not pronouns:
        return read_clause(clause, seen, Gap(head, gap, "object"))
    pronoun = pronouns[0]
    if len(pronouns) > 1 or list(pronoun.children) or pronoun.i != clause.left_edge.i:
        raise NotAnalysedError
    if pronoun.dep_ not in {"nsubj", "nsubjpass", "dobj"}:
        raise NotAnalysedError
    seen.add(pronoun.i)
    place = "object" if pronoun.dep_ == "dobj" else "subject"
    return read_clause(clause, seen, Gap(head, gap, place, pronoun))
