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

from collections.abc import Sequence

import spacy
from spacy.tokens import Doc, Token

from lutloom.language.roles.extractor import NotAnalysedError
from lutloom.language.roles.frame import Filler, Role, RoleFrame, with_marker
from lutloom.language.roles.japanese_phrase import (
    BY,
    TIME,
    TOPIC,
    Phrase,
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

_FINAL = {"。", "\uff01", "."}
_MARKED = {"で": Role.PLACE, "へ": Role.OBLIQUE, TIME: Role.TIME}
_NOT_AGENTS = {
    "公園", "家", "学校", "店", "町", "村", "庭", "部屋", "海", "山", "川", "駅", "森", "道",
    "教室", "図書館", "台所", "朝", "昼", "夜", "夕方", "春", "夏", "秋", "冬", "時", "日", "理由",
    "ため", "ここ", "そこ", "あそこ",
}  # fmt: skip
"""A cleft may bring out when, where or why, and Japanese may leave out who: not read as agents."""


class JapaneseRoles:
    """Read frames with GiNZA.

    Raises
    ------
    OSError
        If the model is not installed.
    """

    def __init__(self) -> None:
        self._pipeline = spacy.load("ja_ginza", exclude=["ner"])
        self._without = [name for name in self._pipeline.pipe_names if name != "compound_splitter"]

    def frames(self, sentences: Sequence[str]) -> list[RoleFrame | None]:
        """Give each sentence's frame.

        Parameters
        ----------
        sentences : sequence of str

        Returns
        -------
        list of RoleFrame or None
        """
        texts = ("".join(sentence.split()) for sentence in sentences)
        return [read_sentence(document) for document in self._pipeline.pipe(texts)]

    def lemmas(self, sentences: Sequence[str]) -> list[tuple[str, ...]]:
        """Give each sentence's lemmas, punctuation left out.

        Parameters
        ----------
        sentences : sequence of str

        Returns
        -------
        list of tuple of str
        """
        return [
            tuple(t.lemma_ for t in document if not (t.is_punct or t.is_space))
            for document in self._pipeline.pipe(sentences, disable=self._without)
        ]


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
    if "を" in particles and "が" not in particles and filler.head not in _NOT_AGENTS:
        missing = "が"
    elif "が" in particles and "を" not in particles and verb.lemma in TRANSITIVE:
        missing = "を"
        if filler.head in _NOT_AGENTS:
            raise NotAnalysedError
    else:
        raise NotAnalysedError
    return _clause([*phrases, Phrase(filler, missing, noun.i, "", quantified=False)], verb)


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
        roles += _passive_roles(fillers, verb)
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
        if "が" not in by and subject_is_certain:
            by["が"] = topic
        elif "が" in by and "を" not in by and verb.lemma in TRANSITIVE and not verb.passive:
            if verb.causative or topic.dependency == "nsubj" or topic.filler.head in _NOT_AGENTS:
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


def _passive_roles(fillers: dict[str, Filler], verb: Verb) -> list[tuple[Role, Filler]]:
    """Read a passive that says who acts; れる without it may be polite, or say "can"."""
    if "を" in fillers:
        raise NotAnalysedError
    roles = [(Role.PATIENT, fillers["が"])]
    if BY in fillers:
        roles.append((Role.AGENT, fillers[BY]))
        if "に" in fillers:
            if verb.lemma not in GIVING:
                raise NotAnalysedError
            roles.append((Role.RECIPIENT, fillers["に"]))
    elif "に" in fillers and verb.lemma in STRIKING:
        roles.append((Role.AGENT, fillers["に"]))
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
