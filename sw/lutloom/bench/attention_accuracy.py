"""What attention in integers and attention by codes cost in perplexity, under every pattern.

Nothing is chosen on the test part: sizes, steps and rates are fixed beforehand, scales come from
the training part, and every figure is read once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lutloom.attention.config import AttentionConfig, IntegerAttention
from lutloom.bench.figures import spread
from lutloom.compare.attention import VerilogExecutor, evaluate_in_the_loop
from lutloom.language.attention_binary_loop import (
    attend_in_numpy,
    calibrate_binary_blocks,
    with_binary_attention,
)
from lutloom.language.attention_in_the_loop import with_executor
from lutloom.language.attention_loop import DifferenceCount, calibrate_blocks
from lutloom.language.block_elimination import draw_windows
from lutloom.language.masks import Pattern, mask_density
from lutloom.language.mixed_sparsity import SparsityPlan
from lutloom.language.pretraining import PretrainingPlan, perplexity, pretrain
from lutloom.language.small_model import Corpus, SmallModel, prepare_corpus, train_small_model
from lutloom.language.transformer import Transformer
from lutloom_hw.attention.engine import AttentionEngine
from lutloom_hw.attention_options import AttentionOptions

CORPUS = "kjv"
VOCABULARY = 1024
SIZE = SmallModel(n_blocks=3, width=64)
STEPS, LEARNING_RATE = 3000, 6e-3
FURTHER_STEPS, FURTHER_RATE = 1000, 1e-3
PATTERN: Pattern = "local_strided"
STRIDE = 16
PATTERNS: tuple[Pattern, ...] = ("causal", "local", "strided", "fixed")
CODES = {
    "codes of 64 bits, 8 keys kept": (64, 8, 0),
    "codes of 32 bits, 4 keys kept, codebook": (32, 4, 2),
}
"""Bits of a code, keys kept, and features of an entry of the codebook; 0: int8 values."""
TEST_WINDOWS = 256
CALIBRATION_WINDOWS = 16
LANES = 8


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train once a seed and pattern; judge floats, integers and codes beside each other.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
    """
    corpus = prepare_corpus(CORPUS, VOCABULARY)
    held_out = corpus.test[: TEST_WINDOWS * SIZE.context + 1]
    arms: dict[str, list[float]] = {}
    patterns: list[dict[str, Any]] = []
    compared = differing = 0
    for seed in range(n_seeds):
        model = _train(corpus, PATTERN, seed)
        drawn = draw_windows(corpus.train, CALIBRATION_WINDOWS, SIZE.context, seed)[:, :-1]
        found, counts = _judge_kinds(model, corpus, held_out, drawn, seed)
        compared, differing = compared + counts[0], differing + counts[1]
        for name, value in found.items():
            arms.setdefault(name, []).append(value)
            say(f"seed {seed}: {name}: {value:.2f}")
        del model
    for pattern in (PATTERN, *PATTERNS):
        point = _judge_pattern(corpus, held_out, pattern, n_seeds, arms)
        patterns.append(point)
        say(f"{pattern}: {point['float_test_perplexity']['median']:.2f}")
    return {
        "corpus": corpus.name,
        "size": msgspec.to_builtins(SIZE),
        "steps": STEPS,
        "further_steps": FURTHER_STEPS,
        "test_windows": (held_out.size - 1) // SIZE.context,
        "torch": str(torch.__version__),
        "pattern": PATTERN,
        "stride": STRIDE,
        "test_perplexity": {name: spread(values) for name, values in arms.items()},
        "verilog_integers": {"compared": compared, "differing": differing},
        "patterns": patterns,
    }


def _train(corpus: Corpus, pattern: Pattern, seed: int) -> Transformer:
    plan = PretrainingPlan(steps=STEPS, learning_rate=LEARNING_RATE, seed=seed)
    sparsity = SparsityPlan(pattern=pattern, stride=STRIDE)
    return train_small_model(corpus, SIZE, plan, sparsity).model


def _judge_kinds(
    model: Transformer,
    corpus: Corpus,
    held_out: NDArray[np.int64],
    drawn: Tensor,
    seed: int,
) -> tuple[dict[str, float], tuple[int, int]]:
    """Give perplexities of every kind of attention, and the integers compared and differing."""
    options = AttentionOptions(lanes=LANES)
    loop = evaluate_in_the_loop(
        model, held_out, calibrate_blocks(model, drawn),
        executors=("torch", "numpy", "verilog"), options=options,
    )  # fmt: skip
    found = {
        "floats": loop[0].perplexity,
        "int8": loop[1].perplexity,
        "int8, in Verilog": loop[2].perplexity,
    }
    compared, differing = loop[2].compared or 0, loop[2].differing or 0
    further = PretrainingPlan(steps=FURTHER_STEPS, learning_rate=FURTHER_RATE, seed=seed)
    control = copy.deepcopy(model)
    pretrain(control, corpus.train, further)
    found["floats, trained on"] = perplexity(control, held_out)
    integers = evaluate_in_the_loop(
        control, held_out, calibrate_blocks(control, drawn), executors=("torch", "numpy")
    )
    found["int8, trained on in floats"] = integers[1].perplexity
    for name, sizes in CODES.items():
        code_bits, n_kept, group_size = sizes
        codes = calibrate_binary_blocks(
            model, drawn, code_bits=code_bits, n_kept=n_kept, group_size=group_size, seed=seed
        )
        binary = with_binary_attention(model, codes)
        found[name] = perplexity(binary, held_out)
        pretrain(binary, corpus.train, further)
        found[f"{name}, trained on"] = perplexity(binary, held_out)
        verilog = VerilogExecutor(options)
        count = DifferenceCount(attend_in_numpy, verilog)
        in_verilog = with_executor(binary, count)
        found[f"{name}, trained on, in Verilog"] = perplexity(in_verilog, held_out)
        verilog.close()
        compared, differing = compared + count.compared, differing + count.differing
    return found, (compared, differing)


def _judge_pattern(
    corpus: Corpus,
    held_out: NDArray[np.int64],
    pattern: Pattern,
    n_seeds: int,
    arms: dict[str, list[float]],
) -> dict[str, Any]:
    """Give a pattern's perplexity beside its clocks."""
    if pattern == PATTERN:
        floats = arms["floats"]
    else:
        models = (_train(corpus, pattern, seed) for seed in range(n_seeds))
        floats = [perplexity(model, held_out) for model in models]
    config = AttentionConfig(
        n_heads=SIZE.n_heads,
        head_size=SIZE.width // SIZE.n_heads,
        context=SIZE.context,
        pattern=pattern,
        stride=STRIDE,
    )
    layer = IntegerAttention(config, np.full(SIZE.n_heads, 300), np.zeros(SIZE.n_heads, np.int64))
    timing = AttentionEngine(layer, lanes=LANES).timing
    return {
        "pattern": pattern,
        "stride": STRIDE,
        "density": mask_density(pattern, SIZE.context, STRIDE),
        "float_test_perplexity": spread(floats),
        "cycles_per_token": timing.interval_cycles(SIZE.context) * SIZE.n_heads / SIZE.context,
    }
