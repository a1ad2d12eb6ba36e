"""Bring one trained model's attention to chips, by int8 and by codes, every integer compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from lutloom.attention.batch import AttentionBatch, sequences_for
from lutloom.attention.binary_calibrate import CalibratedBinaryAttention
from lutloom.attention.calibrate import CalibratedAttention
from lutloom.bench.attention_accuracy import (
    CALIBRATION_WINDOWS,
    CODES,
    CORPUS,
    LANES,
    LEARNING_RATE,
    PATTERN,
    SIZE,
    STEPS,
    STRIDE,
    TEST_WINDOWS,
    VOCABULARY,
)
from lutloom.compare.attention import evaluate_in_the_loop
from lutloom.compare.attention_cycles import measure_cycles
from lutloom.compare.attention_orders import count_orders
from lutloom.compare.attention_results import AttentionTarget
from lutloom.compare.attention_road import simulate_layer
from lutloom.compare.attention_targets import attention_ladder, judge_target, options_for
from lutloom.errors import LutloomError
from lutloom.language.attention_binary_loop import calibrate_binary_blocks
from lutloom.language.attention_capture import AttentionRows, capture_attention
from lutloom.language.attention_loop import calibrate_blocks
from lutloom.language.block_elimination import draw_windows
from lutloom.language.mixed_sparsity import SparsityPlan
from lutloom.language.pretraining import PretrainingPlan, windows
from lutloom.language.small_model import prepare_corpus, train_small_model
from lutloom_hw.attention_options import AttentionOptions

BLOCK = 1
QUERY_ROWS = 10_240
KIND = "codes of 64 bits, 8 keys kept"
SETS = 3
SEED_TIME_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Chip:
    """Say what is brought to which chip.

    Parameters
    ----------
    kind : {"int8", "binary"}
    device : str
    lanes : int
    single_port : bool
        Keys and values in single-port memory.
    """

    kind: str
    device: str
    lanes: int
    single_port: bool = False


CHIPS = (
    Chip("int8", "25k", 8),
    Chip("int8", "25k", 16),
    Chip("int8", "up5k", 1),
    Chip("int8", "up5k", 2),
    Chip("int8", "up5k", 2, single_port=True),
    Chip("int8", "hx8k", 1),
    Chip("binary", "25k", 4),
    Chip("binary", "up5k", 2),
    Chip("binary", "hx8k", 4),
)


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train one model, and bring one block's attention to every chip.

    Parameters
    ----------
    n_seeds : int
        Of placement and routing.
    say : callable

    Returns
    -------
    dict
    """
    corpus = prepare_corpus(CORPUS, VOCABULARY)
    plan = PretrainingPlan(steps=STEPS, learning_rate=LEARNING_RATE)
    model = train_small_model(
        corpus, SIZE, plan, SparsityPlan(pattern=PATTERN, stride=STRIDE)
    ).model
    drawn = draw_windows(corpus.train, CALIBRATION_WINDOWS, SIZE.context, 0)[:, :-1]
    held_out = corpus.test[: TEST_WINDOWS * SIZE.context + 1]
    options = AttentionOptions(lanes=LANES)
    calibrated = calibrate_blocks(model, drawn)
    loop = evaluate_in_the_loop(model, held_out, calibrated, options=options)
    say(f"perplexity {loop[0].perplexity:.2f} by torch, {loop[-1].perplexity:.2f} in Verilog")
    code_bits, n_kept, group_size = CODES[KIND]
    codes = calibrate_binary_blocks(
        model, drawn, [BLOCK], code_bits=code_bits, n_kept=n_kept, group_size=group_size
    )[BLOCK]
    n = sequences_for(codes.layer.config, QUERY_ROWS)
    cut = windows(corpus.validation, SIZE.context)[:n, :-1]
    rows = capture_attention(model, cut, BLOCK)
    layers: dict[str, CalibratedAttention | CalibratedBinaryAttention] = {
        "int8": calibrated[BLOCK],
        "binary": codes,
    }
    batches = {kind: _integers(layer, rows) for kind, layer in layers.items()}
    simulations = [
        found
        for kind, layer in layers.items()
        for found in simulate_layer(layer.layer, batches[kind], options)
    ]
    for found in simulations:
        say(f"{found.engine}: {found.differing:,} of {found.compared:,} integers differ")
    cycles = measure_cycles(options=options)
    orders = count_orders(SETS)
    judged = _judge_chips(layers, batches, n_seeds, say)
    targets = [found for found in judged if isinstance(found, AttentionTarget)]
    ladder = attention_ladder(loop=loop, simulations=simulations, targets=targets)
    return {
        "corpus": corpus.name,
        "size": msgspec.to_builtins(SIZE),
        "steps": STEPS,
        "pattern": PATTERN,
        "stride": STRIDE,
        "block": BLOCK,
        "codes": KIND,
        "test_windows": (held_out.size - 1) // SIZE.context,
        "torch": str(torch.__version__),
        "loop": msgspec.to_builtins(loop),
        "simulations": msgspec.to_builtins(simulations),
        "cycles": msgspec.to_builtins(cycles),
        "orders": msgspec.to_builtins(orders),
        "targets": [
            {"single_port": chip.single_port, **_describe(chip, found)}
            for chip, found in zip(CHIPS, judged, strict=True)
        ],
        "ladder": msgspec.to_builtins(ladder),
    }


def _integers(
    calibrated: CalibratedAttention | CalibratedBinaryAttention, rows: AttentionRows
) -> AttentionBatch:
    parts = calibrated.quantise(*rows.inputs)
    return AttentionBatch(*(np.ascontiguousarray(part.swapaxes(0, 1)) for part in parts))


def _describe(chip: Chip, found: AttentionTarget | str) -> dict[str, Any]:
    """Give what a chip made of its layer, or why it made nothing."""
    if isinstance(found, str):
        return {"kind": chip.kind, "device": chip.device, "lanes": chip.lanes, "error": found}
    described: dict[str, Any] = msgspec.to_builtins(found)
    return described


def _judge_chips(
    layers: dict[str, Any],
    batches: dict[str, AttentionBatch],
    n_seeds: int,
    say: Callable[[str], None],
) -> list[AttentionTarget | str]:
    targets: list[AttentionTarget | str] = []
    for chip in CHIPS:
        try:
            options = options_for(chip.device, lanes=chip.lanes, single_port=chip.single_port)
            with tempfile.TemporaryDirectory() as folder:
                target = judge_target(
                    layers[chip.kind].layer, batches[chip.kind], chip.device, options=options,
                    folder=Path(folder), seeds=range(1, n_seeds + 1),
                    seed_time_limit_s=SEED_TIME_LIMIT_S,
                )  # fmt: skip
        except LutloomError as error:
            targets.append(str(error))
            say(f"{chip.kind} on {chip.device}, {chip.lanes} lanes: {error}")
            continue
        targets.append(target)
        result = target.result
        clock = f"{result.fmax_mhz.min:.0f} / {result.fmax_mhz.median:.0f} MHz" if (
            result.fmax_mhz
        ) else "not routed"  # fmt: skip
        say(
            f"{chip.kind} on {chip.device}, {chip.lanes} lanes: {result.lut4} LUT4, {clock}, "
            f"{target.netlist.differing if target.netlist else 'not simulated'} integers differ"
        )
    return targets
