"""What role frames save: how far corpora shrink, and what models that use them learn for how much.

The claims measured: that keeping one sentence of each role frame shrinks a corpus 10 to 30 times,
that with roles for positions, commutative attention and slot trees training is 250 to 3,000 times
cheaper, and that Japanese gains more than English.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import msgspec
import torch

from lutloom.bench.figures import peak_memory_bytes
from lutloom.bench.slime.arms import Scale
from lutloom.bench.slime.ceiling import MANUAL, load_pipeline, measure_reduction, read_manual
from lutloom.bench.slime.cell import Cell
from lutloom.bench.slime.verdict import judge, summarise
from lutloom.language.corpus import split_sentences
from lutloom.language.roles.extractor import Language
from lutloom.language.roles.grammar import generate
from lutloom.language.text import load_text

LANGUAGES: tuple[Language, ...] = get_args(Language)
SENTENCES = 5000
"""Of every corpus whose reduction is measured, from its beginning."""
NATURAL: dict[Language, tuple[str, ...]] = {"en": ("kjv", "python"), "ja": ()}
"""Corpora that packages carry; the manual is read besides, where it is installed."""
SCALE = Scale()


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure reductions once, and train every arm under every budget once a seed.

    The learning rate of each kind of model is picked on validation sentences of the first seed.

    Parameters
    ----------
    n_seeds : int
        A seed draws sentences, weights and order.
    say : callable

    Returns
    -------
    dict
    """
    reductions, missing = _reductions(say)
    cells, rates = [], {}
    for language in LANGUAGES:
        for seed in range(n_seeds):
            cell = Cell(language, seed, SCALE)
            if language not in rates:
                rates[language] = cell.tune()
                picked = {kind: found["rate"] for kind, found in rates[language].items()}
                say(f"{language}: learning rates {picked}")
            cells.append(cell.measure(rates[language], say))
    verdict = judge(reductions, cells)
    say(f"holds: {verdict['holds']}")
    return {
        "scale": msgspec.to_builtins(SCALE),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "peak_memory_bytes": peak_memory_bytes(),
        "reductions": reductions,
        "not_installed": missing,
        "learning_rates": rates,
        "summary": summarise(cells),
        "verdict": verdict,
        "cells": cells,
    }


def _reductions(say: Callable[[str], None]) -> tuple[list[dict[str, Any]], list[str]]:
    found: list[dict[str, Any]] = []
    missing: list[str] = []
    for language in LANGUAGES:
        corpora: dict[str, list[str]] = {}
        for name in NATURAL[language]:
            text = load_text(name)
            corpora[name] = split_sentences(text.train + text.validation + text.test, language)
        corpora["debian-reference"] = read_manual(language)
        if not corpora["debian-reference"]:
            missing.append(MANUAL.format(language))
        pipeline = load_pipeline(language)
        for name, sentences in corpora.items():
            if sentences:
                texts = sentences[:SENTENCES]
                found.append(measure_reduction(name, language, texts, pipeline))
                say(_line(found[-1]))
        drawn = generate(language, SENTENCES, 0, "held_out")
        texts, meanings = [s.text for s in drawn], [s.meaning for s in drawn]
        found.append(measure_reduction("grammar", language, texts, pipeline, meanings))
        say(_line(found[-1]))
    return found, missing


def _line(found: dict[str, Any]) -> str:
    factors = ", ".join(f"{name} {m['factor']:.3f}" for name, m in found["methods"].items())
    bound = {unit: f"{own['factor_allowed']:.3f}" for unit, own in found["bound"].items()}
    return (
        f"{found['corpus']} ({found['language']}): {100 * found['framed']:.1f} % framed, factors "
        f"{factors}; at most {bound}"
    )
