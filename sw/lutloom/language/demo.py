"""The language half from end to end: a text, two trainings, fewer blocks, a slimmer stream, a file.

Example
-------
>>> record = run_demo(Demo(), Path("build/language"), watch)         # doctest: +SKIP
>>> [line.step for line in record.lines]                             # doctest: +SKIP
['5-gram', 'dense', 'mixed-sparse', 'eliminated', 'sliced', 'packed', 'unpacked']
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lutloom.files.atomic import write_bytes, write_json
from lutloom.files.bounded import read_bytes
from lutloom.language.archive import ARCHIVE_BYTES_MAX, pack_model, unpack_model
from lutloom.language.block_elimination import choose_blocks, draw_windows, without_blocks
from lutloom.language.corpus import CorpusReport, corpus_report
from lutloom.language.kneser_ney import KneserNey
from lutloom.language.mixed_sparsity import forward_flops, mixed_sparsity_plan
from lutloom.language.model_file import write_transformer
from lutloom.language.pretraining import PretrainingPlan, mean_loss
from lutloom.language.slicing import slice_model
from lutloom.language.small_model import (
    Corpus,
    SmallModel,
    TrainedModel,
    prepare_corpus,
    train_small_model,
)
from lutloom.language.transformer import Transformer

Watch = Callable[[float, float, str], None]

_STEPS = 8
_CALIBRATION_WINDOWS, _SLICING_TOKENS = 16, 16_384
_FP16_BYTES = 2


class Demo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how large the demonstration is.

    Members
    -------
    text : a corpus by name or a file
    vocabulary : tokens at most
    size : of the transformer
    training : of both models
    sentences : of the text that the corpus report looks at
    sparsity : of the mixed-sparse training, at its peak
    blocks : eliminated
    share : of the residual stream, sliced off
    """

    text: str = "kjv"
    vocabulary: Annotated[int, Meta(ge=257, le=65_536)] = 1024
    size: SmallModel = SmallModel(n_blocks=6, width=96)
    training: PretrainingPlan = PretrainingPlan(steps=500, learning_rate=4e-3)
    sentences: Annotated[int, Meta(ge=1, le=1_000_000)] = 500
    sparsity: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.95
    blocks: Annotated[int, Meta(ge=1, le=62)] = 2
    share: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.2


class DemoLine(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one step's figures; None where a column has no meaning.

    Members
    -------
    step : its name
    what : in a few words
    test_loss : nats a token, on the part nothing was chosen on
    train_flops : operations of the training
    token_flops : operations of one token, forward, at full context
    size_bytes : weights at two bytes each, or of the archive
    seconds : the step took
    """

    step: str
    what: str
    test_loss: float | None = None
    train_flops: float | None = None
    token_flops: float | None = None
    size_bytes: int | None = None
    seconds: float


class DemoRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what the demonstration gave.

    Members
    -------
    corpus : reductions, with their errors
    lines : one a step
    """

    corpus: CorpusReport
    lines: tuple[DemoLine, ...]


def run_demo(demo: Demo, folder: Path, watch: Watch) -> DemoRecord:
    """Run every step and leave the models, the archive and ``demo.json`` in a folder.

    Parameters
    ----------
    demo : Demo
    folder : Path
    watch : callable
        Told of each step as it begins.

    Returns
    -------
    DemoRecord
    """
    lines: list[DemoLine] = []
    watch(0, _STEPS, "corpus")
    reductions = corpus_report(text=demo.text, sentences=demo.sentences)
    corpus = prepare_corpus(demo.text, demo.vocabulary)
    watch(1, _STEPS, "5-gram")
    lines.append(_ngram_line(corpus))
    watch(2, _STEPS, "dense")
    dense = train_small_model(corpus, demo.size, demo.training)
    lines.append(_training_line("dense", "trained densely", dense, corpus))
    watch(3, _STEPS, "mixed-sparse")
    plan = mixed_sparsity_plan(demo.sparsity)
    training = msgspec.structs.replace(demo.training, decay_from=plan.restored_from)
    sparse = train_small_model(corpus, demo.size, training, plan)
    text = f"weights up to {100 * demo.sparsity:.0f} % sparse while it trains"
    lines.append(_training_line("mixed-sparse", text, sparse, corpus))
    for name, trained in (("dense", dense), ("mixed-sparse", sparse)):
        write_transformer(trained.model, corpus.tokenizer, folder / f"{name}.safetensors")
    watch(4, _STEPS, "eliminated")
    model = _eliminate(demo, dense.model, corpus, lines)
    watch(5, _STEPS, "sliced")
    model = _slice(demo, model, corpus, lines)
    watch(6, _STEPS, "packed")
    _pack(model, corpus, folder, lines)
    record = DemoRecord(corpus=reductions, lines=tuple(lines))
    write_json(folder / "demo.json", record)
    watch(_STEPS, _STEPS, "")
    return record


def _eliminate(
    demo: Demo, model: Transformer, corpus: Corpus, lines: list[DemoLine]
) -> Transformer:
    started = time.perf_counter()
    windows = draw_windows(corpus.train, _CALIBRATION_WINDOWS, demo.size.context, seed=0)
    choice = choose_blocks("swap", model, windows, demo.blocks)
    shorter = without_blocks(model, choice.removed)
    seconds = time.perf_counter() - started
    blocks = " and ".join(str(block + 1) for block in sorted(choice.removed))
    what = f"the dense one without blocks {blocks} of {model.config.n_blocks}"
    lines.append(_model_line("eliminated", what, shorter, corpus, seconds))
    return shorter


def _slice(demo: Demo, model: Transformer, corpus: Corpus, lines: list[DemoLine]) -> Transformer:
    started = time.perf_counter()
    sliced = slice_model(model, corpus.train[:_SLICING_TOKENS], demo.share)
    seconds = time.perf_counter() - started
    what = f"{sliced.config.node_width(0)} of {model.config.width} features of its stream"
    lines.append(_model_line("sliced", what, sliced, corpus, seconds))
    return sliced


def _pack(model: Transformer, corpus: Corpus, folder: Path, lines: list[DemoLine]) -> None:
    started = time.perf_counter()
    data, _ = pack_model(model, corpus.tokenizer, method="symmetric", compression="exponent")
    path = folder / "model.llm"
    write_bytes(path, data)
    seconds = time.perf_counter() - started
    what = "implied entries left out, exponents coded; tokenizer and all"
    lines.append(DemoLine(step="packed", what=what, size_bytes=len(data), seconds=seconds))
    started = time.perf_counter()
    unpacked, _ = unpack_model(read_bytes(path, ARCHIVE_BYTES_MAX))
    seconds = time.perf_counter() - started
    lines.append(_model_line("unpacked", "from the archive again", unpacked, corpus, seconds))


def _ngram_line(corpus: Corpus) -> DemoLine:
    started = time.perf_counter()
    ngram = KneserNey(corpus.train, corpus.tokenizer.vocabulary)
    loss = ngram.mean_loss(corpus.test)
    return DemoLine(
        step="5-gram",
        what="Kneser-Ney, what a transformer must beat",
        test_loss=loss,
        seconds=time.perf_counter() - started,
    )


def _training_line(step: str, what: str, trained: TrainedModel, corpus: Corpus) -> DemoLine:
    line = _model_line(step, what, trained.model, corpus, trained.record.train_seconds)
    return msgspec.structs.replace(line, train_flops=trained.record.flops)


def _model_line(
    step: str, what: str, model: Transformer, corpus: Corpus, seconds: float
) -> DemoLine:
    return DemoLine(
        step=step,
        what=what,
        test_loss=mean_loss(model, corpus.test),
        token_flops=token_flops(model),
        size_bytes=_FP16_BYTES * model.n_parameters,
        seconds=seconds,
    )


def token_flops(model: Transformer) -> float:
    """Count the operations of one token, forward, averaged over a full context.

    Parameters
    ----------
    model : Transformer

    Returns
    -------
    float
        Weights that are zero count as if they were not.
    """
    head = model.embedding.weight if model.head is None else model.head.weight
    rest = sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if weight.dim() == 2 and not name.startswith(("embedding", "head"))
    )
    config = model.config
    count = forward_flops(
        config,
        block_weights=rest,
        head_weights=head.numel(),
        pattern=config.pattern,
        stride=config.stride,
    )
    return count.total() / config.context
