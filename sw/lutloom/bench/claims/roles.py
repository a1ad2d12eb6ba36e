"""Claims of SlimeLearning, judged by ``slime.json`` and ``orders.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lutloom.bench.claims.claim import Claim, Figures, Judgement, System, decide, ranged, width

_SLIME = "the SlimeLearning preprint, 10.5281/zenodo.17945898"
_LANGUAGES = {"en": "English", "ja": "Japanese"}
_SMALLER, _CHEAPER = 10.0, 250.0


def _judge_corpus(figures: Figures) -> Judgement:
    natural, parts = [], []
    for reduction in figures["reductions"]:
        factor = reduction["methods"]["role"]["factor"]
        exact = reduction["methods"]["exact"]["factor"]
        if reduction["corpus"] != "grammar":
            natural.append(factor)
        bound = reduction["bound"]["clauses"]["factor_allowed"]
        parts.append(
            f"{reduction['corpus']} ({_LANGUAGES[reduction['language']]}): {factor:.3f}x by role "
            f"keys, {exact:.3f}x by exact match; clauses of two content words or more at most "
            f"{bound:.3f}x by any key that keeps lemmas"
        )
    enough = [factor >= _SMALLER for factor in natural]
    return Judgement(
        decide(holds=bool(enough) and all(enough), partly=any(enough)), "; ".join(parts) + "."
    )


def _chains(figures: Figures) -> dict[str, float | None]:
    return {
        name: found["factors"]["whole_chain"]["flops"]["median_or_none"]
        for name, found in figures["verdict"]["languages"].items()
    }


def _factor(value: float | None) -> str:
    return "never as good" if value is None else f"{value:.2f}x"


def _judge_cheaper(figures: Figures) -> Judgement:
    chains = _chains(figures)
    parts = []
    for name, found in figures["verdict"]["languages"].items():
        layers = ", ".join(
            f"{layer.replace('_', ' ')} {_factor(kinds['flops']['median_or_none'])}"
            for layer, kinds in found["factors"].items()
        )
        seconds = found["factors"]["whole_chain"]["seconds"]["median_or_none"]
        parts.append(
            f"{_LANGUAGES[name]}, operations: {layers}; seconds, reading counted: "
            f"{_factor(seconds)}"
        )
    enough = [factor is not None and factor >= _CHEAPER for factor in chains.values()]
    some = [factor is not None and factor > 1 for factor in chains.values()]
    return Judgement(decide(holds=all(enough), partly=all(some)), "; ".join(parts) + ".")


def _judge_japanese(figures: Figures) -> Judgement:
    chains = _chains(figures)
    grammar, manual = (
        {
            reduction["language"]: reduction["methods"]["role"]["factor"]
            / reduction["methods"]["exact"]["factor"]
            for reduction in figures["reductions"]
            if reduction["corpus"] == corpus
        }
        for corpus in ("grammar", "debian-reference")
    )
    gains = [by["ja"] > by["en"] for by in (grammar, manual) if set(by) >= {"en", "ja"}]
    ours, theirs = chains["ja"], chains["en"]
    gains.append(ours is not None and (theirs is None or ours > theirs))
    text = "; ".join(
        f"{_LANGUAGES[name]}, beyond exact match: grammar {grammar[name]:.2f}x"
        + (f", the same manual {manual[name]:.3f}x" if name in manual else "")
        + f", whole chain {_factor(chains[name])}"
        for name in _LANGUAGES
    )
    return Judgement(decide(holds=all(gains), partly=any(gains)), text + ".")


def _judge_random(figures: Figures) -> Judgement:
    parts, wins = [], []
    for name, found in figures["verdict"]["languages"].items():
        difference = found["role_less_random"]["updates"]["accuracy"]
        wins.append((difference["min"] > 0, difference["mean"] > 0))
        parts.append(
            f"{_LANGUAGES[name]}: {100 * difference['mean']:+.1f} points "
            f"({100 * difference['min']:+.1f} to {100 * difference['max']:+.1f})"
        )
    holds = all(always for always, _ in wins)
    return Judgement(decide(holds=holds, partly=any(mean for _, mean in wins)), _join(parts))


def _withheld(figures: Figures, language: str, arm: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = figures["summary"][language]["withheld"][arm]
    spread: Mapping[str, Any] = found["withheld_form_accuracy"]
    return spread


def _judge_front_end(figures: Figures) -> Judgement:
    parts, wins = [], []
    for name in figures["summary"]:
        raw, role, ours = (
            _withheld(figures, name, arm) for arm in ("raw", "role", "role_embedding")
        )
        gap = ours["median"] - raw["median"]
        wins.append(gap > max(width(ours), width(raw)))
        parts.append(
            f"{_LANGUAGES[name]}: raw text {ranged(raw, 1, 100)} %, role keys on text "
            f"{ranged(role, 1, 100)} %, roles read at both times {ranged(ours, 1, 100)} %"
        )
    return Judgement(decide(holds=all(wins), partly=any(wins)), _join(parts))


def _judge_orders(figures: Figures) -> Judgement:
    points = figures["points"]
    single = [point["distinct"]["integers"] == point["seeds"] for point in points]
    exhaustive = [point for point in points if point["all_orders"]]
    most, drawn = exhaustive[-1], points[-1]
    text = (
        f"All orders of 1 to {most['slots']} slots and {drawn['orders']} drawn ones of "
        f"{drawn['slots']}, {drawn['seeds']} sets and models each: "
        f"{'one output a set' if all(single) else 'more than one output'} in integers; in floats "
        f"{most['distinct']['floats']:,} outputs for {most['seeds']} sets of {most['slots']}."
    )
    return Judgement(decide(holds=all(single) and len(exhaustive) >= 6), text)


def _join(parts: list[str]) -> str:
    return "; ".join(parts) + "."


_ARMS = (
    "Sentences of a grammar that knows their meaning, in English and Japanese; questions of who, "
    "what and to whom, answered on new meanings. Eight arms, from raw text by a random subset and "
    "three deduplications to sets of roles; reading is charged in seconds."
)

ROLES = System(
    "SlimeLearning",
    (
        Claim(
            claim="Keeping one sentence of each role frame shrinks a corpus 10 to 30 times.",
            source=_SLIME,
            experiment="5,000 sentences of each natural text; beside role keys exact match, "
            "normalised text and MinHash, and the most that any key could remove that keeps "
            "content lemmas.",
            rule="holds if every natural text shrinks 10 times or more; partly if one does.",
            benchmark="slime",
            judge=_judge_corpus,
        ),
        Claim(
            claim="Training is 250 to 3,000 times cheaper with all four layers.",
            source=_SLIME,
            experiment=f"{_ARMS} The cost of each arm is what it takes to be as right as the raw "
            "arm was, less one point.",
            rule="holds if in both languages the whole chain takes a 250th of the operations or "
            "less, in the median over seeds; partly if it takes fewer at all in both.",
            benchmark="slime",
            judge=_judge_cheaper,
        ),
        Claim(
            claim="Japanese gains more than English.",
            source=_SLIME,
            experiment="The same grammar of meanings and, where it is installed, the same manual "
            "in both languages.",
            rule="holds if beyond exact match role keys shrink grammar and manual more in Japanese "
            "and the whole chain's factor is larger; partly if one of these.",
            benchmark="slime",
            judge=_judge_japanese,
        ),
        Claim(
            claim="Sentences kept by role keys teach more than as many drawn at random.",
            source="ours: the control the claim needs",
            experiment=_ARMS,
            rule="holds if accuracy is higher in every seed of both languages, at equal updates; "
            "partly if in the mean of one.",
            benchmark="slime",
            judge=_judge_random,
        ),
        Claim(
            claim="Reading roles when answering too makes up for a form never trained on.",
            source="ours: what the claim silently assumes",
            experiment=f"{_ARMS} No passive in training, only passives in the test.",
            rule="holds if better than raw text by more than the greater spread in both languages; "
            "partly in one.",
            benchmark="slime",
            judge=_judge_front_end,
        ),
        Claim(
            claim="The order of a set's slots does not change the answer.",
            source=_SLIME,
            experiment="Commutative attention in integers, and the same model in floats as a "
            "control; outputs of every slot, their mean and the logits are compared.",
            rule="holds if each set has one output, bit for bit, in all orders up to 6 slots and "
            "in every drawn one.",
            benchmark="orders",
            judge=_judge_orders,
        ),
    ),
)
