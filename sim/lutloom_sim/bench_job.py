"""What a bench in cocotb's process is asked and answers: one file each way, arrays only."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError, ToolError
from lutloom_sim.beats import IDLE_LIMIT_CYCLES, Payloads, StreamRun

JOB_VARIABLE = "LUTLOOM_BENCH_JOB"
"""Names the environment variable with the path of the job."""

FILL_CYCLES = 250
"""Clocks after which a pipeline is full if no answer is taken."""

_OUTCOME_NAME = "outcome.npz"


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold what goes in and what must come out.

    Parameters
    ----------
    beats : uint8[n_beats, beat_bytes]
        Payloads; bit 0 of byte 0 is payload bit 0.
    expected : uint64[n_answers, n_words]
        As :data:`~lutloom_sim.beats.Payloads`.
    """

    beats: NDArray[np.uint8]
    expected: Payloads


@dataclass(frozen=True, slots=True)
class BenchJob:
    """Ask for beats to be streamed.

    Parameters
    ----------
    whole : Batch
        Streamed once.
    some : Batch
        Streamed again and again, under stalls and after resets: a small one.
    folder : Path
        Where the outcome goes.
    stall_probability : float
        Chance of a stall in any one clock on either side, while the whole is streamed.
    seed : int
        Of all stalls.
    key : (int, int)
        First bit and width of a field of answers; answers with different fields may come in any
        order among each other.  Width 0: all keep their order.
    fill_cycles : int
        Clocks after which the design is full if no answer is taken.
    idle_limit_cycles : int
        Clocks without a transfer that count as a hang.
    """

    whole: Batch
    some: Batch
    folder: Path
    stall_probability: float = 0.0
    seed: int = 0
    key: tuple[int, int] = (0, 0)
    fill_cycles: int = FILL_CYCLES
    idle_limit_cycles: int = IDLE_LIMIT_CYCLES


def order_by_key(payloads: Payloads, key: tuple[int, int]) -> Payloads:
    """Sort answers by a field, those of one field in the order in which they came.

    Parameters
    ----------
    payloads : uint64[n, n_words]
    key : (int, int)
        See :class:`BenchJob`; the field lies in one word.

    Returns
    -------
    uint64[n, n_words]
    """
    bit, width = key
    if not width:
        return payloads
    field = payloads[:, bit // 64] >> np.uint64(bit % 64) & np.uint64((1 << width) - 1)
    return payloads[np.argsort(field, kind="stable")]


def write_job(job: BenchJob) -> Path:
    """Write a job into its folder.

    Parameters
    ----------
    job : BenchJob

    Returns
    -------
    Path
        What ``LUTLOOM_BENCH_JOB`` must say.
    """
    path = job.folder / "job.npz"
    np.savez(
        path,
        whole_beats=job.whole.beats,
        whole_expected=job.whole.expected,
        some_beats=job.some.beats,
        some_expected=job.some.expected,
        stall_probability=np.float64(job.stall_probability),
        numbers=np.array([job.seed, *job.key, job.fill_cycles, job.idle_limit_cycles], np.int64),
    )
    return path


def read_job(path: Path) -> BenchJob:
    """Read a job.

    Parameters
    ----------
    path : Path

    Returns
    -------
    BenchJob

    Raises
    ------
    InvalidFileError
        If it is missing or malformed.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            seed, key_bit, key_width, fill_cycles, idle_limit_cycles = file["numbers"].tolist()
            return BenchJob(
                whole=Batch(file["whole_beats"], file["whole_expected"]),
                some=Batch(file["some_beats"], file["some_expected"]),
                folder=path.parent,
                stall_probability=float(file["stall_probability"]),
                seed=seed,
                key=(key_bit, key_width),
                fill_cycles=fill_cycles,
                idle_limit_cycles=idle_limit_cycles,
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidFileError(
            f"{path}: must be a bench job ({error}); start benches through run_job"
        ) from None


def write_outcome(job: BenchJob, run: StreamRun) -> None:
    """Write what came out beside the job.

    Parameters
    ----------
    job : BenchJob
    run : StreamRun
    """
    np.savez(
        job.folder / _OUTCOME_NAME, payloads=run.payloads, cycles=np.int64(run.cycles),
        first_answer_cycle=np.int64(run.first_answer_cycle), seconds=np.float64(run.seconds),
    )  # fmt: skip


def read_outcome(folder: Path) -> StreamRun:
    """Read what came out of a job in ``folder``.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    StreamRun

    Raises
    ------
    ToolError
        If the bench left none.
    """
    try:
        with np.load(folder / _OUTCOME_NAME, allow_pickle=False) as file:
            return StreamRun(
                payloads=file["payloads"],
                cycles=int(file["cycles"]),
                first_answer_cycle=int(file["first_answer_cycle"]),
                seconds=float(file["seconds"]),
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ToolError(
            f"cocotb: the bench must leave its answers, but did not ({error})"
        ) from None
