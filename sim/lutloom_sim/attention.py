"""Run a layer of attention as hardware, in simulation, and compare every integer.

Example
-------
>>> result = simulate_attention(layer, batch, options=options)       # doctest: +SKIP
>>> result.differing, result.query_rows                              # doctest: +SKIP
(0, 10240)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.batch import AttentionBatch
from lutloom.attention.binary import BinaryAttention
from lutloom.attention.config import IntegerAttention
from lutloom.emit import ATTENTION_TOP, emit_attention_verilog
from lutloom.errors import InvalidDataError, InvalidRecipeError
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.attention_top import AttentionTop
from lutloom_sim.attention_amaranth import run_amaranth
from lutloom_sim.attention_beats import (
    attention_beats,
    attention_payloads,
    expected_answers,
    head_key,
    read_answers,
)
from lutloom_sim.attention_result import AttentionExecutor, AttentionSimulation
from lutloom_sim.beats import IDLE_LIMIT_CYCLES, Payloads, StreamRun, require_stall_probability
from lutloom_sim.bench_job import Batch, BenchJob, order_by_key
from lutloom_sim.bulk import BulkSimulator
from lutloom_sim.stream_bench import run_job
from lutloom_sim.verilated import Built, Optimise, build_cocotb

_SOME_POSITIONS = 12
_QUICK_WORK = 3_000_000
"""Slots up to which the shorter build wins over the faster simulation."""


class AttentionSimulator:
    """Attend in Verilog, in this process.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    options : AttentionOptions
    sources : sequence of str, optional
        Verilog in place of what :func:`~lutloom.emit.emit_attention_verilog` gives.
    optimise : {"quick", "fast"}
        How the library is compiled.

    Attributes
    ----------
    built : Built
    cycles : int
        Of all runs so far.

    Raises
    ------
    InvalidRecipeError
        If the options do not fit the layer.
    MissingExtraError, ToolError
        If it cannot be built or loaded.
    """

    def __init__(
        self,
        layer: IntegerAttention | BinaryAttention,
        options: AttentionOptions,
        *,
        sources: Sequence[str] | None = None,
        optimise: Optimise = "fast",
    ) -> None:
        self.top = AttentionTop(layer, options)
        if sources is None:
            sources = (emit_attention_verilog(layer, options),)
        self._simulator = BulkSimulator(sources, ATTENTION_TOP, optimise=optimise)
        self.built = self._simulator.built
        self.cycles = 0

    def close(self) -> None:
        """Free the model's memory."""
        self._simulator.close()

    def attend(
        self, query: NDArray[Any], key: NDArray[Any], value: NDArray[Any]
    ) -> NDArray[np.int8]:
        """Attend for one sequence; see :func:`lutloom.attention.attend`.

        Parameters
        ----------
        query, key, value : int8[n_heads, n_positions, head_size]

        Returns
        -------
        int8[n_heads, n_positions, head_size]
        """
        batch = AttentionBatch(query[None], key[None], value[None])
        shape = (1, *query.shape[:2], self.top.layer.config.head_size)
        payloads = order_by_key(self.run(batch).payloads, head_key(self.top))
        answers: NDArray[np.int8] = read_answers(self.top, payloads, shape)[0]
        return answers

    def run(
        self, batch: AttentionBatch, *, stall_probability: float = 0.0, seed: int = 0
    ) -> StreamRun:
        """Reset, stream a batch in and collect the answers, in the order in which they come.

        Parameters
        ----------
        batch : AttentionBatch
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
        run = self._simulator.run(
            attention_beats(self.top, batch),
            n_answers=_n_answers(self.top, batch),
            stall_probability=stall_probability,
            seed=seed,
            idle_limit_cycles=_idle_limit_cycles(self.top),
        )
        self.cycles += run.cycles
        return run


def simulate_attention(
    layer: IntegerAttention | BinaryAttention,
    batch: AttentionBatch,
    *,
    options: AttentionOptions,
    engine: AttentionExecutor = "cocotb",
    sources: Sequence[str] | None = None,
    optimise: Optimise | None = None,
    stall_probability: float = 0.0,
    seed: int = 0,
    waves: Path | None = None,
) -> AttentionSimulation:
    """Simulate a layer's engine and compare every integer with the model's.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    batch : AttentionBatch
        At least one sequence.
    options : AttentionOptions
    engine : {"amaranth", "cocotb", "bulk"}
        Amaranth's simulator, for some dozen rows; Verilator under a bench in cocotb, with further
        tests of stalls and reset; or Verilator as a library in this process.
    sources : sequence of str, optional
        Verilog in place of the emitted one: a netlist, and the models of its cells.
    optimise : {"quick", "fast"}, optional
        How the library is compiled; by default what takes least time.
    stall_probability : float
        Chance of a stall in any one clock on either side, 0 to below 1.
    seed : int
        Of the stalls.
    waves : Path, optional
        VCD file to write; cocotb only.

    Returns
    -------
    AttentionSimulation
        Differing integers are counted, not raised.

    Raises
    ------
    InvalidDataError, InvalidRecipeError
        If batch, layer and options do not fit each other.
    MissingExtraError, ToolError
        If a tool is missing or fails, or the design hangs.
    MismatchError
        If the design breaks the stream protocol.
    """
    require_stall_probability(stall_probability)
    if engine not in get_args(AttentionExecutor):
        raise InvalidRecipeError(
            f"attention simulation, engine: must be one of {', '.join(get_args(AttentionExecutor))}"
            f", not {engine!r}; correct 'engine'"
        )
    if waves is not None and engine != "cocotb":
        raise InvalidRecipeError(
            f"attention simulation, waves: must go with the engine 'cocotb', not {engine!r}; "
            "change either"
        )
    if sources is not None and engine == "amaranth":
        raise InvalidRecipeError(
            "attention simulation, sources: Verilog must go with the engine 'cocotb' or 'bulk', "
            "not 'amaranth'; change either"
        )
    if not len(batch):
        raise InvalidDataError("attention simulation: must have a sequence; give one at least")
    top = AttentionTop(layer, options)
    expected = attention_payloads(top, expected_answers(top, batch))
    stalls: dict[str, Any] = {"stall_probability": stall_probability, "seed": seed}
    tests: tuple[str, ...] = ()
    built: Built | None = None
    if engine == "amaranth":
        run = run_amaranth(
            top, batch, n_answers=len(expected), idle_limit_cycles=_idle_limit_cycles(top), **stalls
        )
    elif engine == "bulk":
        work = batch.query_rows * batch.query.shape[2] * layer.config.head_size // options.lanes
        optimise = optimise or ("quick" if work <= _QUICK_WORK else "fast")
        simulator = AttentionSimulator(layer, options, sources=sources, optimise=optimise)
        run = simulator.run(batch, **stalls)
        simulator.close()
        built = simulator.built
    else:
        built = build_cocotb(
            sources or (emit_attention_verilog(layer, options),), ATTENTION_TOP,
            waves=waves is not None,
        )  # fmt: skip
        some = batch.head(1, _SOME_POSITIONS)
        beats = attention_beats(top, some)
        job = BenchJob(
            whole=Batch(attention_beats(top, batch), expected),
            some=Batch(beats, attention_payloads(top, expected_answers(top, some))),
            folder=Path(),
            key=head_key(top),
            fill_cycles=2 * len(beats),
            idle_limit_cycles=_idle_limit_cycles(top),
            **stalls,
        )
        run, tests = run_job(built, ATTENTION_TOP, job, waves=waves)
    design = "amaranth" if engine == "amaranth" else "netlist" if sources else "verilog"
    return _compare(
        top, batch, run, expected, built=built, engine=engine, design=design, tests=tests, **stalls
    )


def _n_answers(top: AttentionTop, batch: AttentionBatch) -> int:
    return batch.query_rows * top.layer.config.head_size // top.features_per_answer


def _idle_limit_cycles(top: AttentionTop) -> int:
    """Bound the clocks between transfers: passes over all keys, a feature a clock at worst."""
    config = top.layer.config
    return IDLE_LIMIT_CYCLES + 8 * config.context * config.head_size


def _compare(
    top: AttentionTop,
    batch: AttentionBatch,
    run: StreamRun,
    expected: Payloads,
    *,
    built: Built | None,
    **facts: Any,
) -> AttentionSimulation:
    """Count what differs, head by head where heads' answers are mixed."""
    n, heads, positions = batch.query.shape[:3]
    size, key = top.features_per_answer, head_key(top)
    given, wanted = (
        np.ascontiguousarray(order_by_key(rows, key).astype("<u8")).view(np.uint8)
        for rows in (run.payloads, expected)
    )
    wrong = given[:, :size] != wanted[:, :size]
    marks = (given[:, size:] != wanted[:, size:]).any(axis=1)
    first = ""
    if wrong.any():
        row = int(np.flatnonzero(wrong.any(axis=1))[0]) * size // top.layer.config.head_size
        sequence, head, position = (
            int(index) for index in np.unravel_index(row, (n, heads, positions))
        )
        if key[1]:
            head, sequence, position = (
                int(index) for index in np.unravel_index(row, (heads, n, positions))
            )
        first = f"sequence {sequence}, head {head}, position {position}"
    return AttentionSimulation(
        sequences=n,
        positions=positions,
        heads=heads,
        query_rows=batch.query_rows,
        compared=int(wrong.size),
        differing=int(wrong.sum()),
        first_differing=first,
        marks_differing=int(marks.sum()),
        cycles=run.cycles,
        seconds=run.seconds,
        build_seconds=built.seconds if built else 0.0,
        build_cached=built.cached if built else False,
        **facts,
    )
