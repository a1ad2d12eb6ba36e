"""Mixed Sparsity Training beside dense training, at the same and a quarter of the operations."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import torch

from lutloom.bench.figures import spread
from lutloom.language.mixed_sparsity import SparsityPlan, Stage, mixed_sparsity_plan
from lutloom.language.pretraining import PretrainingPlan
from lutloom.language.small_model import (
    Corpus,
    SmallModel,
    TrainedModel,
    prepare_corpus,
    train_small_model,
)

CORPUS, VOCABULARY = "kjv", 512
SIZE = SmallModel(n_blocks=3, width=64, n_heads=2)
"""Small, so that the dense arm sees 17 tokens for each of its parameters in a minute or two."""
STEPS, BATCH = 3000, 8
LEARNING_RATES = (8e-3, 16e-3)
_RESTORATION = 0.15


@dataclass(frozen=True, slots=True)
class Arm:
    """Describe one way to train.

    Parameters
    ----------
    text : str
    sparsity : SparsityPlan or None
    steps : float
        Share of the dense arm's.
    size : SmallModel
    decay_from : float
        Of the learning rate.
    """

    text: str
    sparsity: SparsityPlan | None = None
    steps: float = 1.0
    size: SmallModel = SIZE
    decay_from: float = 0.0


def _constant(**changes: Any) -> SparsityPlan:
    """Give a plan of 80 % sparsity all along, as the paper's rivals have it."""
    return SparsityPlan(stages=(Stage(1.0, 0.8),), **changes)


_WHOLE = mixed_sparsity_plan(0.9, warm_up=0.04, restoration=_RESTORATION, steps_of_restoration=3)

ARMS: dict[str, Arm] = {
    "dense": Arm("dense, all steps: the reference"),
    "dense_quarter_steps": Arm("dense, a quarter of the steps, its own decay", steps=0.25),
    "dense_small": Arm(
        "a dense model of a quarter of the operations",
        size=SmallModel(n_blocks=2, width=32, n_heads=1),
    ),
    "static": Arm("80 % sparse, Erdős-Rényi, never moved", _constant(interval=0)),
    "rigl": Arm("80 % sparse, grown by gradient", _constant(growth="gradient")),
    "mixed_growing": Arm("80 % sparse, grown by gradient and at random", _constant()),
    "mst": Arm("the whole: varied sparsity, mixed growing, sparse attention", _WHOLE),
    "mst_keep_moments": Arm(
        "the whole, Adam's moments left stale", msgspec.structs.replace(_WHOLE, moments="keep")
    ),
    "mst_dense_attention": Arm(
        "the whole but for attention, which stays dense",
        msgspec.structs.replace(_WHOLE, pattern="causal"),
    ),
    "mst_no_restoration": Arm(
        "sparse to the end, attention too",
        mixed_sparsity_plan(0.8, warm_up=0.05, restoration=0.0, keep_sparse_attention=True),
    ),
    "mst_held_rate": Arm(
        "the whole, learning rate held until restoration", _WHOLE, decay_from=1 - _RESTORATION
    ),
    "mst_one_step": Arm(
        "95 % sparse from the start, restored at once, learning rate held until then",
        mixed_sparsity_plan(0.95, warm_up=0.0, restoration=0.17, steps_of_restoration=1),
        decay_from=0.83,
    ),
}
"""Every way that is compared, by name."""


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train every arm; the learning rate of each is picked by validation loss on seed 0.

    The validation loss of the last step is compared; the test part is read once a run, at its end.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
    """
    corpus = prepare_corpus(CORPUS, VOCABULARY)
    points = []
    for name, arm in ARMS.items():
        first = {rate: _train(corpus, arm, rate, seed=0) for rate in LEARNING_RATES}
        rates = {rate: tried.record.validation_loss for rate, tried in first.items()}
        rate = min(rates, key=lambda tried: rates[tried])
        rest = [_train(corpus, arm, rate, seed) for seed in range(1, n_seeds)]
        runs = [first[rate], *rest]
        points.append(_summarise(name, arm, rate, rates, runs))
        share = points[-1]["flops_share"]["triangle_with_head"]
        loss = points[-1]["validation_loss"]
        say(f"{name}: {100 * share:.1f} % of operations, loss {loss['median']:.4f} at {rate:g}")
    ngram = statistics.median(run.record.ngram_perplexity for run in runs)
    return {
        "corpus": CORPUS,
        "vocabulary": corpus.tokenizer.vocabulary,
        "train_tokens": int(corpus.train.size),
        "ngram_test_perplexity": ngram,
        "steps": STEPS,
        "batch": BATCH,
        "size": msgspec.to_builtins(SIZE),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "points": points,
    }


def _train(corpus: Corpus, arm: Arm, rate: float, seed: int) -> TrainedModel:
    plan = PretrainingPlan(
        steps=round(arm.steps * STEPS),
        batch=BATCH,
        learning_rate=rate,
        seed=seed,
        decay_from=arm.decay_from,
    )
    sparsity = arm.sparsity and msgspec.structs.replace(arm.sparsity, seed=seed)
    return train_small_model(corpus, arm.size, plan, sparsity)


def _summarise(
    name: str, arm: Arm, rate: float, rates: dict[float, float], runs: list[TrainedModel]
) -> dict[str, Any]:
    first = runs[0]
    conventions = {
        f"{'square' if square else 'triangle'}_{'with' if head else 'without'}_head": (
            first.sparse.flops.total(square=square, head=head)
        )
        for square in (False, True)
        for head in (True, False)
    }
    return {
        "arm": name,
        "what": arm.text,
        "parameters": first.record.parameters,
        "steps": round(arm.steps * STEPS),
        "learning_rate": rate,
        "tuning_loss": {f"{tried:g}": loss for tried, loss in rates.items()},
        "flops": conventions,
        "flops_share": {key: value / _dense(key) for key, value in conventions.items()},
        "validation_loss": spread([run.record.validation_loss for run in runs]),
        "test_perplexity": spread([run.record.test_perplexity for run in runs]),
        "final_sparsity": first.record.final_sparsity,
        "attention_at_the_end": first.record.pattern,
        "train_seconds": spread([run.record.train_seconds for run in runs]),
        "losses": [run.record.validation_loss for run in runs],
    }


def _dense(convention: str) -> float:
    """Count what the dense arm of all steps costs under a convention, without training it."""
    from lutloom.language.mixed_sparsity import forward_flops

    config = SIZE.config(VOCABULARY)
    block = 4 * config.width * config.n_heads * config.head_size + 3 * config.width * config.hidden
    forward = forward_flops(
        config,
        block_weights=config.n_blocks * block,
        head_weights=config.vocabulary * config.width,
    )
    total = forward.total(square=convention.startswith("square"), head="with_head" in convention)
    return 3.0 * BATCH * STEPS * total
