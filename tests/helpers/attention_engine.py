"""Small layers, rows for them, and an attention engine in Amaranth's simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from numpy.typing import NDArray

from lutloom.attention.config import AttentionConfig, IntegerAttention
from lutloom_hw.attention.engine import AttentionEngine
from lutloom_hw.attention.messages import answer_rows, run_words
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
class Answers:
    """What came out, run by run, and when: clocks of words taken in and offered."""

    rows: list[Rows]
    words: list[Any]
    taken: list[int]
    offered: list[int]


def make_engine(
    *, lanes: int = 8, multiplier: Sequence[int] = (300,), value_shift: Sequence[int] = (0,),
    **sizes: Any,
) -> AttentionEngine:  # fmt: skip
    values = {"n_heads": len(multiplier), "head_size": 8, "context": 16, **sizes}
    config = AttentionConfig(**values)
    return AttentionEngine(IntegerAttention(config, multiplier, value_shift), lanes=lanes)


def random_run(
    rng: np.random.Generator, n: int, head_size: int, *, head: int = 0, largest: int = 127
) -> Run:
    rows = rng.integers(-largest, largest + 1, (3, n, head_size)).astype(np.int8)
    return Run(*rows, head=head)


def expected(engine: AttentionEngine, run: Run) -> Rows:
    return engine.model(run.query, run.key, run.value, head=run.head)


def simulate(
    engine: AttentionEngine,
    runs: Sequence[Run],
    *,
    i_stall: float = 0.0,
    o_stall: float = 0.0,
    seed: int = 0,
    reset_at: int | None = None,
) -> Answers:
    """Send runs back to back; with ``reset_at``, send them once more after a reset then."""
    mode = engine.layer.config.mode
    words = [
        word
        for run in runs
        for word in run_words(
            run.query, run.key, run.value, mode=mode, lanes=engine.lanes, head=run.head
        )
    ]
    count = sum(len(run.query) for run in runs) * engine.words
    rst = Signal()
    simulator = Simulator(ResetInserter(rst)(engine))
    simulator.add_clock(1e-6)
    got: list[Any] = []
    taken: list[int] = []
    offered: list[int] = []

    async def until_reset(ctx: Any) -> None:
        rng = np.random.default_rng([seed, 2])
        ctx.set(engine.i.valid, 1)
        ctx.set(engine.o.ready, 1)
        position = 0
        for _ in range(reset_at or 0):
            ctx.set(engine.i.payload, words[position % len(words)])
            _, _, ready = await ctx.tick().sample(engine.i.ready)
            position += ready
            ctx.set(engine.o.ready, int(rng.random() >= o_stall))
        ctx.set(rst, 1)
        await ctx.tick()
        ctx.set(rst, 0)
        ctx.set(engine.i.valid, 0)

    async def source(ctx: Any) -> None:
        if reset_at is not None:
            await until_reset(ctx)
        await stream_put(
            ctx, engine.i, words, stall_probability=i_stall, rng=np.random.default_rng([seed, 0])
        )

    async def sink(ctx: Any) -> None:
        if reset_at is not None:
            await ctx.tick().repeat(reset_at + 1)
        got.extend(
            await stream_get(
                ctx, engine.o, count,
                stall_probability=o_stall, rng=np.random.default_rng([seed, 1]),
            )
        )  # fmt: skip

    async def watch(ctx: Any) -> None:
        clock = 0
        ports = (engine.i.valid, engine.i.ready, engine.o.valid, engine.o.ready)
        async for _, _, i_valid, i_ready, o_valid, o_ready in ctx.tick().sample(*ports):
            if i_valid and i_ready:
                taken.append(clock)
            if o_valid and o_ready:
                offered.append(clock)
            clock += 1

    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    rows, start = [], 0
    for run in runs:
        end = start + len(run.query) * engine.words
        rows.append(answer_rows(got[start:end], head_size=engine.layer.config.head_size))
        start = end
    return Answers(rows, got, taken, offered)
