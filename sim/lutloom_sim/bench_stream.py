"""cocotb's benches of everything with the stream ports: every answer against the model's.

:func:`lutloom_sim.stream_bench.run_job` starts it and hands it a job through
``LUTLOOM_BENCH_JOB``.
"""

from __future__ import annotations

import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject

from lutloom_sim.beats import Payloads, StreamRun
from lutloom_sim.bench_job import (
    JOB_VARIABLE,
    Batch,
    BenchJob,
    order_by_key,
    read_job,
    write_outcome,
)
from lutloom_sim.cocotb_streams import StreamBench

_SURPLUS_CYCLES = 256
_STALLS = ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.9, 0.9))
"""Chances at the input and at the output."""


def _job() -> BenchJob:
    return read_job(Path(os.environ[JOB_VARIABLE]))


def _check(job: BenchJob, payloads: Payloads, expected: Payloads) -> None:
    answers, wanted = (order_by_key(rows, job.key) for rows in (payloads, expected))
    wrong = np.flatnonzero((answers != wanted).any(axis=1))
    assert not wrong.size, (
        f"{wrong.size} of {len(wanted)} answers differ from the model's; the first is answer "
        f"{wrong[0]}: {_number(answers[wrong[0]])}, not {_number(wanted[wrong[0]])}"
    )


def _number(words: Payloads) -> str:
    value = int.from_bytes(words.astype("<u8").tobytes(), "little")
    return str(value) if value < 1 << 16 else f"{value:#x}"


async def _stream(
    bench: StreamBench,
    job: BenchJob,
    batch: Batch,
    stalls: tuple[float, float] = (0.0, 0.0),
    cycles_max: int | None = None,
) -> StreamRun:
    return await bench.stream(
        batch.beats, len(batch.expected),
        stall_input=stalls[0], stall_output=stalls[1],
        cycles_max=cycles_max, idle_limit_cycles=job.idle_limit_cycles,
    )  # fmt: skip


async def _check_silence(bench: StreamBench, whence: str) -> None:
    count = await bench.surplus(_SURPLUS_CYCLES)
    assert count == 0, f"{count} answers came {whence}"


@cocotb.test()
async def every_answer_is_the_models(dut: HierarchyObject) -> None:
    """Stream all there is, with the stalls the job asks for."""
    job = _job()
    bench = StreamBench(dut, job.seed)
    await bench.start()
    run = await _stream(bench, job, job.whole, (job.stall_probability, job.stall_probability))
    write_outcome(job, run)
    _check(job, run.payloads, job.whole.expected)
    await _check_silence(bench, "without beats")


@cocotb.test()
async def stalls_change_no_answer(dut: HierarchyObject) -> None:
    """Stream some under random stalls on both sides."""
    job = _job()
    bench = StreamBench(dut, job.seed + 1)
    await bench.start()
    for stalls in _STALLS:
        run = await _stream(bench, job, job.some, stalls)
        _check(job, run.payloads, job.some.expected)
        await _check_silence(bench, "without beats")


@cocotb.test()
async def reset_in_mid_stream_leaves_nothing_behind(dut: HierarchyObject) -> None:
    """Reset with beats on their way, when no answer was taken and all is full, and under stalls."""
    job = _job()
    bench = StreamBench(dut, job.seed + 2)
    await bench.start()
    until_reset = (((0.0, 0.0), 7), ((0.0, 1.0), job.fill_cycles), ((0.5, 0.5), 133))
    for stalls, cycles in until_reset:
        await _stream(bench, job, job.some, stalls, cycles_max=cycles)
        await bench.reset()
        await _check_silence(bench, "from before the reset")
        run = await _stream(bench, job, job.some)
        _check(job, run.payloads, job.some.expected)
