"""A design with the stream ports under cocotb's bench, whatever the design computes."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from lutloom.errors import InvalidFileError, ToolError
from lutloom_sim.beats import StreamRun
from lutloom_sim.bench_job import JOB_VARIABLE, BenchJob, order_by_key, read_outcome, write_job
from lutloom_sim.build_cache import with_log
from lutloom_sim.runner import BENCH_LOG_NAME, BenchResults, run_bench
from lutloom_sim.verilated import Built

_BENCH = "lutloom_sim.bench_stream"
_WHOLE_TEST = "every_answer_is_the_models"


def run_job(
    built: Built, top: str, job: BenchJob, *, waves: Path | None = None
) -> tuple[StreamRun, tuple[str, ...]]:
    """Run all tests of the bench.

    Parameters
    ----------
    built : Built
        From :func:`~lutloom_sim.verilated.build_cocotb`.
    top : str
        Its top module.
    job : BenchJob
        Its folder is not considered.
    waves : Path or None
        VCD file to write; the program must be built for it.

    Returns
    -------
    run : StreamRun
        Of the whole; wrong answers are the caller's to count.
    tests : tuple of str
        Names of those that passed.

    Raises
    ------
    InvalidFileError
        If the waveforms cannot be written.
    ToolError
        If a test fails for another reason than wrong answers.
    """
    with tempfile.TemporaryDirectory(prefix="lutloom-") as made:
        folder = Path(made)
        traced = folder / "waves.vcd" if waves else None
        try:
            results = run_bench(
                built.path, _BENCH, top, folder,
                variables={JOB_VARIABLE: str(write_job(replace(job, folder=folder)))},
                seed=job.seed, waves=traced,
            )  # fmt: skip
            run = read_outcome(folder)
            _require_agreement(results, run, job)
        except ToolError as error:
            raise with_log(error, folder / BENCH_LOG_NAME, f"bench-{top}") from None
        if traced and waves:
            _keep(traced, waves)
    return run, results.passed


def _require_agreement(results: BenchResults, run: StreamRun, job: BenchJob) -> None:
    """Refuse a bench that failed for another reason than wrong answers, or passed with some."""
    answers, wanted = (order_by_key(p, job.key) for p in (run.payloads, job.whole.expected))
    wrong = not np.array_equal(answers, wanted)
    failed = dict(results.failed)
    if wrong and _WHOLE_TEST not in failed:
        raise ToolError(
            f"cocotb: {_WHOLE_TEST} must fail where answers are wrong, but passed; "
            "report this as a bug of the bench"
        )
    if failed and not wrong:
        name, message = next(iter(failed.items()))
        raise ToolError(f"cocotb: {name} must pass, but failed: {message}")


def _keep(made: Path, waves: Path) -> None:
    """Move waveforms to where they were asked for, whole or not at all."""
    beside = waves.with_name(f".{waves.name}.part")
    try:
        waves.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, beside)
        beside.replace(waves)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise InvalidFileError(
            f"{waves}: must be a file that can be written, not refused ({error.strerror}); free "
            "space there or choose another place"
        ) from None
