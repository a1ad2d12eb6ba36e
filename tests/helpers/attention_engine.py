"""Small layers, rows for them, and an attention engine in Amaranth's simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from numpy.typing import NDArray

from lutloom.attention.config import AttentionConfig, IntegerAttention
from lutloom_hw.attention.engine import AttentionEngine
from lutloom_hw.attention.messages import answer_rows, run_words
from lutloom_hw.attention_options import RowMemory
from lutloom_sim.streams import stream_get, stream_put

Rows = NDArray[np.int8]


@dataclass
class Run:
    """One head over one sequence: queries, keys and values, int8[n, head_size]."""

    query: Rows
    key: Rows
    value: Rows
    head: int = 0


@dataclass
class Trace:
    """The words that came out, and the clocks in which words went in and out."""

    words: list[Any]
    taken: list[int]
    given: list[int]


def make_layer(
    *, multiplier: Sequence[int] = (300,), value_shift: Sequence[int] = (0,), **sizes: Any
) -> IntegerAttention:
    values = {"n_heads": len(multiplier), "head_size": 8, "context": 16, **sizes}
    return IntegerAttention(AttentionConfig(**values), multiplier, value_shift)


def make_engine(
    *, lanes: int = 8, row_memory: RowMemory = "block", **layer: Any
) -> AttentionEngine:
    return AttentionEngine(make_layer(**layer), lanes=lanes, row_memory=row_memory)


def random_run(
    rng: np.random.Generator, n: int, head_size: int, *, head: int = 0, largest: int = 127
) -> Run:
    rows = rng.integers(-largest, largest + 1, (3, n, head_size)).astype(np.int8)
    return Run(*rows, head=head)


def expected(engine: Any, run: Run) -> Rows:
    return engine.model(run.query, run.key, run.value, head=run.head)


def words_of(engine: Any, run: Run) -> list[dict[str, Any]]:
    mode = engine.layer.config.mode
    return run_words(run.query, run.key, run.value, mode=mode, lanes=engine.lanes, head=run.head)


def drive(
    dut: Any,
    words: Sequence[Any],
    count: int,
    *,
    i_stall: float = 0.0,
    o_stall: float = 0.0,
    seed: int = 0,
    reset_at: int | None = None,
) -> Trace:
    """Send words and take ``count``; with ``reset_at``, first run until then and reset."""
    rst = Signal()
    simulator = Simulator(ResetInserter(rst)(dut))
    simulator.add_clock(1e-6)
    trace = Trace([], [], [])

    async def until_reset(ctx: Any) -> None:
        rng = np.random.default_rng([seed, 2])
        ctx.set(dut.i.valid, 1)
        position = 0
        for _ in range(reset_at or 0):
            ctx.set(dut.i.payload, words[position % len(words)])
            ctx.set(dut.o.ready, int(rng.random() >= o_stall))
            _, _, ready = await ctx.tick().sample(dut.i.ready)
            position += ready
        ctx.set(rst, 1)
        await ctx.tick()
        ctx.set(rst, 0)
        ctx.set(dut.i.valid, 0)

    async def source(ctx: Any) -> None:
        if reset_at is not None:
            await until_reset(ctx)
        await stream_put(
            ctx, dut.i, words, stall_probability=i_stall, rng=np.random.default_rng([seed, 0])
        )

    async def sink(ctx: Any) -> None:
        if reset_at is not None:
            await ctx.tick().repeat(reset_at + 1)
        rng = np.random.default_rng([seed, 1])
        trace.words += await stream_get(ctx, dut.o, count, stall_probability=o_stall, rng=rng)

    async def watch(ctx: Any) -> None:
        ports = (dut.i.valid, dut.i.ready, dut.o.valid, dut.o.ready)
        clock = 0
        async for _, _, i_valid, i_ready, o_valid, o_ready in ctx.tick().sample(*ports):
            if i_valid and i_ready:
                trace.taken.append(clock)
            if o_valid and o_ready:
                trace.given.append(clock)
            clock += 1

    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    return trace


def attend_in_hardware(
    engine: Any,
    runs: Sequence[Any],
    *,
    cut: Callable[[Any, Any], list[dict[str, Any]]] = words_of,
    **options: Any,
) -> list[Rows]:
    """Send runs, cut into words, back to back, give each run's answers, and check their marks."""
    words = [word for run in runs for word in cut(engine, run)]
    lengths = [len(run.query) * engine.words for run in runs]
    trace = drive(engine, words, sum(lengths), **options)
    rows, start = [], 0
    for run, length in zip(runs, lengths, strict=True):
        own = trace.words[start : start + length]
        start += length
        assert [word.last for word in own] == [0] * (length - 1) + [1]
        assert {word.head for word in own} == {run.head}
        rows.append(answer_rows(own, head_size=engine.layer.config.head_size))
    return rows
