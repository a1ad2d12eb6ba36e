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
_BEFORE = {"amod": {"JJ", "JJR", "JJS"}, "compound": set(_NUMBER)}
_OWNERS = {"my", "your", "our"}
"""Those of the third person are left out: whom they mean changes with the order of phrases."""
_DEFINITE = {"the", "this", "these", "that", "those", *_OWNERS}
_SAME_IN_PLURAL = {
    "aircraft", "bison", "cattle", "deer", "fish", "folk", "moose", "offspring", "people", "police",
    "salmon", "series", "sheep", "spacecraft", "species", "swine", "trout",
}  # fmt: skip
_OTHER_WITH_CAPITAL = {
    "amber", "art", "august", "basil", "champagne", "chile", "china", "cologne", "coral", "cork",
    "dawn", "earth", "faith", "ginger", "grace", "hope", "ivy", "jade", "java", "jersey", "joy",
    "lent", "march", "may", "mercury", "moor", "nice", "pepper", "pole", "polish", "reading",
    "rosemary", "sage", "swede", "turkey",
}  # fmt: skip
"""Nouns that may stand alone and are names as well, which the first word of a sentence hides."""


def is_singular(noun: Token) -> bool:
    """Say whether a noun or pronoun is of the third person singular for certain.

    Parameters
    ----------
    noun : Token

    Returns
    -------
    bool
    """
    if noun.tag_ == "PRP":
        return noun.lower_ in {"he", "she", "it"}
    return noun.tag_ in {"NN", "NNP"} and noun.lower_ not in _SAME_IN_PLURAL


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
    return Filler(_head(noun), _NUMBER[noun.tag_], " ".join(determiners), "", tuple(modifiers))


def _head(noun: Token) -> str:
    """Give a noun's lemma, or the word itself where its capital tells it from another."""
    capital = noun.text[0].isupper()
    if capital and noun.i == 0 and {noun.lower_, noun.lemma_.casefold()} & _OTHER_WITH_CAPITAL:
        raise NotAnalysedError
    written = noun.tag_ == "NNP" or (capital and noun.i > 0)
    return str(noun.text if written else noun.lemma_)


def _hides_its_case(child: Token) -> bool:
    """Say whether a word begins the sentence and might have a capital there only."""
    named = child.tag_ == child.head.tag_ == "NNP"
    return child.i == 0 and bool(child.text[0].isupper()) and not named


def _read_word(child: Token, determiners: list[str], words: list[str]) -> None:
    """Sort a single word before a noun into determiners and others; the others keep their order."""
    if list(child.children) or child.i > child.head.i:
        raise NotAnalysedError
    if child.dep_ in _BEFORE and _hides_its_case(child):
        raise NotAnalysedError
    if child.dep_ in {"det", "predet"} and child.lower_ in _DETERMINERS:
        determiners.append(_DETERMINERS[child.lower_])
    elif (child.dep_ == "poss" and child.lower_ in _OWNERS) or (
        child.dep_ == "nummod" and child.tag_ == "CD"
    ):
        determiners.append(child.lower_)
    elif child.tag_ in _BEFORE.get(child.dep_, ()):
        words.append(child.text)
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
