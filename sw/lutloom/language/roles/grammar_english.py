"""The English half of the grammar: inflection by tables, and every form a meaning can take."""

from __future__ import annotations

from dataclasses import replace

from lutloom.language.roles.meaning import Lexicon, Meaning, NounPhrase

DEVELOPMENT = Lexicon(
    beings=("cat", "dog", "boy", "girl", "teacher", "doctor", "farmer", "king", "bird", "horse"),
    things=("book", "letter", "apple", "key"),
    places=("garden", "house", "park"),
    transitive=("chase", "see", "bite", "help", "follow"),
    giving=("give", "send", "show"),
)
HELD_OUT = Lexicon(
    beings=(
        "wolf", "fox", "woman", "man", "child", "nurse", "soldier", "queen", "lion", "monkey",
    ),
    things=("ring", "coin", "basket", "map"),
    places=("kitchen", "forest", "village"),
    transitive=("attack", "hear", "watch", "catch", "love"),
    giving=("offer", "lend", "bring"),
)  # fmt: skip

_VERBS = {  # third person, past, participle
    "chase": ("chases", "chased", "chased"),
    "see": ("sees", "saw", "seen"),
    "bite": ("bites", "bit", "bitten"),
    "help": ("helps", "helped", "helped"),
    "follow": ("follows", "followed", "followed"),
    "give": ("gives", "gave", "given"),
    "send": ("sends", "sent", "sent"),
    "show": ("shows", "showed", "shown"),
    "attack": ("attacks", "attacked", "attacked"),
    "hear": ("hears", "heard", "heard"),
    "watch": ("watches", "watched", "watched"),
    "catch": ("catches", "caught", "caught"),
    "love": ("loves", "loved", "loved"),
    "offer": ("offers", "offered", "offered"),
    "lend": ("lends", "lent", "lent"),
    "bring": ("brings", "brought", "brought"),
}
_PLURALS = {
    "wolf": "wolves", "fox": "foxes", "woman": "women", "man": "men", "child": "children",
}  # fmt: skip


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
        inner = replace(meaning, speaker="")
        return [
            (f"said_{name}{'_that' if that else ''}", f"The {meaning.speaker} said {that}{clause}.")
            for name, clause in (("active", _active(inner)), ("passive", _passive(inner)))
            for that in ("that ", "")
        ]
    place = f" in the {meaning.place}" if meaning.place else ""
    written = [("active", _active(meaning) + place), ("passive", _passive(meaning) + place)]
    if meaning.order:
        return [(name, _sentence(text)) for name, text in written if name == meaning.order]
    operators = meaning.quantified + meaning.negated + bool(meaning.modality)
    moves = not meaning.quantified or operators == 1
    if not moves:
        written = written[:1]
    if meaning.place:
        written.append(("place_first", f"in the {meaning.place} {_active(meaning)}"))
    if meaning.recipient is not None and moves:
        written.append(("dative_shift", _active(meaning, shifted=True) + place))
        written.append(("recipient_passive", _recipient_passive(meaning) + place))
    if not meaning.quantified:
        written += _clefts(meaning, place)
    return [(name, _sentence(text)) for name, text in written]


def _clefts(meaning: Meaning, place: str) -> list[tuple[str, str]]:
    copula = "was" if meaning.tense == "past" and not meaning.modality else "is"
    agent, patient = _noun(meaning.agent), _noun(meaning.patient)
    verb = _verb(meaning, meaning.agent)
    to = f" to {_noun(meaning.recipient)}" if meaning.recipient is not None else ""
    return [
        ("subject_cleft", f"it {copula} {agent} that {verb} {patient}{to}{place}"),
        ("object_cleft", f"it {copula} {patient} that {agent} {verb}{to}{place}"),
        ("topicalised", f"{patient} {agent} {verb}{to}{place}"),
        ("wh_cleft", f"what {agent} {verb}{to}{place} {_be(copula, meaning.patient)} {patient}"),
    ]


def _active(meaning: Meaning, *, shifted: bool = False) -> str:
    start = f"{_noun(meaning.agent)} {_verb(meaning, meaning.agent)}"
    patient = _noun(meaning.patient)
    if meaning.recipient is None:
        return f"{start} {patient}"
    recipient = _noun(meaning.recipient)
    return f"{start} {recipient} {patient}" if shifted else f"{start} {patient} to {recipient}"


def _passive(meaning: Meaning) -> str:
    to = f" to {_noun(meaning.recipient)}" if meaning.recipient is not None else ""
    verb = _passive_verb(meaning, meaning.patient)
    return f"{_noun(meaning.patient)} {verb}{to} by {_noun(meaning.agent)}"


def _recipient_passive(meaning: Meaning) -> str:
    assert meaning.recipient is not None
    verb = _passive_verb(meaning, meaning.recipient)
    return f"{_noun(meaning.recipient)} {verb} {_noun(meaning.patient)} by {_noun(meaning.agent)}"


def _verb(meaning: Meaning, subject: NounPhrase) -> str:
    third, past, _ = _VERBS[meaning.predicate]
    plural = subject.number == "plural"
    if meaning.modality:
        return f"{meaning.modality}{' not' * meaning.negated} {meaning.predicate}"
    if meaning.negated:
        helper = "did" if meaning.tense == "past" else "do" if plural else "does"
        return f"{helper} not {meaning.predicate}"
    if meaning.tense == "past":
        return past
    return meaning.predicate if plural else third


def _passive_verb(meaning: Meaning, subject: NounPhrase) -> str:
    participle = _VERBS[meaning.predicate][2]
    negation = " not" * meaning.negated
    if meaning.modality:
        return f"{meaning.modality}{negation} be {participle}"
    return f"{_be('was' if meaning.tense == 'past' else 'is', subject)}{negation} {participle}"


def _be(singular: str, subject: NounPhrase) -> str:
    plural = {"is": "are", "was": "were"}[singular]
    return plural if subject.number == "plural" else singular


def _noun(phrase: NounPhrase) -> str:
    noun = phrase.noun
    if phrase.number == "plural":
        noun = _PLURALS.get(noun, noun + "s")
    determiner = "an" if phrase.determiner == "a" and noun[0] in "aeiou" else phrase.determiner
    return f"{determiner} {noun}"


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:] + "."
