"""The Japanese half of the grammar: verbs by their stems, phrases in every order."""

from __future__ import annotations

from itertools import permutations

from lutloom.language.roles.meaning import Lexicon, Meaning, NounPhrase

DEVELOPMENT = Lexicon(
    beings=("猫", "犬", "少年", "少女", "先生", "医者", "鳥", "馬", "農夫", "王"),
    things=("本", "手紙", "りんご", "鍵"),
    places=("庭", "家", "公園"),
    transitive=("追う", "見る", "助ける", "噛む"),
    giving=("渡す", "送る", "見せる"),
)
HELD_OUT = Lexicon(
    beings=("狼", "狐", "女", "男", "子供", "看護師", "兵士", "女王", "熊", "猿"),
    things=("指輪", "硬貨", "籠", "地図"),
    places=("台所", "森", "村"),
    transitive=("襲う", "探す", "守る", "呼ぶ", "訪ねる"),
    giving=("贈る", "貸す", "届ける"),
)

_VERBS = {  # before ない, ます, past, before れる or られる, before せる or させる
    "追う": ("追わ", "追い", "追った", "追われ", "追わせ"),
    "見る": ("見", "見", "見た", "見られ", "見させ"),
    "助ける": ("助け", "助け", "助けた", "助けられ", "助けさせ"),
    "噛む": ("噛ま", "噛み", "噛んだ", "噛まれ", "噛ませ"),
    "渡す": ("渡さ", "渡し", "渡した", "渡され", "渡させ"),
    "送る": ("送ら", "送り", "送った", "送られ", "送らせ"),
    "見せる": ("見せ", "見せ", "見せた", "見せられ", "見せさせ"),
    "襲う": ("襲わ", "襲い", "襲った", "襲われ", "襲わせ"),
    "探す": ("探さ", "探し", "探した", "探され", "探させ"),
    "守る": ("守ら", "守り", "守った", "守られ", "守らせ"),
    "呼ぶ": ("呼ば", "呼び", "呼んだ", "呼ばれ", "呼ばせ"),
    "訪ねる": ("訪ね", "訪ね", "訪ねた", "訪ねられ", "訪ねさせ"),
    "贈る": ("贈ら", "贈り", "贈った", "贈られ", "贈らせ"),
    "貸す": ("貸さ", "貸し", "貸した", "貸され", "貸させ"),
    "届ける": ("届け", "届け", "届けた", "届けられ", "届けさせ"),
}
_ANIMALS = {"猫", "犬", "狼", "狐", "熊", "猿"}
_COUNTERS = {"鳥": "羽", "馬": "頭", "本": "冊", "手紙": "通"}
_THINGS = {"りんご", "鍵", "指輪", "硬貨", "籠", "地図"}


def forms(meaning: Meaning) -> list[tuple[str, str]]:
    """Give every form of a meaning.

    Parameters
    ----------
    meaning : Meaning

    Returns
    -------
    list of (str, str)
        The form's name, and a sentence; all true in the same cases.
    """
    if meaning.speaker:
        return _said(meaning)
    phrases = _phrases(meaning)
    quantified = meaning.quantified
    fixed = quantified > 1 or (quantified == 1 and (meaning.negated or bool(meaning.modality)))
    verb = _causative(meaning) if meaning.causer else _plain(meaning)
    active = [("active", "".join(phrases.values()) + verb)]
    if meaning.order:
        passive = [("passive", _passive(meaning, "に"))]
        return _ended(active if meaning.order == "active" else passive)
    written = active
    if not fixed:
        written = [
            ("active" if k == 0 else "scrambled", "".join(order) + verb)
            for k, order in enumerate(permutations(phrases.values()))
        ]
    if not meaning.modality and not meaning.causer:
        written.append(("polite", "".join(phrases.values()) + _polite(meaning)))
    if not quantified:
        topic = {**phrases, "が": phrases["が"].removesuffix("が") + "は"}
        written.append(("topic", "".join(topic.values()) + verb))
    if meaning.causer or fixed:
        return _ended(written)
    written += _moved(meaning, verb, quantified)
    return _ended(written)


def _moved(meaning: Meaning, verb: str, quantified: int) -> list[tuple[str, str]]:
    agent, patient = _noun(meaning.agent), _noun(meaning.patient)
    place = f"{meaning.place}で" if meaning.place else ""
    written = [("passive_by", _passive(meaning, "によって"))]
    if meaning.recipient is None:
        written.append(("passive", _passive(meaning, "に")))
    if quantified:
        return written
    recipient = f"{_noun(meaning.recipient)}に" if meaning.recipient is not None else ""
    if meaning.recipient is None:
        written.append(("topic_object", f"{patient}は{place}{agent}が{verb}"))
    if not meaning.modality:
        written.append(("subject_cleft", f"{place}{recipient}{patient}を{verb}のは{agent}だ"))
        written.append(("object_cleft", f"{agent}が{place}{recipient}{verb}のは{patient}だ"))
    return written


def _said(meaning: Meaning) -> list[tuple[str, str]]:
    clause = "".join(_phrases(meaning).values()) + _plain(meaning) + "と"
    return _ended(
        [
            ("said_topic", f"{meaning.speaker}は{clause}言った"),
            ("said_subject", f"{meaning.speaker}が{clause}言った"),
            ("said_last", f"{clause}{meaning.speaker}が言った"),
        ]
    )


def _phrases(meaning: Meaning) -> dict[str, str]:
    """Give the phrases of the active, by particle."""
    place = {"で": f"{meaning.place}で"} if meaning.place else {}
    agent, patient = _noun(meaning.agent), _noun(meaning.patient)
    if meaning.causer:
        return {"が": f"{meaning.causer}が", "に": f"{agent}に", "を": f"{patient}を"}
    recipient = {"に": f"{_noun(meaning.recipient)}に"} if meaning.recipient is not None else {}
    return {"が": f"{agent}が", **place, **recipient, "を": f"{patient}を"}


def _passive(meaning: Meaning, by: str) -> str:
    place = f"{meaning.place}で" if meaning.place else ""
    recipient = f"{_noun(meaning.recipient)}に" if meaning.recipient is not None else ""
    stem = _VERBS[meaning.predicate][3]
    verb = _inflected(meaning, stem + "る", stem, stem + "た")
    return f"{_noun(meaning.patient)}が{place}{_noun(meaning.agent)}{by}{recipient}{verb}"


def _plain(meaning: Meaning) -> str:
    negative, _, past, _, _ = _VERBS[meaning.predicate]
    return _inflected(meaning, meaning.predicate, negative, past)


def _causative(meaning: Meaning) -> str:
    stem = _VERBS[meaning.predicate][4]
    return _inflected(meaning, stem + "る", stem, stem + "た")


def _polite(meaning: Meaning) -> str:
    stem = _VERBS[meaning.predicate][1]
    if meaning.negated:
        return stem + ("ませんでした" if meaning.tense == "past" else "ません")
    return stem + ("ました" if meaning.tense == "past" else "ます")


def _inflected(meaning: Meaning, present: str, negative: str, past: str) -> str:
    if meaning.modality == "なければならない":
        return negative + meaning.modality
    if meaning.negated:
        verb = negative + ("なかった" if meaning.tense == "past" else "ない")
    else:
        verb = past if meaning.tense == "past" else present
    return verb + meaning.modality


def _noun(phrase: NounPhrase) -> str:
    noun = phrase.noun + ("たち" if phrase.number == "plural" else "")
    if phrase.determiner == "二":
        return f"二{_counter(phrase.noun)}の{noun}"
    return f"すべての{noun}" if phrase.determiner == "すべて" else phrase.determiner + noun


def _counter(noun: str) -> str:
    if noun in _ANIMALS:
        return "匹"
    return _COUNTERS.get(noun, "個" if noun in _THINGS else "人")


def _ended(written: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(form, text + "。") for form, text in written]
