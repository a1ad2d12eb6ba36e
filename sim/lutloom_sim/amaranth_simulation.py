"""The very component that is emitted, in Amaranth's own simulator, under random stalls."""

from __future__ import annotations

import time

import numpy as np
from amaranth.sim import Simulator, SimulatorContext
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_sim.beats import (
    StreamRun,
    image_beats,
    number_payloads,
    require_images,
    require_stall_probability,
)
from lutloom_sim.result import SimulationResult, compare_answers
from lutloom_sim.streams import stream_get, stream_put

_CLOCK_PERIOD_S = 1e-6


def simulate_amaranth(
    network: ir.Network,
    images: NDArray[np.uint8],
    expected: NDArray[np.int64] | None = None,
    *,
    labels: NDArray[np.integer] | None = None,
    options: PipelineOptions | None = None,
    stall_probability: float = 0.5,
    seed: int = 0,
) -> SimulationResult:
    """Simulate a network's :class:`~lutloom_hw.pipeline.Pipeline` under random stalls.

    Some 100 images take seconds; whole data sets are for :func:`~lutloom_sim.simulate.simulate`.

    Parameters
    ----------
    network : ir.Network
    images : uint8[n, height, width]
        At least one.
    expected : int64[n], optional
        The network's answers; computed by the interpreter when not given.
    labels : integers[n], optional
    options : PipelineOptions, optional
    stall_probability : float
        Chance of a stall in any one clock on either side, 0 to below 1.
    seed : int
        Of the stalls.

    Returns
    -------
    SimulationResult
        Wrong answers are counted, not raised.  Building is part of ``build_seconds``.

    Raises
    ------
    InvalidDataError, InvalidRecipeError, InvalidNetworkError
        If images, options or network are not valid.
    ToolError
        If the pipeline hangs.
    MismatchError
        If it breaks the stream protocol.
    """
    require_stall_probability(stall_probability)
    expected = require_images(network, images, expected, labels)
    payloads = [
        int.from_bytes(beat.tobytes(), "little") for beat in image_beats(network.encoder, images)
    ]
    started_s = time.perf_counter()
    pipeline = Pipeline(network, PipelineOptions() if options is None else options)
    simulator = Simulator(pipeline)
    simulator.add_clock(_CLOCK_PERIOD_S)
    answers: list[int] = []
    clocks = 0
    first_answer_cycle = -1

    async def source(ctx: SimulatorContext) -> None:
        await stream_put(
            ctx, pipeline.i, payloads,
            stall_probability=stall_probability, rng=np.random.default_rng([seed, 0]),
        )  # fmt: skip

    async def sink(ctx: SimulatorContext) -> None:
        answers.extend(
            await stream_get(
                ctx, pipeline.o, len(images),
                stall_probability=stall_probability, rng=np.random.default_rng([seed, 1]),
            )
        )  # fmt: skip

    async def watch(ctx: SimulatorContext) -> None:
        nonlocal clocks, first_answer_cycle
        async for _, _, valid in ctx.tick().sample(pipeline.o.valid):
            if valid and first_answer_cycle < 0:
                first_answer_cycle = clocks
            clocks += 1

    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.add_testbench(watch, background=True)
    build_seconds = time.perf_counter() - started_s
    simulator.run()
    seconds = time.perf_counter() - started_s - build_seconds
    return compare_answers(
        StreamRun(
            number_payloads(np.array(answers, dtype=np.int64)), clocks, first_answer_cycle, seconds
        ),
        expected,
        labels,
        engine="amaranth",
        top="pipeline",
        beats_per_image=1,
        stall_probability=stall_probability,
        seed=seed,
        build_seconds=build_seconds,
    )
