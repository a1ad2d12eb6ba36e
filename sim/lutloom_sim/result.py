"""What a simulation says in the end: counts and times, ready for JSON."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from lutloom_sim.beats import StreamRun


class SimulationResult(msgspec.Struct, frozen=True, kw_only=True):
    """Count the answers of a simulated design that differ from the network's.

    Attributes
    ----------
    engine : str
        ``cocotb``, ``bulk``, ``amaranth``, ``netlist`` or ``bitstream``.
    top : str
        ``pipeline`` or ``top``.
    images, mismatches : int
    first_mismatch : int or None
        Number of the first image answered otherwise.
    accuracy : float or None
        Share of the design's own answers that equal the labels.
    cycles : int
        Clocks from the end of reset to the last answer.
    latency_cycles : int or None
        Clocks from the first image's last beat to its answer, as measured; ``None`` where stalls
        hide it.
    seconds, images_per_second : float
        Wall time of the simulation alone.
    build_seconds : float
        Wall time of the build.
    build_cached : bool
        Whether it was built before.
    stall_probability : float
    seed : int
    tests : tuple of str
        The bench's tests that passed.
    """

    engine: str
    top: str
    images: int
    mismatches: int
    first_mismatch: int | None
    accuracy: float | None
    cycles: int
    latency_cycles: int | None
    seconds: float
    images_per_second: float
    build_seconds: float
    build_cached: bool
    stall_probability: float
    seed: int
    tests: tuple[str, ...] = ()


def compare_answers(
    run: StreamRun,
    expected: NDArray[np.int64],
    labels: NDArray[np.integer] | None,
    *,
    engine: str,
    top: str,
    beats_per_image: int,
    stall_probability: float,
    seed: int,
    build_seconds: float = 0.0,
    build_cached: bool = False,
    tests: tuple[str, ...] = (),
) -> SimulationResult:
    """Compare what came out with what must come out.

    Parameters
    ----------
    run : StreamRun
        As many answers as images.
    expected : int64[n]
    labels : integers[n] or None
    engine, top : str
    beats_per_image : int
    stall_probability : float
    seed : int
    build_seconds : float
    build_cached : bool
    tests : tuple of str

    Returns
    -------
    SimulationResult
    """
    wrong = np.flatnonzero(run.answers != expected)
    return SimulationResult(
        engine=engine,
        top=top,
        images=len(expected),
        mismatches=int(wrong.size),
        first_mismatch=int(wrong[0]) if wrong.size else None,
        accuracy=None if labels is None else float(np.mean(run.answers == labels)),
        cycles=run.cycles,
        latency_cycles=(
            None if stall_probability else run.first_answer_cycle - (beats_per_image - 1)
        ),
        seconds=run.seconds,
        images_per_second=len(expected) / max(run.seconds, 1e-9),
        build_seconds=build_seconds,
        build_cached=build_cached,
        stall_probability=stall_probability,
        seed=seed,
        tests=tests,
    )
