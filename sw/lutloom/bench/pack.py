"""Slice 30 % off SmolLM2-135M's residual stream and pack what is left by every method.

Weights are those of a 4-bit file, in float32; archives hold fp16.  The slicer's directions come
from windows of the corpus's training part, one draw a seed; perplexity is that of windows of its
test part, the same ones for every model.  Sizes are those of whole files.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any, get_args

import torch
from torch import Tensor

from lutloom.bench.figures import peak_memory_bytes, spread
from lutloom.language.archive import Compression, Method, pack_model, unpack_model
from lutloom.language.bits_back import bound_numbers
from lutloom.language.block_elimination import draw_windows
from lutloom.language.pretraining import token_loss
from lutloom.language.slicing import slice_model
from lutloom.language.smollm2 import read_smollm2
from lutloom.language.text import load_text
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer

CORPUS = "kjv"
SHARE = 0.3
WINDOWS, CONTEXT = 64, 128
"""Calibration windows of one draw, and tokens in each."""
TEST_WINDOWS = 32
METHODS: tuple[Method, ...] = get_args(Method)
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
SLOW_COMPRESSIONS = ("xz",)
"""Tried on the first draw only; they take minutes and their bytes hardly change."""
_FP16_BYTES = 2


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Slice on one draw of windows a seed, and pack, unpack and read the test windows each time.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
        Bytes, seconds and losses in nats a token; savings are shares of the sliced model's weights
        at two bytes each.
    """
    model, tokenizer = read_smollm2(CONTEXT)
    text = load_text(CORPUS)
    train = tokenizer.encode(text.train)
    test = draw_windows(tokenizer.encode(text.test), TEST_WINDOWS, CONTEXT, 0)
    whole = _loss(model, test)
    say(f"whole model: test perplexity {math.exp(whole):.2f}")
    draws: list[dict[str, Any]] = []
    for seed in range(n_seeds):
        began = time.perf_counter()
        sliced = slice_model(model, draw_windows(train, WINDOWS, CONTEXT, seed), SHARE)
        slice_seconds = time.perf_counter() - began
        loss = _loss(sliced, test)
        say(f"draw {seed}: sliced in {slice_seconds:.0f} s, perplexity {math.exp(loss):.2f}")
        archives = [
            _archive(sliced, tokenizer, test, loss, method, compression)
            for compression in COMPRESSIONS
            if seed == 0 or compression not in SLOW_COMPRESSIONS
            for method in METHODS
        ]
        for a in archives:
            say(f"  {a['method']}, {a['compression']}: {a['bytes']:,} B, {100 * a['saving']:.3f} %")
        draws.append(
            {
                "seed": seed,
                "slice_seconds": slice_seconds,
                "test_loss": loss,
                "archives": archives,
            }
        )
    numbers = bound_numbers(sliced.config)
    return {
        "model": "SmolLM2-135M-Instruct, from 4-bit weights",
        "corpus": CORPUS,
        "share_sliced": SHARE,
        "width": {"whole": model.config.width, "sliced": sliced.config.node_width(0)},
        "calibration_windows": WINDOWS,
        "test_windows": TEST_WINDOWS,
        "context": CONTEXT,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "weights_fp16_bytes": {
            "whole": _FP16_BYTES * model.n_parameters,
            "sliced": _FP16_BYTES * sliced.n_parameters,
        },
        "bound_saving": numbers / sliced.n_parameters,
        "test_perplexity": {
            "whole": math.exp(whole),
            "sliced": spread([math.exp(draw["test_loss"]) for draw in draws]),
        },
        "slice_seconds": spread([draw["slice_seconds"] for draw in draws]),
        "archives": [
            _summarise(method, compression, numbers / sliced.n_parameters, draws)
            for compression in COMPRESSIONS
            for method in METHODS
        ],
        "peak_memory_bytes": peak_memory_bytes(),
        "draws": draws,
    }


@torch.inference_mode()
def _loss(model: Transformer, windows: Tensor) -> float:
    losses = [
        float(token_loss(model(some[:, :-1]), some[:, 1:])) for some in torch.split(windows, 1)
    ]
    return statistics.fmean(losses)


@torch.inference_mode()
def _archive(
    sliced: Transformer,
    tokenizer: Tokenizer,
    test: Tensor,
    loss: float,
    method: Method,
    compression: Compression,
) -> dict[str, Any]:
    """Pack and unpack once, and hold what comes out against what went in."""
    data, report = pack_model(sliced, tokenizer, method=method, compression=compression)
    began = time.perf_counter()
    unpacked, _ = unpack_model(data)
    unpack_seconds = time.perf_counter() - began
    window = test[:1, :-1]
    logits = sliced(window)
    archive: dict[str, Any] = {
        "method": method,
        "compression": compression,
        "bytes": len(data),
        "weight_bytes": report.weights,
        "tokenizer_bytes": report.tokenizer,
        "saving": report.saving,
        "pack_seconds": report.seconds,
        "unpack_seconds": unpack_seconds,
        "logit_error": float((unpacked(window) - logits).abs().max() / logits.abs().max()),
        "perplexity_change": math.exp(_loss(unpacked, test) - loss) - 1,
    }
    if (carried := report.rotations) is not None:
        archive["rotations"] = {
            "parameters": carried.parameters,
            "popped_bits": carried.popped_bits,
            "corrections": carried.corrections,
            "correction_bits": carried.correction_bits,
        }
    return archive


def _summarise(
    method: Method, compression: Compression, bound: float, draws: list[dict[str, Any]]
) -> dict[str, Any]:
    """Spread one kind of archive over draws, beside the plain one of the same compression."""

    def find(wanted: str) -> list[dict[str, Any]]:
        return [
            archive
            for draw in draws
            for archive in draw["archives"]
            if (archive["method"], archive["compression"]) == (wanted, compression)
        ]

    own, plain = find(method), find("plain")
    figures = ("bytes", "saving", "pack_seconds", "unpack_seconds", "logit_error")
    return {
        "method": method,
        "compression": compression,
        "draws": len(own),
        **{name: spread([archive[name] for archive in own]) for name in figures},
        "share_of_bound": spread([archive["saving"] / bound for archive in own]),
        "perplexity_change": spread([archive["perplexity_change"] for archive in own]),
        "bytes_beside_plain": spread(
            [ours["bytes"] / theirs["bytes"] for ours, theirs in zip(own, plain, strict=True)]
        ),
    }
