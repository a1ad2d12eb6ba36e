"""Train the small transformer until it has learnt language, beside a 5-gram model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import torch

from lutloom.bench.figures import peak_memory_bytes, spread
from lutloom.language.pretraining import PretrainingPlan
from lutloom.language.small_model import SmallModel, prepare_corpus, train_small_model

CORPORA = ("kjv",)
VOCABULARY = 1024
SIZE = SmallModel()
STEPS = 4000


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train on each corpus once a seed; the test part is read once, after each training.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
    """
    points = []
    for name in CORPORA:
        corpus = prepare_corpus(name, VOCABULARY)
        records = []
        for seed in range(n_seeds):
            plan = PretrainingPlan(steps=STEPS, learning_rate=4e-3, seed=seed)
            records.append(train_small_model(corpus, SIZE, plan).record)
            say(
                f"{name}, seed {seed}: perplexity {records[-1].test_perplexity:.1f}, 5-gram "
                f"{records[-1].ngram_perplexity:.1f}, {records[-1].train_seconds:.0f} s"
            )
        points.append(
            {
                "corpus": name,
                "vocabulary": corpus.tokenizer.vocabulary,
                "corpus_tokens": int(corpus.train.size),
                "train_tokens": records[0].train_tokens,
                "parameters": records[0].parameters,
                "test_perplexity": spread([record.test_perplexity for record in records]),
                "ngram_test_perplexity": records[0].ngram_perplexity,
                "train_seconds": spread([record.train_seconds for record in records]),
            }
        )
    return {
        "size": msgspec.to_builtins(SIZE),
        "steps": STEPS,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "peak_memory_bytes": peak_memory_bytes(),
        "points": points,
    }
