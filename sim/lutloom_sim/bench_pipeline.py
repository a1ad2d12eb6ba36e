"""cocotb's benches of ``lutloom_pipeline`` and ``lutloom_top``: every answer against the IR's.

:func:`lutloom_sim.runner.run_bench` starts it and hands it a job through ``LUTLOOM_BENCH_JOB``.
"""

from __future__ import annotations

import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject

from lutloom_sim.bench_job import JOB_VARIABLE, BenchJob, read_job, write_outcome
from lutloom_sim.cocotb_streams import StreamBench

_SOME_BEATS = 2000
_SOME_IMAGES_MIN, _SOME_IMAGES_MAX = 3, 100
_SURPLUS_CYCLES = 256
_STALLS = ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.9, 0.9))
"""Chances at the input and at the output."""
_UNTIL_RESET = ((0.0, 0.0, 7), (0.0, 1.0, 250), (0.5, 0.5, 133))
"""Chances of stalls, and clocks: images inside; no answer taken, so that all is full; both."""


def _job() -> BenchJob:
    return read_job(Path(os.environ[JOB_VARIABLE]))


def _some() -> BenchJob:
    """Give as many of the first images as a test of stalls or reset can stream in little time."""
    job = _job()
    beats_per_image = len(job.beats) // len(job.expected)
    n_images = _SOME_BEATS // beats_per_image
    return job.head(min(max(n_images, _SOME_IMAGES_MIN), _SOME_IMAGES_MAX))


def _check(answers: np.ndarray, expected: np.ndarray) -> None:
    wrong = np.flatnonzero(answers != expected)
    assert not wrong.size, (
        f"{wrong.size} of {expected.size} answers differ from the network's; the first is image "
        f"{wrong[0]}: {answers[wrong[0]]}, not {expected[wrong[0]]}"
    )


async def _check_silence(bench: StreamBench, whence: str) -> None:
    count = await bench.surplus(_SURPLUS_CYCLES)
    assert count == 0, f"{count} answers came {whence}"


@cocotb.test()
async def every_answer_is_the_networks(dut: HierarchyObject) -> None:
    """Stream all images, with the stalls the job asks for."""
    job = _job()
    bench = StreamBench(dut, job.seed)
    await bench.start()
    run = await bench.stream(
        job.beats, len(job.expected),
        stall_input=job.stall_probability, stall_output=job.stall_probability,
    )  # fmt: skip
    write_outcome(job, run)
    _check(run.answers, job.expected)
    await _check_silence(bench, "without images")


@cocotb.test()
async def stalls_change_no_answer(dut: HierarchyObject) -> None:
    """Stream some images under random stalls on both sides."""
    job = _some()
    bench = StreamBench(dut, job.seed + 1)
    await bench.start()
    for stall_input, stall_output in _STALLS:
        run = await bench.stream(
            job.beats, len(job.expected), stall_input=stall_input, stall_output=stall_output
        )
        _check(run.answers, job.expected)
        await _check_silence(bench, "without images")


@cocotb.test()
async def reset_in_mid_stream_leaves_nothing_behind(dut: HierarchyObject) -> None:
    """Reset with images on their way, with answers waiting, and under stalls."""
    job = _some()
    bench = StreamBench(dut, job.seed + 2)
    await bench.start()
    for stall_input, stall_output, cycles in _UNTIL_RESET:
        await bench.stream(
            job.beats, len(job.expected),
            stall_input=stall_input, stall_output=stall_output, cycles_max=cycles,
        )  # fmt: skip
        await bench.reset()
        await _check_silence(bench, "from before the reset")
        run = await bench.stream(job.beats, len(job.expected))
        _check(run.answers, job.expected)
