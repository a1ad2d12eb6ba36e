"""Phrases of Japanese: a noun with what stands before it, and the particle after it."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Token

from lutloom.language.roles.beings import is_japanese
from lutloom.language.roles.extractor import NotAnalysedError
from lutloom.language.roles.frame import Filler

_PARTICLES = {"が", "を", "に", "で", "へ", "は"}
_DEMONSTRATIVES = {"この", "その", "あの"}
_QUANTIFIERS = {"すべて", "全て", "全部", "多く"}
_TIMES = {"今日", "昨日", "明日", "今"}
_PLURALS = {"たち", "達"}
_NOUNS = ("名詞-普通名詞-一般", "名詞-固有名詞", "代名詞")
TOPIC = "は"
BY = "によって"
TIME = "time"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Hold a noun and its particle.

    Parameters
    ----------
    filler : Filler
        Without a marker.
    particle : str
        Or ``"time"`` for an adverb of time, which has none.
    at : int
        Index of its first token.
    dependency : str
        What the parser made of its noun.
    quantified : bool
    being : bool
        Whether the noun acts for certain, and is no instrument, place or time.
    """

    filler: Filler
    particle: str
    at: int
    dependency: str
    quantified: bool
    being: bool = False


def read_phrases(tokens: list[Token]) -> list[Phrase]:
    """Read tokens as phrases, one after the other, to the last.

    Parameters
    ----------
    tokens : list of Token

    Returns
    -------
    list of Phrase

    Raises
    ------
    NotAnalysedError
        If a token does not fit.
    """
    phrases, at = [], 0
    while at < len(tokens):
        if tokens[at].text in _TIMES:
            filler = Filler(tokens[at].text)
            phrases.append(Phrase(filler, TIME, tokens[at].i, "", quantified=False))
            at += 1
            continue
        start = at
        filler, noun, at, quantified = read_noun(tokens, at)
        particle, at = _read_particle(tokens, at)
        phrases.append(
            Phrase(
                filler, particle, tokens[start].i, _dependency(noun), quantified,
                is_being(filler, noun),
            )
        )  # fmt: skip
    return phrases


def is_being(filler: Filler, noun: Token) -> bool:
    """Say whether a noun is a being for certain: by meaning, by its plural, or as one's name.

    Parameters
    ----------
    filler : Filler
    noun : Token
        What it was read from.

    Returns
    -------
    bool
    """
    named = str(noun.tag_).startswith("名詞-固有名詞-人名")
    return named or filler.number == "plural" or is_japanese(str(filler.head))


def read_noun(tokens: list[Token], at: int) -> tuple[Filler, Token, int, bool]:
    """Read a noun with all that stands before it.

    Parameters
    ----------
    tokens : list of Token
    at : int
        Where it begins.

    Returns
    -------
    Filler, Token, int, bool
        The filler; its noun; where the next phrase begins; whether a quantifier or numeral counts
        it.

    Raises
    ------
    NotAnalysedError
        If there is none.
    """
    determiner, quantified, at = _read_determiner(tokens, at)
    words = ""
    while True:
        while _tag(tokens, at).startswith("形容詞-一般") and _adnominal(tokens[at]):
            words += tokens[at].text
            at += 1
        head = ""
        while _tag(tokens, at).startswith(_NOUNS):
            head += tokens[at].text
            at += 1
        if not head:
            raise NotAnalysedError
        noun = tokens[at - 1]
        if _text(tokens, at) != "の" or not _tag(tokens, at).startswith("助詞-格助詞"):
            break
        words += head + "の"
        at += 1
    number = ""
    if _text(tokens, at) in _PLURALS and _tag(tokens, at).startswith("接尾辞"):
        number, noun, at = "plural", tokens[at], at + 1
    modifiers: tuple[tuple[str, str], ...] = (("words", words),) if words else ()
    return Filler(head, number, determiner, "", modifiers), noun, at, quantified


def _read_determiner(tokens: list[Token], at: int) -> tuple[str, bool, int]:
    text = _text(tokens, at)
    if text in _DEMONSTRATIVES:
        return text, False, at + 1
    if text in _QUANTIFIERS and _text(tokens, at + 1) == "の":
        return text, True, at + 2
    numeral = ""
    while _tag(tokens, at) == "名詞-数詞":
        numeral += tokens[at].text
        at += 1
    if not numeral:
        return "", False, at
    counter = _tag(tokens, at).startswith("接尾辞-名詞的") or "助数詞" in _tag(tokens, at)
    if not counter or _text(tokens, at + 1) != "の":
        raise NotAnalysedError
    return numeral + tokens[at].text, True, at + 2


def _read_particle(tokens: list[Token], at: int) -> tuple[str, int]:
    if [_text(tokens, at + k) for k in range(3)] == ["に", "よっ", "て"]:
        return BY, at + 3
    particle = _text(tokens, at)
    if particle not in _PARTICLES or not _tag(tokens, at).startswith("助詞"):
        raise NotAnalysedError
    return particle, at + 1


def _adnominal(token: Token) -> bool:
    return any("連体形" in i or "終止形" in i for i in token.morph.get("Inflection", []))


def _dependency(noun: Token) -> str:
    return str(noun.dep_).removesuffix("_bunsetu")


def _tag(tokens: list[Token], at: int) -> str:
    return str(tokens[at].tag_) if at < len(tokens) else ""


def _text(tokens: list[Token], at: int) -> str:
    return str(tokens[at].text) if at < len(tokens) else ""
