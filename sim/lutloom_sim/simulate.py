"""Run a network as hardware, in simulation, and compare every answer with the network's.

Example
-------
>>> result = simulate(network, images, labels=labels)               # doctest: +SKIP
>>> result.mismatches, result.accuracy                              # doctest: +SKIP
(0, 0.976)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.emit import TopName, emit_verilog
from lutloom.errors import InvalidRecipeError
from lutloom_hw.options import PipelineOptions
from lutloom_sim.amaranth_simulation import simulate_amaranth
from lutloom_sim.beats import (
    image_beats,
    number_payloads,
    pixel_beats,
    require_images,
    require_stall_probability,
)
from lutloom_sim.bench_job import Batch, BenchJob
from lutloom_sim.bulk import BulkSimulator
from lutloom_sim.result import SimulationResult, compare_answers
from lutloom_sim.stream_bench import run_job
from lutloom_sim.verilated import Optimise, build_cocotb

__all__ = ["Engine", "SimulationResult", "simulate", "simulate_amaranth"]

Engine = Literal["cocotb", "bulk"]

_SOME_BEATS = 2000
_SOME_IMAGES_MIN, _SOME_IMAGES_MAX = 3, 100
_QUICK_BEATS_MAX = 150_000
"""Beats up to which the shorter build wins over the faster simulation, whatever the network."""


def simulate(
    network: ir.Network,
    images: NDArray[np.uint8],
    expected: NDArray[np.int64] | None = None,
    *,
    labels: NDArray[np.integer] | None = None,
    engine: Engine = "cocotb",
    top: TopName = "pipeline",
    options: PipelineOptions | None = None,
    sources: Sequence[str] | None = None,
    optimise: Optimise | None = None,
    stall_probability: float = 0.0,
    seed: int = 0,
    waves: Path | None = None,
) -> SimulationResult:
    """Simulate a network's Verilog in Verilator, one image or beat of pixels a clock.

    Parameters
    ----------
    network : ir.Network
    images : uint8[n, height, width]
        At least one.
    expected : int64[n], optional
        The network's answers; computed by the interpreter when not given.
    labels : integers[n], optional
        True classes, for the accuracy.
    engine : {"cocotb", "bulk"}
        A bench in cocotb, with further tests of stalls and reset; or a library in this process.
    top : {"pipeline", "top"}
        Encoded images in, or pixels in.
    options : PipelineOptions, optional
        How the network becomes hardware.
    sources : sequence of str, optional
        Verilog in place of what :func:`~lutloom.emit.emit_verilog` gives: a netlist with the same
        top module and ports, and the models of its cells.
    optimise : {"quick", "fast"}, optional
        How the library is compiled; by default what takes least time for this many beats of
        emitted Verilog.  Netlists gain little from ``fast``.
    stall_probability : float
        Chance of a stall in any one clock on either side, 0 to below 1.
    seed : int
        Of the stalls.
    waves : Path, optional
        VCD file to write; cocotb only.

    Returns
    -------
    SimulationResult
        Wrong answers are counted, not raised.

    Raises
    ------
    InvalidDataError
        If images, labels or expected answers do not fit the network or each other.
    InvalidRecipeError
        If an argument is out of range.
    InvalidFileError
        If the waveforms cannot be written.
    MissingExtraError, ToolError
        If a tool is missing or fails, or the design hangs.
    MismatchError
        If the design breaks the stream protocol.
    """
    options = PipelineOptions() if options is None else options
    _require_arguments(engine, top, waves, stall_probability)
    expected = require_images(network, images, expected, labels)
    if sources is None:
        sources = (emit_verilog(network, options, top),)
    if top == "pipeline":
        beats = image_beats(network.encoder, images)
    else:
        beats = pixel_beats(network.encoder, images, options.pixels_per_beat)
    module = f"lutloom_{top}"
    if engine == "bulk":
        optimise = optimise or ("quick" if len(beats) <= _QUICK_BEATS_MAX else "fast")
        simulator = BulkSimulator(sources, module, optimise=optimise)
        run = simulator.run(
            beats, n_answers=len(images), stall_probability=stall_probability, seed=seed
        )
        simulator.close()
        tests: tuple[str, ...] = ()
        built = simulator.built
    else:
        built = build_cocotb(sources, module, waves=waves is not None)
        job = _make_job(beats, expected, stall_probability, seed)
        run, tests = run_job(built, module, job, waves=waves)
    return compare_answers(
        run,
        expected,
        labels,
        engine=engine,
        top=top,
        beats_per_image=len(beats) // len(images),
        stall_probability=stall_probability,
        seed=seed,
        build_seconds=built.seconds,
        build_cached=built.cached,
        tests=tests,
    )


def _require_arguments(engine: str, top: str, waves: Path | None, stall_probability: float) -> None:
    for name, value, allowed in (
        ("engine", engine, get_args(Engine)),
        ("top", top, get_args(TopName)),
    ):
        if value not in allowed:
            raise InvalidRecipeError(
                f"simulation, {name}: must be one of {', '.join(allowed)}, not {value!r}; "
                f"correct '{name}'"
            )
    if waves is not None and engine != "cocotb":
        raise InvalidRecipeError(
            f"simulation, waves: must go with the engine 'cocotb', not {engine!r}; change either"
        )
    require_stall_probability(stall_probability)


def _make_job(
    beats: NDArray[np.uint8], expected: NDArray[np.int64], stall_probability: float, seed: int
) -> BenchJob:
    """Ask for all images, and for the first of them under stalls and after resets."""
    beats_per_image = len(beats) // len(expected)
    n_some = min(max(_SOME_BEATS // beats_per_image, _SOME_IMAGES_MIN), _SOME_IMAGES_MAX)
    return BenchJob(
        whole=Batch(beats, number_payloads(expected)),
        some=Batch(beats[: n_some * beats_per_image], number_payloads(expected[:n_some])),
        folder=Path(),
        stall_probability=stall_probability,
        seed=seed,
    )
