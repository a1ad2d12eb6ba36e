"""What a bench in cocotb's process is asked and answers: one file each way, arrays only."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError, ToolError
from lutloom_sim.beats import StreamRun

JOB_VARIABLE = "LUTLOOM_BENCH_JOB"
"""Names the environment variable with the path of the job."""

_OUTCOME_NAME = "outcome.npz"


@dataclass(frozen=True, slots=True)
class BenchJob:
    """Ask for images to be streamed.

    Parameters
    ----------
    beats : uint8[n_beats, beat_bytes]
        See :func:`~lutloom_sim.beats.image_beats`; as many beats for each image.
    expected : int64[n_images]
        The network's answers.
    stall_probability : float
        Chance of a stall in any one clock on either side.
    seed : int
        Of the stalls.
    folder : Path
        Where the outcome goes.
    """

    beats: NDArray[np.uint8]
    expected: NDArray[np.int64]
    stall_probability: float
    seed: int
    folder: Path

    def head(self, n_images: int) -> BenchJob:
        """Give the same job for the first images only."""
        beats_per_image = len(self.beats) // len(self.expected)
        return replace(
            self,
            beats=self.beats[: n_images * beats_per_image],
            expected=self.expected[:n_images],
        )


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
        path, beats=job.beats, expected=job.expected, seed=np.int64(job.seed),
        stall_probability=np.float64(job.stall_probability),
    )  # fmt: skip
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
            return BenchJob(
                beats=file["beats"],
                expected=file["expected"],
                stall_probability=float(file["stall_probability"]),
                seed=int(file["seed"]),
                folder=path.parent,
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidFileError(
            f"{path}: must be a bench job ({error}); start benches through run_bench"
        ) from None


def write_outcome(job: BenchJob, run: StreamRun) -> None:
    """Write what came out beside the job.

    Parameters
    ----------
    job : BenchJob
    run : StreamRun
    """
    np.savez(
        job.folder / _OUTCOME_NAME, answers=run.answers, cycles=np.int64(run.cycles),
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
                answers=file["answers"],
                cycles=int(file["cycles"]),
                first_answer_cycle=int(file["first_answer_cycle"]),
                seconds=float(file["seconds"]),
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ToolError(
            f"cocotb: the bench must leave its answers, but did not ({error})"
        ) from None
