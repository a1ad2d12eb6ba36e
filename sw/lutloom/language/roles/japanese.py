"""Role frames of Japanese sentences, from GiNZA's morphemes, their particles and its parse.

A sentence is read as phrases with one particle each, in any order, and a predicate; whatever does
not fit makes the answer None.  Read are が, を, に, で and へ, a topic with は, passives with a に
or によって that can only mean who acts, causatives, clefts (…のは…だ), and what is said with と.
Japanese marks neither article nor, mostly, number: these stay empty in its frames.

Example
-------
>>> roles = JapaneseRoles()                                          # doctest: +SKIP
>>> active, scrambled = roles.frames(["猫が魚を食べる。", "魚を猫が食べる。"])  # doctest: +SKIP
>>> active == scrambled                                              # doctest: +SKIP
True
"""

from __future__ import annotations

import spacy
from spacy.tokens import Doc, Token

from lutloom.language.roles.extractor import NotAnalysedError
from lutloom.language.roles.frame import Filler, Role, RoleFrame, with_marker
from lutloom.language.roles.japanese_phrase import (
    BY,
    TIME,
    TOPIC,
    Phrase,
    is_being,
    read_noun,
    read_phrases,
)
from lutloom.language.roles.japanese_verb import (
    GIVING,
    SAYING,
    STRIKING,
    TRANSITIVE,
    Verb,
    read_copula,
    read_verb,
)
from lutloom.language.roles.pipeline import PipelineRoles

_FINAL = {"。", "\uff01", "."}
_MARKED = {"で": Role.PLACE, "へ": Role.OBLIQUE, TIME: Role.TIME}
_NOT_AGENTS = {
    "公園", "家", "学校", "店", "町", "村", "庭", "部屋", "海", "山", "川", "駅", "森", "道",
    "教室", "図書館", "台所", "朝", "昼", "夜", "夕方", "春", "夏", "秋", "冬", "時", "日", "理由",
    "ため", "ここ", "そこ", "あそこ",
}  # fmt: skip
"""A topic may say when, where or why, and Japanese may leave out who: not read as what acts."""
_MEANS = {
    "箸", "刀", "剣", "ナイフ", "包丁", "鋏", "はさみ", "棒", "石", "弓", "矢", "銃", "槍", "斧",
    "網", "罠", "紐", "縄", "鞭", "毒", "火", "水", "薬", "手", "足", "口", "歯", "牙", "爪", "指",
    "目", "耳", "車", "船", "舟", "馬車", "電車", "汽車", "バス", "飛行機", "自転車", "電話",
    "郵便", "メール", "フォーク", "スプーン", "匙", "皿", "椀", "鍋", "籠", "袋", "箱", "ペン",
    "鉛筆", "筆", "望遠鏡", "眼鏡", "鏡", "金槌", "鋸", "釘", "鍵", "言葉", "声", "英語", "日本語",
}  # fmt: skip
"""What a cleft or topic may bring out as that with which something is done."""


class JapaneseRoles(PipelineRoles):
    """Read frames with GiNZA.

    Raises
    ------
    OSError
        If the model is not installed.
    """

    def __init__(self) -> None:
        pipeline = spacy.load("ja_ginza", exclude=["ner"])
        without = [name for name in pipeline.pipe_names if name != "compound_splitter"]
        super().__init__(pipeline, between_words="", not_for_lemmas=without)

    def read(self, document: Doc) -> RoleFrame | None:
        """Read one parsed sentence; see :func:`read_sentence`."""
        return read_sentence(document)

    def lemma(self, token: Token) -> str:
        """Give a token's lemma."""
        return token.lemma_


def read_sentence(document: Doc) -> RoleFrame | None:
    """Read one parsed sentence.

    Parameters
    ----------
    document : Doc

    Returns
    -------
    RoleFrame or None
        None where any token does not fit.
    """
    tokens = list(document)
    if tokens and tokens[-1].text in _FINAL:
        tokens = tokens[:-1]
    try:
        return _read(tokens)
    except NotAnalysedError:
        return None


def _read(tokens: list[Token]) -> RoleFrame:
    verbs = [k for k, token in enumerate(tokens) if _begins_predicate(tokens, k)]
    if not verbs:
        raise NotAnalysedError
    first, last = verbs[0], verbs[-1]
    nominal = [k for k in range(len(tokens) - 1) if _is_cleft(tokens, k)]
    if len(verbs) == 1 and len(nominal) == 1 and nominal[0] > first:
        return _read_cleft(tokens, first, nominal[0])
    said = [k for k in range(first, last) if tokens[k].text == "と"]
    if len(verbs) == 2 and len(said) == 1 and tokens[last].lemma_ in SAYING:
        return _read_said(tokens, first, said[0], last)
    if len(verbs) != 1:
        raise NotAnalysedError
    return _clause(read_phrases(tokens[:first]), read_verb(tokens[first:]))


def _begins_predicate(tokens: list[Token], k: int) -> bool:
    """Say whether a verb stands for itself, not as part of a fixed run such as によって."""
    token = tokens[k]
    helps = token.dep_.removesuffix("_bunsetu") in {"fixed", "aux"}
    return token.tag_.startswith("動詞") and not helps


def _is_cleft(tokens: list[Token], k: int) -> bool:
    return tokens[k].tag_ == "助詞-準体助詞" and tokens[k + 1].text == TOPIC


def _read_cleft(tokens: list[Token], verb_at: int, nominal: int) -> RoleFrame:
    phrases = read_phrases(tokens[:verb_at])
    verb = read_verb(tokens[verb_at:nominal])
    filler, noun, after, quantified = read_noun(tokens, nominal + 2)
    past = read_copula(tokens[after:])
    particles = [phrase.particle for phrase in phrases]
    if quantified or verb.passive or verb.causative or TOPIC in particles:
        raise NotAnalysedError
    if past and verb.tense != "past":
        raise NotAnalysedError
    being = is_being(filler, noun)
    if "を" in particles and "が" not in particles and being:
        missing = "が"
    elif "が" in particles and "を" not in particles and _is_object(filler, being, particles, verb):
        missing = "を"
    else:
        raise NotAnalysedError
    return _clause([*phrases, Phrase(filler, missing, noun.i, "", quantified=False)], verb)


def _is_object(filler: Filler, being: bool, particles: list[str], verb: Verb) -> bool:
    """Say whether what is brought out is what the verb acts on, and not when, where or how.

    Nobody is acted with; a thing is given where somebody receives it.
    """
    if being:
        return verb.lemma in TRANSITIVE
    given = verb.lemma in GIVING and "に" in particles
    return given and filler.head not in _NOT_AGENTS | _MEANS


def _read_said(tokens: list[Token], first: int, said: int, last: int) -> RoleFrame:
    """Part the phrases between what is said and who says it, where only one way is possible."""
    before, after = read_phrases(tokens[:first]), read_phrases(tokens[said + 1 : last])
    inner_verb, outer_verb = read_verb(tokens[first:said]), read_verb(tokens[last:])
    subjects = {"が", TOPIC}
    if any(phrase.particle in subjects for phrase in after):
        inner, outer = before, after
    else:
        inner, outer = before[1:], [*before[:1], *after]
        if not before or before[0].particle not in subjects:
            raise NotAnalysedError
        if not inner or inner[0].particle != "が":
            raise NotAnalysedError
    if any(p.particle not in {"が", "を", "で"} for p in inner):
        raise NotAnalysedError
    if sum(p.particle == "が" for p in inner) != 1 or outer_verb.passive or outer_verb.causative:
        raise NotAnalysedError
    clause = _clause(inner, inner_verb)
    return _clause(outer, outer_verb, Filler(clause))


def _clause(phrases: list[Phrase], verb: Verb, content: Filler | None = None) -> RoleFrame:
    by = _by_particle(phrases, verb, content)
    roles: list[tuple[Role, Filler]] = []
    if content is not None:
        roles.append((Role.CONTENT, content))
    for particle, role in _MARKED.items():
        if particle in by:
            roles.append((role, with_marker(by.pop(particle).filler, particle)))
    fillers = {particle: phrase.filler for particle, phrase in by.items()}
    if verb.causative:
        return _causative(fillers, roles, verb, _scope(phrases, verb))
    if verb.passive:
        roles += _passive_roles(by, verb)
    else:
        roles += _active_roles(fillers, verb)
    return RoleFrame(
        verb.lemma, tuple(roles), verb.negated, verb.tense, verb.aspect, verb.modality,
        _scope(phrases, verb),
    )  # fmt: skip


def _by_particle(phrases: list[Phrase], verb: Verb, content: Filler | None) -> dict[str, Phrase]:
    """Give the phrase of each particle, the topic under the particle it stands for."""
    by = {phrase.particle: phrase for phrase in phrases}
    if len(by) != len(phrases):
        raise NotAnalysedError
    topic = by.pop(TOPIC, None)
    if topic is not None:
        if topic.quantified:
            raise NotAnalysedError
        subject_is_certain = "を" in by or verb.passive or content is not None
        no_agent = topic.filler.head in _NOT_AGENTS | _MEANS
        if "が" not in by and subject_is_certain and (verb.passive or not no_agent):
            by["が"] = topic
        elif "が" in by and "を" not in by and verb.lemma in TRANSITIVE and not verb.passive:
            if verb.causative or topic.dependency == "nsubj" or no_agent:
                raise NotAnalysedError
            by["を"] = topic
        else:
            raise NotAnalysedError
    if "が" not in by:
        raise NotAnalysedError
    return by


def _active_roles(fillers: dict[str, Filler], verb: Verb) -> list[tuple[Role, Filler]]:
    if BY in fillers:
        raise NotAnalysedError
    roles = [(Role.AGENT, fillers["が"])]
    if "を" in fillers:
        roles.append((Role.PATIENT, fillers["を"]))
    if "に" in fillers:
        giving = verb.lemma in GIVING
        filler = fillers["に"] if giving else with_marker(fillers["に"], "に")
        roles.append((Role.RECIPIENT if giving else Role.OBLIQUE, filler))
    return roles


def _passive_roles(by: dict[str, Phrase], verb: Verb) -> list[tuple[Role, Filler]]:
    """Read a passive that says who acts; れる without it may be polite, or say "can".

    Only a being acts for certain: に and によって also say with what.
    """
    if "を" in by:
        raise NotAnalysedError
    roles = [(Role.PATIENT, by["が"].filler)]
    if BY in by and by[BY].being:
        roles.append((Role.AGENT, by[BY].filler))
        if "に" in by:
            if verb.lemma not in GIVING:
                raise NotAnalysedError
            roles.append((Role.RECIPIENT, by["に"].filler))
    elif BY not in by and "に" in by and by["に"].being and verb.lemma in STRIKING:
        roles.append((Role.AGENT, by["に"].filler))
    else:
        raise NotAnalysedError
    return roles


def _causative(
    fillers: dict[str, Filler],
    roles: list[tuple[Role, Filler]],
    verb: Verb,
    scope: tuple[str, ...],
) -> RoleFrame:
    if set(fillers) != {"が", "に", "を"} or verb.lemma not in STRIKING:
        raise NotAnalysedError
    inner = ((Role.AGENT, fillers["に"]), (Role.PATIENT, fillers["を"]))
    caused = Filler(RoleFrame(verb.lemma, inner, tense=""))
    roles = [*roles, (Role.AGENT, fillers["が"]), (Role.CONTENT, caused)]
    return RoleFrame(
        "させる", tuple(roles), verb.negated, verb.tense, verb.aspect, verb.modality, scope
    )


def _scope(phrases: list[Phrase], verb: Verb) -> tuple[str, ...]:
    """Order what takes scope; negation and modal stand at the end of every clause."""
    operators = [phrase.particle for phrase in phrases if phrase.quantified]
    operators += ["not"] * verb.negated + ["modal"] * bool(verb.modality)
    return tuple(operators) if len(operators) > 1 and any(p.quantified for p in phrases) else ()
