"""The attention engine from end to end: a text, a model, integers, Verilog, netlists, two chips.

Example
-------
>>> report = run_attention_demo(AttentionDemo(), Path("build/attention"), watch)   # doctest: +SKIP
>>> [found.differing for found in report.loop]                       # doctest: +SKIP
[None, None, 0, 0]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from lutloom.attention.batch import AttentionBatch, sequences_for
from lutloom.attention.calibrate import CalibratedAttention
from lutloom.attention.digest import attention_digest
from lutloom.compare.attention import evaluate_in_the_loop
from lutloom.compare.attention_cycles import measure_cycles
from lutloom.compare.attention_maps import attention_maps
from lutloom.compare.attention_results import (
    AttentionLayerRecord,
    AttentionMap,
    AttentionReport,
    AttentionTarget,
)
from lutloom.compare.attention_road import simulate_layer
from lutloom.compare.attention_targets import attention_ladder, judge_target, options_for
from lutloom.files.attention_onnx import write_attention
from lutloom.files.attention_rows import write_attention_rows
from lutloom.language.attention_capture import capture_attention
from lutloom.language.attention_loop import calibrate_blocks
from lutloom.language.block_elimination import draw_windows
from lutloom.language.masks import Pattern
from lutloom.language.mixed_sparsity import SparsityPlan
from lutloom.language.model_file import write_transformer
from lutloom.language.pretraining import PretrainingPlan, windows
from lutloom.language.small_model import Corpus, SmallModel, TrainedModel, prepare_corpus
from lutloom.language.small_model import train_small_model as train
from lutloom_hw.attention_options import AttentionOptions

Watch = Callable[[float, float, str], None]

_CALIBRATION_WINDOWS = 16
_STEPS = ("train", "lower", "loop", "simulate", "clocks", "chips")


class AttentionDemo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how large the demonstration is.

    Members
    -------
    text : a corpus by name or a file
    vocabulary : tokens at most
    size : of the transformer
    pattern, stride : the keys a query sees, from the first step of training on
    training : of the model
    block : whose attention goes on chips
    lanes : of the engine that is simulated
    query_rows : simulated, of the validation part
    test_windows : of the text's test part, for perplexities
    devices : chips
    seeds : runs of placement and routing for each
    """

    text: str = "kjv"
    vocabulary: Annotated[int, Meta(ge=257, le=65_536)] = 1024
    size: SmallModel = SmallModel(n_blocks=3, width=64)
    pattern: Pattern = "local_strided"
    stride: Annotated[int, Meta(ge=1, le=512)] = 16
    training: PretrainingPlan = PretrainingPlan(steps=1500, learning_rate=6e-3)
    block: Annotated[int, Meta(ge=0, le=63)] = 1
    lanes: Annotated[int, Meta(ge=1, le=16)] = 8
    query_rows: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_240
    test_windows: Annotated[int, Meta(ge=1, le=1_000_000)] = 64
    devices: tuple[str, ...] = ("25k", "up5k")
    seeds: Annotated[int, Meta(ge=1, le=100)] = 2


def run_attention_demo(demo: AttentionDemo, folder: Path, watch: Watch) -> AttentionReport:
    """Run every step, and leave the model, the layer, its rows and each chip's files in a folder.

    Parameters
    ----------
    demo : AttentionDemo
    folder : Path
    watch : callable
        Told of each step as it begins.

    Returns
    -------
    AttentionReport
        Differing integers are counted, not raised.

    Raises
    ------
    LutloomError
        If a tool is missing or fails, or a number is out of range.
    """
    seconds: dict[str, float] = {}
    begin = _Stopwatch(seconds, watch)
    with begin("train"):
        corpus = prepare_corpus(demo.text, demo.vocabulary)
        sparsity = SparsityPlan(pattern=demo.pattern, stride=demo.stride)
        trained = train(corpus, demo.size, demo.training, sparsity)
        model = trained.model
        write_transformer(model, corpus.tokenizer, folder / "model.safetensors")
    with begin("lower"):
        drawn = draw_windows(corpus.train, _CALIBRATION_WINDOWS, demo.size.context, seed=0)
        calibrated = calibrate_blocks(model, drawn[:, :-1])
        chosen = calibrated[demo.block]
        batch, maps = _capture(demo, trained, corpus, chosen)
        write_attention(chosen, folder / "head.onnx")
        write_attention_rows(batch, folder / "head.npz")
    options = AttentionOptions(lanes=demo.lanes)
    with begin("loop"):
        held_out = corpus.test[: demo.test_windows * demo.size.context + 1]
        loop = evaluate_in_the_loop(model, held_out, calibrated, options=options)
    with begin("simulate"):
        simulations = simulate_layer(chosen.layer, batch, options)
    with begin("clocks"):
        cycles = measure_cycles(options=options, head_size=chosen.layer.config.head_size)
    with begin("chips"):
        targets = judge_targets(chosen, batch, demo.devices, demo.seeds, folder / "head")
    watch(len(_STEPS), len(_STEPS), "")
    return AttentionReport(
        title=f"Attention of block {demo.block}, in gates",
        text=corpus.name,
        model=_describe(trained),
        layer=describe_layer(chosen, demo.block, options),
        ladder=attention_ladder(loop=loop, simulations=simulations, targets=targets),
        loop=loop,
        simulations=simulations,
        cycles=cycles,
        maps=maps,
        targets=targets,
        seconds=seconds,
    )


class _Stopwatch:
    """Tell of each step as it begins, and keep how long it took."""

    def __init__(self, seconds: dict[str, float], watch: Watch) -> None:
        self._seconds, self._watch = seconds, watch

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        self._watch(_STEPS.index(step), len(_STEPS), step)
        started_s = time.perf_counter()
        yield
        self._seconds[step] = round(time.perf_counter() - started_s, 1)


def _capture(
    demo: AttentionDemo, trained: TrainedModel, corpus: Corpus, chosen: CalibratedAttention
) -> tuple[AttentionBatch, tuple[AttentionMap, ...]]:
    """Give the rows to simulate on, and maps of the first window, from the validation part."""
    n = sequences_for(chosen.layer.config, demo.query_rows)
    cut = windows(corpus.validation, demo.size.context)[:n, :-1]
    rows = capture_attention(trained.model, cut, demo.block)
    integers = chosen.quantise(*rows.inputs)
    batch = AttentionBatch(*(np.ascontiguousarray(part.swapaxes(0, 1)) for part in integers))
    text = [corpus.tokenizer.decode(np.array([token])) for token in cut[0].tolist()]
    return batch, attention_maps(chosen, rows, text)


def judge_targets(
    calibrated: CalibratedAttention,
    batch: AttentionBatch,
    devices: tuple[str, ...],
    seeds: int,
    folder: Path,
) -> tuple[AttentionTarget, ...]:
    """Bring a layer to several chips, side by side.

    Parameters
    ----------
    calibrated : CalibratedAttention
    batch : AttentionBatch
        To simulate netlists on.
    devices : tuple of str
    seeds : int
        Runs of placement and routing for each.
    folder : Path
        Gets a folder for each.

    Returns
    -------
    tuple of AttentionTarget
        In the order of the devices.
    """

    def judge(device: str) -> AttentionTarget:
        return judge_target(
            calibrated.layer, batch, device, options=options_for(device),
            folder=folder / f"synth-{device}", seeds=range(1, seeds + 1), parallel=1,
        )  # fmt: skip

    with ThreadPoolExecutor(len(devices)) as pool:
        return tuple(pool.map(judge, devices))


def describe_layer(
    calibrated: CalibratedAttention, block: int | None, options: AttentionOptions
) -> AttentionLayerRecord:
    """Say which layer it is.

    Parameters
    ----------
    calibrated : CalibratedAttention
    block : int or None
        Of a model.
    options : AttentionOptions

    Returns
    -------
    AttentionLayerRecord
    """
    config = calibrated.layer.config
    return AttentionLayerRecord(
        kind="int8",
        block=block,
        heads=config.n_heads,
        head_size=config.head_size,
        context=config.context,
        pattern=config.pattern,
        stride=config.stride,
        lanes=options.lanes,
        n_engines=options.n_engines,
        digest=attention_digest(calibrated.layer),
    )


def _describe(trained: TrainedModel) -> dict[str, int | float | str]:
    record, config = trained.record, trained.model.config
    return {
        "blocks": config.n_blocks,
        "width": config.width,
        "heads": config.n_heads,
        "head size": config.head_size,
        "context": config.context,
        "parameters": record.parameters,
        "tokens seen in training": record.train_tokens,
        "test perplexity": round(record.test_perplexity, 2),
        "5-gram test perplexity": round(record.ngram_perplexity, 2),
    }
