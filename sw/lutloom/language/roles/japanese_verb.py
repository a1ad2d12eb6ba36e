"""Predicates of Japanese: a verb and what is agglutinated to it, read in its order."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Token

from lutloom.language.roles.extractor import NotAnalysedError

_OBLIGATION = ["なけれ", "ば", "なら", "ない"]
_POSSIBILITY = [["か", "も", "しれ", "ない"], ["か", "も", "しれ", "ませ", "ん"]]
_ABILITY = [["こと", "が", "できる"], ["こと", "が", "でき", "ます"]]

GIVING = {
    "渡す", "送る", "与える", "教える", "見せる", "贈る", "届ける", "貸す", "返す", "売る",
    "伝える", "あげる", "投げる",
}  # fmt: skip
"""Verbs whose に marks who receives."""
STRIKING = {
    "食べる", "追う", "見る", "助ける", "押す", "叩く", "噛む", "探す", "愛する", "憎む", "嫌う",
    "褒める", "叱る", "殴る", "蹴る", "殺す", "捕まえる", "襲う", "倒す", "守る", "救う", "手伝う",
    "起こす", "抱く", "撫でる", "追いかける", "見つける", "飼う", "壊す", "洗う", "待つ",
}  # fmt: skip
"""Verbs of two places only: に beside their passive or causative can but mark who acts."""
TRANSITIVE = GIVING | STRIKING | {"読む", "書く", "作る", "飲む", "使う", "買う", "描く", "運ぶ"}
SAYING = {"言う", "思う", "考える", "信じる", "述べる", "答える"}


@dataclass(frozen=True, slots=True)
class Verb:
    """Hold what a predicate says; politeness is left out.

    Parameters
    ----------
    lemma : str
    passive, causative, negated : bool
    tense, aspect, modality : str
        As in a RoleFrame.
    """

    lemma: str
    passive: bool
    causative: bool
    negated: bool
    tense: str
    aspect: str
    modality: str


def read_verb(tokens: list[Token]) -> Verb:
    """Read a verb and every token after it.

    Parameters
    ----------
    tokens : list of Token
        The verb first.

    Returns
    -------
    Verb

    Raises
    ------
    NotAnalysedError
        If a token does not fit in its place.
    """
    if not tokens or not tokens[0].tag_.startswith("動詞"):
        raise NotAnalysedError
    rest = _Rest(tokens[1:])
    causative = rest.take_lemma("せる", "させる")
    passive = rest.take_lemma("れる", "られる")
    progressive = rest.take_texts(["て", "いる"], ["で", "いる"], ["て", "い"], ["で", "い"])
    polite = rest.take_lemma("ます")
    modality = "なければならない" if rest.take_texts(_OBLIGATION) else ""
    negated = rest.take_text("ん") if polite else rest.take_negation()
    if negated and (rest.peek() == "です" or (polite and rest.peek() == "でし")):
        rest.take_lemma("です")
    past = rest.take_tag_lemma("助動詞", "た", "だ", form="タ")
    modality = modality or rest.take_modality()
    if rest.tokens or (passive and causative) or not _asserts(tokens[-1]):
        raise NotAnalysedError
    return Verb(
        tokens[0].lemma_,
        passive,
        causative,
        negated,
        "past" if past else "present",
        "progressive" if progressive else "",
        modality,
    )


def read_copula(tokens: list[Token]) -> bool:
    """Read だ, です or である, or its past, and nothing more.

    Parameters
    ----------
    tokens : list of Token

    Returns
    -------
    bool
        Whether it is past.

    Raises
    ------
    NotAnalysedError
        If it is something else.
    """
    text = "".join(token.text for token in tokens)
    if text in {"だ", "です", "である"}:
        return False
    if text in {"だった", "でした", "であった"}:
        return True
    raise NotAnalysedError


def _asserts(last: Token) -> bool:
    """Say whether a form can end an assertion or stand before a noun: no order, no wish."""
    forms = "".join(last.morph.get("Inflection", []))
    return any(form in forms for form in ("終止形", "連体形")) or last.text == "だろう"


class _Rest:
    """Walk through the tokens that are left, taking what fits."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens

    def peek(self) -> str:
        return str(self.tokens[0].text) if self.tokens else ""

    def take_text(self, text: str) -> bool:
        return self.take_texts([text])

    def take_texts(self, *runs: list[str]) -> bool:
        for run in runs:
            if [t.text for t in self.tokens[: len(run)]] == run:
                self.tokens = self.tokens[len(run) :]
                return True
        return False

    def take_lemma(self, *lemmas: str) -> bool:
        return self.take_tag_lemma("助動詞", *lemmas)

    def take_tag_lemma(self, tag: str, *lemmas: str, form: str = "") -> bool:
        if not self.tokens:
            return False
        token = self.tokens[0]
        inflection = "".join(token.morph.get("Inflection", []))
        if token.tag_.startswith(tag) and token.lemma_ in lemmas and form in inflection:
            self.tokens = self.tokens[1:]
            return True
        return False

    def take_negation(self) -> bool:
        return self.peek() in {"ない", "なかっ"} and self.take_lemma("ない")

    def take_modality(self) -> str:
        if self.take_texts(["だろう"], ["でしょう"]):
            return "だろう"
        if self.take_texts(*_POSSIBILITY):
            return "かもしれない"
        if self.take_texts(*_ABILITY):
            return "ことができる"
        return "らしい" if self.take_texts(["らしい"], ["らしい", "です"]) else ""
