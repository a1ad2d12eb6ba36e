"""The very component that is emitted, in Amaranth's own simulator, under random stalls."""

from __future__ import annotations

import time

import numpy as np
from amaranth.sim import Simulator, SimulatorContext

from lutloom.attention.batch import AttentionBatch
from lutloom_hw.attention_top import AttentionTop
from lutloom_sim.attention_beats import attention_beats
from lutloom_sim.beats import StreamRun
from lutloom_sim.streams import stream_get, stream_put

_CLOCK_PERIOD_S = 1e-6


def run_amaranth(
    top: AttentionTop,
    batch: AttentionBatch,
    *,
    n_answers: int,
    idle_limit_cycles: int,
    stall_probability: float,
    seed: int,
) -> StreamRun:
    """Stream a batch through a top; some thousand clocks a second.

    Parameters
    ----------
    top : AttentionTop
    batch : AttentionBatch
    n_answers : int
    idle_limit_cycles : int
    stall_probability : float
    seed : int

    Returns
    -------
    StreamRun

    Raises
    ------
    ToolError, MismatchError
        If the design hangs or breaks the protocol.
    """
    layout = top.i.payload.shape()
    beats = [
        layout.from_bits(int.from_bytes(beat.tobytes(), "little"))
        for beat in attention_beats(top, batch)
    ]
    simulator = Simulator(top)
    simulator.add_clock(_CLOCK_PERIOD_S)
    answers: list[int] = []
    clocks, first_answer_cycle = 0, -1

    async def source(ctx: SimulatorContext) -> None:
        await stream_put(
            ctx, top.i, beats, stall_probability=stall_probability,
            rng=np.random.default_rng([seed, 0]), idle_limit_cycles=idle_limit_cycles,
        )  # fmt: skip

    async def sink(ctx: SimulatorContext) -> None:
        taken = await stream_get(
            ctx, top.o, n_answers, stall_probability=stall_probability,
            rng=np.random.default_rng([seed, 1]), idle_limit_cycles=idle_limit_cycles,
        )  # fmt: skip
        answers.extend(answer.as_bits() for answer in taken)

    async def watch(ctx: SimulatorContext) -> None:
        nonlocal clocks, first_answer_cycle
        async for _, _, valid in ctx.tick().sample(top.o.valid):
            if valid and first_answer_cycle < 0:
                first_answer_cycle = clocks
            clocks += 1

    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.add_testbench(watch, background=True)
    started_s = time.perf_counter()
    simulator.run()
    n_words = -(-len(top.o.payload.as_value()) // 64)
    data = b"".join(answer.to_bytes(8 * n_words, "little") for answer in answers)
    payloads = np.frombuffer(data, dtype="<u8").reshape(-1, n_words)
    return StreamRun(payloads, clocks, first_answer_cycle, time.perf_counter() - started_s)
