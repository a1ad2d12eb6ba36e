"""Remove 3 and 6 of the 30 blocks of SmolLM2-135M by every method, on several calibration draws.

Weights are those of a 4-bit file, in float32.  Blocks are chosen on windows of the corpus's
training part; perplexity is that of windows of its test part, the same ones for every model.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lutloom.bench.figures import peak_memory_bytes, spread
from lutloom.language.block_elimination import (
    Calibration,
    block_influence,
    draw_windows,
    eliminate,
    one_shot_losses,
    refine,
    without_blocks,
)
from lutloom.language.block_elimination.rivals import lowest
from lutloom.language.smollm2 import read_smollm2
from lutloom.language.text import load_text
from lutloom.language.transformer import Transformer

CORPUS = "kjv"
BLOCKS = (3, 6)
"""How many are removed."""
WINDOWS, CONTEXT = 8, 128
"""Calibration windows of one draw, and tokens in each; 5 draws take half an hour on two cores."""
TEST_WINDOWS = 32
SWAP_PASSES = 1
"""Times each block a swap may put back is tried."""
SPEED_TOKENS, SPEED_REPEATS = 512, 5

SEARCHES = ("swap", "greedy")
METHODS = (*SEARCHES, "one_shot", "block_influence", "last")
"""Each search is compared with all methods after it."""


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Choose blocks on one draw of windows a seed, and read the test windows for each choice.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
        Losses in nats a token; differences are paired by draw.
    """
    model, tokenizer = read_smollm2(CONTEXT)
    text = load_text(CORPUS)
    train = tokenizer.encode(text.train)
    test = Calibration(model, draw_windows(tokenizer.encode(text.test), TEST_WINDOWS, CONTEXT, 0))
    losses: dict[frozenset[int], float] = {}

    def test_loss(removed: Sequence[int]) -> float:
        key = frozenset(removed)
        if key not in losses:
            losses[key] = test.loss([b for b in range(model.config.n_blocks) if b not in key])
        return losses[key]

    whole = test_loss(())
    say(f"whole model: test perplexity {math.exp(whole):.2f}")
    draws: list[dict[str, Any]] = []
    for seed in range(n_seeds):
        chosen, seconds = _choose(model, draw_windows(train, WINDOWS, CONTEXT, seed))
        for choice in chosen:
            choice["test_loss"] = test_loss(choice["removed"])
            say(
                f"draw {seed}, {choice['method']} {choice['removed']}: test perplexity "
                f"{math.exp(choice['test_loss']):.2f}"
            )
        draws.append({"seed": seed, "seconds": seconds, "choices": chosen})
    return {
        "model": "SmolLM2-135M-Instruct, from 4-bit weights",
        "corpus": CORPUS,
        "blocks": model.config.n_blocks,
        "calibration_windows": WINDOWS,
        "test_windows": TEST_WINDOWS,
        "context": CONTEXT,
        "swap_passes": SWAP_PASSES,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "test_perplexity": math.exp(whole),
        "test_loss": whole,
        "points": [_summarise(n, draws) for n in BLOCKS],
        "speed": [_measure_speed(model, train, n) for n in BLOCKS],
        "choice_seconds": {
            name: spread([draw["seconds"][name] for draw in draws]) for name in METHODS
        },
        "peak_memory_bytes": peak_memory_bytes(),
        "draws": draws,
    }


def _choose(model: Transformer, windows: Tensor) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Choose by every method; all but the swaps choose fewer blocks as the first of more."""
    calibration = Calibration(model, windows)
    n_blocks, most = model.config.n_blocks, max(BLOCKS)
    methods: dict[str, Callable[[], Sequence[int]]] = {
        "greedy": lambda: eliminate(model, windows, most).order,
        "one_shot": lambda: lowest(one_shot_losses(calibration), most, 1, 1),
        "block_influence": lambda: lowest(block_influence(model, windows), most, 1, 1),
        "last": lambda: range(n_blocks - 2, n_blocks - 2 - most, -1),
    }
    orders: dict[str, Sequence[int]] = {}
    seconds: dict[str, float] = {}
    chosen: list[dict[str, Any]] = []
    for name, choose in methods.items():
        began = time.perf_counter()
        orders[name] = choose()
        seconds[name] = time.perf_counter() - began
        for n in BLOCKS:
            alive = [block for block in range(n_blocks) if block not in orders[name][:n]]
            chosen.append(_choice(name, n, orders[name][:n], calibration.loss(alive)))
    began = time.perf_counter()
    for n in BLOCKS:
        refined = refine(
            model, windows, orders["greedy"][:n], last_is_best=True, passes_max=SWAP_PASSES
        )
        swaps = {"swaps": len(refined.swaps), "settled": refined.settled}
        chosen.append(_choice("swap", n, refined.removed, refined.loss) | swaps)
    seconds["swap"] = time.perf_counter() - began  # on top of the greedy search
    return chosen, seconds


def _choice(method: str, n: int, removed: Sequence[int], loss: float) -> dict[str, Any]:
    return {"method": method, "n": n, "removed": list(removed), "calibration_loss": loss}


def _summarise(n: int, draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise over draws what each method gives, and how far each search is from the others."""
    by_method = {
        name: [
            next(c for c in draw["choices"] if (c["method"], c["n"]) == (name, n)) for draw in draws
        ]
        for name in METHODS
    }
    methods = {
        name: {
            "removed": [choice["removed"] for choice in choices],
            "calibration_perplexity": spread([math.exp(c["calibration_loss"]) for c in choices]),
            "test_perplexity": spread([math.exp(c["test_loss"]) for c in choices]),
        }
        for name, choices in by_method.items()
    }
    differences = []
    for rank, search in enumerate(SEARCHES):
        for rival in METHODS[rank + 1 :]:
            pairs = zip(by_method[search], by_method[rival], strict=True)
            each = [ours["test_loss"] - theirs["test_loss"] for ours, theirs in pairs]
            differences.append(
                {
                    "method": search,
                    "rival": rival,
                    "test_loss": {**spread(each), "mean": statistics.fmean(each)},
                    "better": sum(difference < 0 for difference in each),
                    "worse": sum(difference > 0 for difference in each),
                }
            )
    return {"removed_blocks": n, "methods": methods, "differences": differences}


def _measure_speed(model: Transformer, tokens: NDArray[np.int64], n: int) -> dict[str, Any]:
    """Time whole and shorter model in turn; which blocks are gone does not matter."""
    shorter = without_blocks(model, range(1, 1 + n))
    batch = torch.from_numpy(tokens[:SPEED_TOKENS].reshape(-1, CONTEXT))
    rates: dict[str, list[float]] = {"whole": [], "shorter": []}
    with torch.inference_mode():
        for _ in range(SPEED_REPEATS):
            for name, timed in (("whole", model), ("shorter", shorter)):
                began = time.perf_counter()
                timed(batch)
                rates[name].append(batch.numel() / (time.perf_counter() - began))
    ratio = statistics.median(rates["shorter"]) / statistics.median(rates["whole"])
    return {
        "removed_blocks": n,
        "tokens_per_second": {name: spread(each) for name, each in rates.items()},
        "speed_up": ratio,
    }
