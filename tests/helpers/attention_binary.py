"""Small layers of binary attention, runs of codes, the specification in loops, and hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import attention_engine
import numpy as np
from numpy.typing import NDArray

from lutloom.attention.binary import GAPS, NO_WEIGHT, BinaryAttention
from lutloom.attention.config import AttentionConfig
from lutloom_hw.attention_binary.engine import BinaryAttentionEngine
from lutloom_hw.attention_binary.messages import run_rows


@dataclass
class CodeRun:
    """One head over one sequence: codes uint64[n] and values."""

    query: NDArray[np.uint64]
    key: NDArray[np.uint64]
    value: NDArray[Any]
    head: int = 0

    def permuted(self, order: Any) -> CodeRun:
        return CodeRun(self.query[order], self.key[order], self.value[order], self.head)


def slope_level(halvings_a_gap: float) -> list[int]:
    """A level table that falls evenly."""
    return [min(NO_WEIGHT, int(gap * halvings_a_gap)) for gap in range(GAPS)]


def make_layer(
    *,
    code_bits: int = 16,
    n_kept: Sequence[int] = (4,),
    slopes: Sequence[float] = (0.5,),
    value_shift: Sequence[int] | None = None,
    group_size: int = 0,
    seed: int = 0,
    **sizes: Any,
) -> BinaryAttention:
    n_heads = len(n_kept)
    config = AttentionConfig(**{"n_heads": n_heads, "head_size": 8, "context": 16, **sizes})
    codebook = None
    if group_size:
        shape = (n_heads, config.head_size // group_size, 16, group_size)
        codebook = np.random.default_rng(seed).integers(-127, 128, shape).astype(np.int8)
    level = np.array([slope_level(slopes[head % len(slopes)]) for head in range(n_heads)])
    shifts = [0] * n_heads if value_shift is None else list(value_shift)
    return BinaryAttention(config, code_bits, np.array(n_kept), level, np.array(shifts), codebook)


def random_codes(rng: np.random.Generator, shape: Any, code_bits: int) -> NDArray[np.uint64]:
    return rng.integers(0, 1 << code_bits, shape, dtype=np.uint64, endpoint=False)


def random_values(rng: np.random.Generator, layer: BinaryAttention, shape: Any) -> NDArray[Any]:
    if layer.codebook is None:
        values = rng.integers(-127, 128, (*shape, layer.config.head_size))
        return values.astype(np.int8)
    return rng.integers(0, 16, (*shape, layer.codebook.shape[1])).astype(np.uint8)


def random_run(
    rng: np.random.Generator, layer: BinaryAttention, n: int, *, head: int = 0, distinct: int = 0
) -> CodeRun:
    """Draw codes; with ``distinct`` from so few that many scores tie."""
    if distinct:
        some = random_codes(rng, distinct, layer.code_bits)
        query, key = some[rng.integers(0, distinct, (2, n))]
    else:
        query, key = random_codes(rng, (2, n), layer.code_bits)
    return CodeRun(query, key, random_values(rng, layer, (n,)), head)


def loop_attend(
    layer: BinaryAttention, run: CodeRun, seen: NDArray[np.bool_], *, kept_more: int = 0
) -> list[list[int]]:
    """The specification again, in Python's integers and fractions, a number at a time."""
    head, config = run.head, layer.config
    n_kept, level = int(layer.n_kept[head]), layer.level[head].tolist()
    rows = run.value.tolist()
    if layer.codebook is not None:
        book = layer.codebook[head].tolist()
        rows = [[f for group, i in zip(book, row, strict=True) for f in group[i]] for row in rows]
    answers = []
    for i, q in enumerate(run.query.tolist()):
        keys = [j for j in range(len(rows)) if seen[i, j]]
        score = {j: f"{q ^ int(run.key[j]):0{layer.code_bits}b}".count("0") for j in keys}
        best = sorted(score.values(), reverse=True)
        least = best[min(n_kept + kept_more, len(best)) - 1] if n_kept else 0
        weight = {}
        for j in keys:
            behind = best[0] - score[j]
            shift = level[behind] if behind < GAPS else NO_WEIGHT
            weight[j] = 2 ** (7 - shift) if score[j] >= least and shift < NO_WEIGHT else 0
        answer = []
        for f in range(config.head_size):
            exact = Fraction(
                sum(weight[j] * rows[j][f] for j in keys) * 2 ** int(layer.value_shift[head]),
                sum(weight.values()),
            )
            rounded = min(127, int(abs(exact) + Fraction(1, 2)))
            answer.append(-rounded if exact < 0 else rounded)
        answers.append(answer)
    return answers


def words_of(engine: BinaryAttentionEngine, run: CodeRun) -> list[dict[str, Any]]:
    return run_rows(engine.layer, run.query, run.key, run.value, head=run.head)


def expected(engine: BinaryAttentionEngine, run: CodeRun) -> NDArray[np.int8]:
    return engine.model(run.query, run.key, run.value, head=run.head)


def attend_in_hardware(
    engine: BinaryAttentionEngine, runs: Sequence[CodeRun], **options: Any
) -> list[NDArray[np.int8]]:
    return attention_engine.attend_in_hardware(engine, runs, cut=words_of, **options)
