"""What the experiment's figures say of the claims, by rules that are stated beside the answers.

Example
-------
>>> summarise(cells)["en"]["updates"]["role"]["seen_accuracy"]["median"]   # doctest: +SKIP
0.91
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from lutloom.bench.figures import spread
from lutloom.bench.slime.cell import BUDGETS
from lutloom.bench.slime.questions import TESTS

CLAIM_CHEAPER, CLAIM_CORPUS = (250, 3000), (10, 30)
CLAIM = {
    "cheaper": CLAIM_CHEAPER,
    "corpus": CLAIM_CORPUS,
    "text": "250 to 3,000 times cheaper; the corpus 10 to 30 times smaller; Japanese gains more",
}
TOLERANCE = 0.01
"""How far below the raw arm's last accuracy an arm still counts as having reached it."""

CHAIN = {
    "corpus": ("raw", "role"),
    "embedding": ("role", "role_embedding"),
    "attention": ("role_embedding", "set_attention"),
}
"""Layers that follow each other: their product is the whole chain's factor, if all are reached."""
BESIDE = {
    "slot_tree": ("flat_slots", "set_attention"),
    "random_subset": ("raw", "random"),
    "whole_chain": ("raw", "set_attention"),
}
"""A layer taken out alone, a control, and both ends of the chain."""

RULES = {
    "corpus": "role keys leave a tenth or less of every natural text",
    "cheaper": "in the median over seeds of each language the whole chain reaches the raw arm's "
    f"accuracy less {TOLERANCE:g} on new meanings for a 250th of the operations or less",
    "cheaper_with_preparation": "the same of seconds, preparation counted",
    "japanese_gains_more": "beyond exact match role keys shrink the manual more in Japanese, and "
    "the whole chain's median factor of operations is larger",
    "chosen_beats_random": "with equal updates role keys give a higher accuracy on new meanings "
    "than a random subset of the same size in every seed, in both languages",
}

_Cell = dict[str, Any]


def summarise(cells: Sequence[_Cell]) -> dict[str, Any]:
    """Summarise every arm under every budget over seeds.

    Parameters
    ----------
    cells : sequence of dict
        As :meth:`lutloom.bench.slime.cell.Cell.measure` gives them.

    Returns
    -------
    dict
        By language, budget and arm.
    """
    found: dict[str, Any] = {}
    for language, own in by_language(cells).items():
        found[language] = {
            budget: {
                arm: _arm([cell["runs"][cell["budgets"][budget][arm]] for cell in own],
                          [_raw(cell) for cell in own])
                for arm in own[0]["budgets"][budget]
            }
            for budget in BUDGETS
        }  # fmt: skip
    return found


def judge(reductions: Sequence[dict[str, Any]], cells: Sequence[_Cell]) -> dict[str, Any]:
    """Set the claims beside what was measured.

    Parameters
    ----------
    reductions : sequence of dict
        As :func:`lutloom.bench.slime.ceiling.measure_reduction` gives them.
    cells : sequence of dict

    Returns
    -------
    dict
        ``languages``, with the factors of each; ``holds`` by ``rules``.
    """
    natural = [r for r in reductions if r["corpus"] != "grammar"]
    languages = {language: _language(own) for language, own in by_language(cells).items()}
    manual = {
        r["language"]: _factor(r) / r["methods"]["exact"]["factor"]
        for r in natural
        if r["corpus"] == "debian-reference"
    }
    chains = {name: found["factors"]["whole_chain"] for name, found in languages.items()}

    def enough(kind: str) -> bool:
        medians = [chain[kind]["median_or_none"] for chain in chains.values()]
        return all(median is not None and median >= CLAIM_CHEAPER[0] for median in medians)

    gains: bool | None = None
    if set(manual) >= {"en", "ja"} and set(chains) >= {"en", "ja"}:
        ours, theirs = (chains[name]["flops"]["median_or_none"] for name in ("ja", "en"))
        gains = manual["ja"] > manual["en"] and ours is not None and (
            theirs is None or ours > theirs
        )  # fmt: skip
    beaten = [
        found["role_less_random"]["updates"]["accuracy"]["min"] > 0 for found in languages.values()
    ]
    return {
        "claim": CLAIM,
        "rules": RULES,
        "holds": {
            "corpus": all(_factor(r) >= CLAIM_CORPUS[0] for r in natural) and bool(natural),
            "cheaper": enough("flops"),
            "cheaper_with_preparation": enough("seconds"),
            "japanese_gains_more": gains,
            "chosen_beats_random": all(beaten),
        },
        "natural_factors": {f"{r['corpus']} {r['language']}": _factor(r) for r in natural},
        "languages": languages,
    }


def by_language(cells: Sequence[_Cell]) -> dict[str, list[_Cell]]:
    """Sort cells by language."""
    found: dict[str, list[_Cell]] = {}
    for cell in cells:
        found.setdefault(cell["language"], []).append(cell)
    return found


def reached(run: dict[str, Any], target: float) -> int | None:
    """Give the updates after which a run was first seen at an accuracy, if it ever was.

    Parameters
    ----------
    run : dict
        With its ``curve``.
    target : float

    Returns
    -------
    int or None
    """
    return next((updates for updates, accuracy in run["curve"] if accuracy >= target), None)


def _language(own: Sequence[_Cell]) -> dict[str, Any]:
    factors = {
        name: _factors(own, cheap=cheap, dear=dear)
        for name, (dear, cheap) in (CHAIN | BESIDE).items()
    }
    parts = [factors[name]["flops"]["median_or_none"] for name in CHAIN]
    product: float | None = 1.0
    for part in parts:
        product = None if part is None or product is None else product * part
    differences = {}
    for budget in BUDGETS:
        test = "withheld_form" if budget == "withheld" else "seen"
        pairs = [
            [
                cell["runs"][cell["budgets"][budget][arm]]["scores"][test]
                for arm in ("role", "random")
            ]
            for cell in own
        ]
        differences[budget] = {
            "test": test,
            "accuracy": _mean([role["accuracy"] - random["accuracy"] for role, random in pairs]),
            "sentence_loss": _mean(
                [role["sentence_loss"] - random["sentence_loss"] for role, random in pairs]
            ),
        }
    return {
        "factors": factors,
        "product_of_layers": product,
        "role_less_random": differences,
        "reading_over_training_a_sentence": spread(
            [cell["corpus"]["reading_over_training_a_sentence"] for cell in own]
        ),
        "reader_alone_accuracy": {
            test: spread([cell["corpus"]["reader_accuracy"][test] for cell in own])
            for test in TESTS
        },
    }


def _factors(own: Sequence[_Cell], *, dear: str, cheap: str) -> dict[str, Any]:
    """Give how many times less one arm needs than another to be as good as the raw arm was."""
    kinds: dict[str, list[float]] = {"updates": [], "flops": [], "seconds": []}
    for cell in own:
        target = _raw(cell)["scores"]["seen"]["accuracy"] - TOLERANCE
        costs = [_costs(_with_curve(cell, arm), target) for arm in (dear, cheap)]
        if costs[0] is None or costs[1] is None:
            continue
        for kind in kinds:
            kinds[kind].append(costs[0][kind] / costs[1][kind])
    n = len(own)
    return {
        kind: {
            **(spread(values) if values else {"n": 0}),
            # A seed in which it is not reached is below all others.
            "median_or_none": _median_of_reached(values, n),
            "seeds": n,
        }
        for kind, values in kinds.items()
    }


def _costs(run: dict[str, Any], target: float) -> dict[str, float] | None:
    updates = reached(run, target)
    if updates is None:
        return None
    training = run["seconds"] * updates / run["updates"]
    return {
        "updates": updates,
        "flops": updates * run["flops_per_update"],
        "seconds": training + run["preparation_seconds"],
    }


def _with_curve(cell: _Cell, arm: str) -> dict[str, Any]:
    """Give the run of an arm at equal operations, which is the longest that was probed."""
    run: dict[str, Any] = cell["runs"][cell["budgets"]["flops"][arm]]
    return run


def _raw(cell: _Cell) -> dict[str, Any]:
    run: dict[str, Any] = cell["runs"][cell["budgets"]["updates"]["raw"]]
    return run


def _arm(runs: Sequence[dict[str, Any]], raw: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "updates": spread([run["updates"] for run in runs]),
        "trained_seeds": sum(run["updates"] > 0 for run in runs),
        "flops_share": spread([a["flops"] / b["flops"] for a, b in zip(runs, raw, strict=True)]),
        "seconds": spread([run["seconds"] for run in runs]),
        "preparation_seconds": spread([run["preparation_seconds"] for run in runs]),
    }
    for test in runs[0]["scores"]:
        scores = [run["scores"][test] for run in runs]
        for figure in ("accuracy", "answer_loss", "sentence_loss", "nameable"):
            values = [score[figure] for score in scores if score[figure] is not None]
            if values:
                found[f"{test}_{figure}"] = spread(values)
        against = [one["scores"].get(test) for one in raw]
        if all(against):
            found[f"{test}_accuracy_less_raw"] = _mean(
                [a["accuracy"] - b["accuracy"] for a, b in zip(scores, against, strict=True)]
            )
    return found


def _median_of_reached(values: Sequence[float], n: int) -> float | None:
    padded = sorted([*values, *[float("-inf")] * (n - len(values))])
    median = statistics.median_low(padded)
    return median if median > float("-inf") else None


def _mean(values: Sequence[float]) -> dict[str, float]:
    return {**spread(values), "mean": statistics.fmean(values)}


def _factor(reduction: dict[str, Any]) -> float:
    factor: float = reduction["methods"]["role"]["factor"]
    return factor
