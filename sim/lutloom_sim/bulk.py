"""Whole data sets through a Verilated shared library, called by ctypes.

Works on any Verilog with the stream ports: a pipeline, a top, or a netlist of one with the models
of its cells beside it.

Example
-------
>>> simulator = BulkSimulator((verilog,), "lutloom_pipeline")       # doctest: +SKIP
>>> run = simulator.run(pack_beats(bits), n_answers=len(bits))      # doctest: +SKIP
>>> run.answers.tolist()                                            # doctest: +SKIP
[7, 2, 1, 0]
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import MismatchError, ToolError
from lutloom_sim.beats import IDLE_LIMIT_CYCLES, StreamRun, require_stall_probability
from lutloom_sim.verilated import Optimise, build_library

_DRAIN_CYCLES = 256
_POLL_S = 0.2
_DONE, _HUNG, _SURPLUS, _FAILED, _WITHDRAWN = range(5)


class _Job(ctypes.Structure):
    """Mirror ``Job`` in ``harness.cpp``."""

    _fields_ = (
        ("beats", ctypes.c_void_p),
        ("n_beats", ctypes.c_int64),
        ("beat_bytes", ctypes.c_int64),
        ("answers", ctypes.c_void_p),
        ("answer_bytes", ctypes.c_int64),
        ("n_answers", ctypes.c_int64),
        ("idle_limit_cycles", ctypes.c_int64),
        ("drain_cycles", ctypes.c_int64),
        ("stall_input", ctypes.c_uint32),
        ("stall_output", ctypes.c_uint32),
        ("seed", ctypes.c_uint64),
        ("stop", ctypes.c_int32),
        ("beats_accepted", ctypes.c_int64),
        ("answers_given", ctypes.c_int64),
        ("cycles", ctypes.c_int64),
        ("first_answer_cycle", ctypes.c_int64),
    )
    stop: int
    beats_accepted: int
    answers_given: int
    cycles: int
    first_answer_cycle: int


class BulkSimulator:
    """Simulate Verilog in this process.

    Parameters
    ----------
    sources : sequence of str
        Verilog texts: the design, and whatever cells it uses.
    top : str
        Module with the ports :data:`~lutloom_sim.verilated.STREAM_PORTS`.
    optimise : {"fast", "quick"}
        ``fast`` pays from some 100,000 images on.

    Attributes
    ----------
    built : Built
        What the build took.

    Raises
    ------
    MissingExtraError, ToolError
        If it cannot be built or loaded.
    """

    def __init__(self, sources: Sequence[str], top: str, *, optimise: Optimise = "fast") -> None:
        if sys.byteorder != "little":
            raise ToolError("simulation: the bulk runner needs a little-endian machine; use cocotb")
        self.built = build_library(sources, top, optimise=optimise)
        self._library = _load(self.built.path)
        self._handle = self._library.lutloom_new()
        if not self._handle:
            raise ToolError(
                f"simulation: {top} must start, but its library {self.built.path} refused"
            )

    def close(self) -> None:
        """Free the model's memory; the simulator cannot be used any more."""
        handle, self._handle = self._handle, None
        if handle:
            self._library.lutloom_delete(handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def run(
        self,
        beats: NDArray[np.uint8],
        *,
        n_answers: int,
        stall_probability: float = 0.0,
        seed: int = 0,
        idle_limit_cycles: int = IDLE_LIMIT_CYCLES,
    ) -> StreamRun:
        """Reset, stream all beats in, one a clock where it is ready, and collect the answers.

        Parameters
        ----------
        beats : uint8[n_beats, beat_bytes]
            From :func:`~lutloom_sim.beats.image_beats` or
            :func:`~lutloom_sim.beats.pixel_beats`; bit 0 of byte 0 is payload bit 0.
        n_answers : int
            Answers the beats must give; surplus ones are an error.
        stall_probability : float
            Chance of a stall in any one clock on either side, 0 to below 1.
        seed : int
            Of the stalls.
        idle_limit_cycles : int
            Clocks without a transfer that count as a hang.

        Returns
        -------
        StreamRun

        Raises
        ------
        ToolError
            If the design hangs or the simulation fails.
        MismatchError
            If answers are surplus, or change while they wait.
        """
        threshold = int(require_stall_probability(stall_probability) * 2**32)
        room = self._library.lutloom_payload_bytes()
        if beats.shape[1] > room:
            raise ToolError(
                f"simulation: a beat must have at most the port's {room} bytes, not "
                f"{beats.shape[1]}; the Verilog is of another network or another top"
            )
        beats = np.ascontiguousarray(beats, dtype=np.uint8)
        n_words = -(-self._library.lutloom_answer_bytes() // 8)
        payloads = np.zeros((n_answers, n_words), dtype=np.uint64)
        job = _Job(
            beats.ctypes.data, len(beats), beats.shape[1], payloads.ctypes.data, 8 * n_words,
            n_answers, idle_limit_cycles, _DRAIN_CYCLES, threshold, threshold, seed,
        )  # fmt: skip
        started_s = time.perf_counter()
        status = self._start(job)
        seconds = time.perf_counter() - started_s
        self._check(status, job, len(beats), n_answers)
        return StreamRun(payloads, job.cycles, job.first_answer_cycle, seconds)

    def _start(self, job: _Job) -> int:
        """Run in a thread of its own, so that Ctrl-C is heard here."""
        with ThreadPoolExecutor(max_workers=1) as thread:
            running = thread.submit(self._library.lutloom_run, self._handle, ctypes.byref(job))
            try:
                while not running.done():
                    wait([running], timeout=_POLL_S)
            finally:
                job.stop = 1
        return int(running.result())

    def _check(self, status: int, job: _Job, n_beats: int, n_answers: int) -> None:
        so_far = (
            f"after {job.beats_accepted} of {n_beats} beats and {job.answers_given} of "
            f"{n_answers} answers"
        )
        if status == _HUNG:
            raise ToolError(f"simulation: the design must not hang, but it did {so_far}")
        if status == _SURPLUS:
            raise MismatchError(f"simulation: answers must end with the beats, not go on {so_far}")
        if status == _WITHDRAWN:
            raise MismatchError(
                f"simulation: an answer must stay until it is taken, not change {so_far}"
            )
        if status != _DONE:
            message = self._library.lutloom_error(self._handle).decode(errors="replace")
            raise ToolError(f"simulation: the model must not fail, but it did {so_far}: {message}")


def _load(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ToolError(
            f"{path}: must be a library that can be loaded ({error}); remove its folder and "
            "simulate again"
        ) from None
    library.lutloom_new.restype = ctypes.c_void_p
    library.lutloom_delete.argtypes = [ctypes.c_void_p]
    library.lutloom_delete.restype = None
    library.lutloom_error.argtypes = [ctypes.c_void_p]
    library.lutloom_error.restype = ctypes.c_char_p
    library.lutloom_payload_bytes.restype = ctypes.c_int64
    library.lutloom_answer_bytes.restype = ctypes.c_int64
    library.lutloom_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Job)]
    return library
