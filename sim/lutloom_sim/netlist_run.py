"""Images through a netlist's streams, in many lanes at once, every answer compared."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.errors import MismatchError, ToolError
from lutloom.flow.netlist import Netlist, read_netlist
from lutloom.flow.unpack import PinTable, name_ports
from lutloom_sim.beats import StreamRun, number_payloads, pixel_beats, require_images
from lutloom_sim.lanes import LaneSimulator
from lutloom_sim.netlist import NetlistSimulator, Words
from lutloom_sim.result import SimulationResult, compare_answers
from lutloom_sim.tools import compiler_arguments

IMAGES_PER_LANE = 4
"""Images that follow each other in one stream."""
RESET_CYCLES = 3
IDLE_LIMIT_CYCLES = 1000
"""Clocks without a beat or an answer after which the design counts as hung."""

_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class Simulator(Protocol):
    """Name what :class:`NetlistSimulator` and :class:`LaneSimulator` both do."""

    def start(self, n_words: int) -> Any:
        """Give the state of all lanes at the start."""

    def drive(self, state: Any, port: str, values: Words) -> None:
        """Set an input port."""

    def read(self, state: Any, port: str) -> Words:
        """Read a port."""

    def settle(self, state: Any) -> None:
        """Let signals settle."""

    def tick(self, state: Any) -> None:
        """Let one rising edge of the clock pass."""


def make_simulator(netlist: Netlist, top: str) -> Simulator:
    """Choose the compiled simulator where there is a C++ compiler, else the one of numpy.

    Parameters
    ----------
    netlist : Netlist
    top : str

    Returns
    -------
    Simulator
        Both give the same answers.

    Raises
    ------
    ToolError
        If the netlist cannot be simulated.
    """
    if shutil.which(compiler_arguments()[0]) is None:
        return NetlistSimulator(netlist, top)
    return LaneSimulator(netlist, top)


def simulate_netlist(
    path: Path,
    network: ir.Network,
    images: NDArray[np.uint8],
    expected: NDArray[np.int64] | None = None,
    *,
    labels: NDArray[np.integer] | None = None,
    pixels_per_beat: int = 4,
    top: str = "lutloom_top",
) -> SimulationResult:
    """Simulate a synthesised top level, pixels in, classes out.

    Parameters
    ----------
    path : Path
        Flat netlist as Yosys's JSON, the very file that is placed and routed.
    network : ir.Network
    images : uint8[n, height, width]
        At least one.
    expected : int64[n], optional
        The network's answers; computed by the interpreter when not given.
    labels : integers[n], optional
        True classes, for the accuracy.
    pixels_per_beat : int
    top : str

    Returns
    -------
    SimulationResult
        Wrong answers are counted, not raised.  Cycles are those of one lane.

    Raises
    ------
    InvalidFileError, InvalidDataError
        If netlist or images are not valid.
    ToolError
        If the netlist has an unknown cell, or hangs.
    MismatchError
        If lanes fall out of step, or surplus answers come.
    """
    expected = require_images(network, images, expected, labels)
    started_s = time.perf_counter()
    simulator = make_simulator(read_netlist(path), top)
    build_seconds = time.perf_counter() - started_s
    return _simulate(
        simulator, network, images, expected, labels, pixels_per_beat, "netlist", build_seconds
    )


def simulate_bitstream(
    unpacked: Netlist,
    pins: PinTable,
    network: ir.Network,
    images: NDArray[np.uint8],
    expected: NDArray[np.int64] | None = None,
    *,
    labels: NDArray[np.integer] | None = None,
    pixels_per_beat: int = 4,
) -> SimulationResult:
    """Simulate what a bitstream configures, pixels in, classes out.

    Parameters
    ----------
    unpacked : Netlist
        From :func:`lutloom.flow.unpack.unpack_netlist`, which asks nothing but the bitstream.
    pins : PinTable
        Where the ports of the design are.
    network : ir.Network
    images : uint8[n, height, width]
        At least one.
    expected : int64[n], optional
        The network's answers; computed by the interpreter when not given.
    labels : integers[n], optional
        True classes, for the accuracy.
    pixels_per_beat : int

    Returns
    -------
    SimulationResult
        Wrong answers are counted, not raised.  Cycles are those of one lane.

    Raises
    ------
    InvalidDataError
        If images are not valid.
    ToolError
        If a port's pin is not used, or what the bitstream configures hangs.
    MismatchError
        If lanes fall out of step, or surplus answers come.
    """
    expected = require_images(network, images, expected, labels)
    started_s = time.perf_counter()
    netlist = name_ports(unpacked, pins, "lutloom_top")
    simulator = make_simulator(netlist, "lutloom_top")
    build_seconds = time.perf_counter() - started_s
    return _simulate(
        simulator, network, images, expected, labels, pixels_per_beat, "bitstream", build_seconds
    )


def _simulate(
    simulator: Simulator,
    network: ir.Network,
    images: NDArray[np.uint8],
    expected: NDArray[np.int64],
    labels: NDArray[np.integer] | None,
    pixels_per_beat: int,
    engine: str,
    build_seconds: float,
) -> SimulationResult:
    n_lanes = -(-len(images) // IMAGES_PER_LANE)
    padded = np.resize(np.arange(len(images)), n_lanes * IMAGES_PER_LANE)
    beats = pixel_beats(network.encoder, images[padded], pixels_per_beat)
    run = run_lanes(simulator, beats.reshape(n_lanes, -1, beats.shape[1]), IMAGES_PER_LANE)
    answers = replace(run, payloads=run.payloads[: len(images)])
    return compare_answers(
        answers,
        expected,
        labels,
        engine=engine,
        top="top",
        beats_per_image=len(beats) // len(padded),
        stall_probability=0.0,
        seed=0,
        build_seconds=build_seconds,
    )


def run_lanes(simulator: Simulator, beats: NDArray[np.uint8], n_answers: int) -> StreamRun:
    """Reset, stream every lane's beats in, and collect every lane's answers.

    Parameters
    ----------
    simulator : Simulator
    beats : uint8[n_lanes, n_beats, beat_bytes]
    n_answers : int
        Answers a lane must give.

    Returns
    -------
    StreamRun
        Answers lane after lane.
    """
    n_lanes, n_beats, _ = beats.shape
    n_words = -(-n_lanes // 64)
    started_s = time.perf_counter()
    wires = simulator.start(n_words)
    everywhere, nowhere = np.full((1, n_words), _ONES), np.zeros((1, n_words), np.uint64)
    simulator.drive(wires, "o__ready", everywhere)
    simulator.drive(wires, "rst", everywhere)
    for _ in range(RESET_CYCLES):
        simulator.settle(wires)
        simulator.tick(wires)
    simulator.drive(wires, "rst", nowhere)
    answers: list[NDArray[np.int64]] = []
    cycle, sent, idle, first = 0, 0, 0, -1
    while len(answers) < n_answers:
        if sent < n_beats:
            bits = np.unpackbits(beats[:, sent], axis=1, bitorder="little")
            simulator.drive(wires, "i__payload", ir.pack_images(bits))
        simulator.drive(wires, "i__valid", everywhere if sent < n_beats else nowhere)
        simulator.settle(wires)
        accepted = sent < n_beats and _together(simulator.read(wires, "i__ready"), n_lanes)
        answered = _together(simulator.read(wires, "o__valid"), n_lanes)
        if answered:
            first = cycle if first < 0 else first
            answers.append(_numbers(simulator.read(wires, "o__payload"), n_lanes))
        simulator.tick(wires)
        sent += accepted
        cycle += 1
        idle = 0 if accepted or answered else idle + 1
        if idle > IDLE_LIMIT_CYCLES:
            raise ToolError(
                f"netlist: must not hang, but did after {sent} of {n_beats} beats and"
                f" {len(answers)} of {n_answers} answers"
            )
    seconds = time.perf_counter() - started_s
    payloads = number_payloads(np.stack(answers, axis=1).ravel())
    return StreamRun(payloads, cycle, first, seconds)


def _together(signal: Words, n_lanes: int) -> bool:
    """Read a control signal, which must be the same in all lanes: no data decides it."""
    lanes = ir.unpack_images(signal, n_lanes)
    if lanes.min() != lanes.max():
        raise MismatchError(
            "netlist: valid and ready must not depend on what the images show, but lanes fell out"
            " of step; report this as a bug of Lutloom"
        )
    return bool(lanes[0, 0])


def _numbers(bits: Words, n_lanes: int) -> NDArray[np.int64]:
    lanes = ir.unpack_images(bits, n_lanes).astype(np.int64)
    return np.asarray(lanes @ (1 << np.arange(lanes.shape[1])), dtype=np.int64)
