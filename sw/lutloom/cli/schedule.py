"""Run steps in the order of their files, some at a time, as processes of this program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from lutloom.cli.fingerprint import begin, is_done, remember
from lutloom.cli.steps import Step
from lutloom.errors import ToolError

State = Literal["waiting", "running", "done", "skipped", "failed", "stopped"]
POLL_SECONDS = 0.2
PROGRAM = (sys.executable, "-m", "lutloom")
STOP_SECONDS = 20.0
"""How long an interrupted step may take to leave a checkpoint before it is killed."""


@dataclass(slots=True)
class Progress:
    """Hold how far one step is: its state, its seconds, and the last line it said."""

    step: Step
    state: State = "waiting"
    seconds: float = 0.0
    note: str = ""


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    started: float
    log: Path
    streams: tuple[IO[bytes], IO[bytes]]


def run_steps(
    steps: Sequence[Step],
    folder: Path,
    *,
    cores: int,
    again: bool = False,
    program: Sequence[str] = PROGRAM,
    watch: Callable[[Sequence[Progress]], None] = lambda _: None,
) -> list[Progress]:
    """Run every step whose result is not there yet.

    Parameters
    ----------
    steps : sequence of Step
    folder : Path
        Holds ``steps/`` (records) and ``logs/`` (what each step said).
    cores : int
        Steps run together as long as their cores are no more than this.
    again : bool
        Run steps whose results are there, too.
    program : sequence of str
        What each step's command is given to.
    watch : callable
        Called with the progress of all steps, some times a second.

    Returns
    -------
    list of Progress

    Raises
    ------
    ToolError
        When a step failed; the others are stopped and the message names its log.
    KeyboardInterrupt
        After the running steps were interrupted and have ended.
    """
    table = [Progress(step) for step in steps]
    running: dict[str, _Running] = {}
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    try:
        while any(p.state in ("waiting", "running") for p in table):
            _collect(table, running, folder)
            for progress in _ready(table, running, folder, cores, again=again):
                job = _launch(progress.step, folder, cores, program)
                running[progress.step.name] = job
                progress.state = "running"
            watch(table)
            time.sleep(POLL_SECONDS)
    except BaseException:
        _stop(table, running)
        watch(table)
        raise
    return table


def waits_for(step: Step, other: Step) -> bool:
    """Tell whether a step reads what another writes."""
    return bool(set(step.reads) & set(other.writes))


def _ready(
    table: list[Progress],
    running: dict[str, _Running],
    folder: Path,
    cores: int,
    *,
    again: bool,
) -> Iterator[Progress]:
    """Find steps to start now; steps whose results are there are marked skipped on the way."""
    for progress in table:
        if progress.state != "waiting":
            continue
        before = [p for p in table if waits_for(progress.step, p.step)]
        if any(p.state not in ("done", "skipped") for p in before):
            continue
        record = None if again else is_done(folder, progress.step)
        if record is not None:
            progress.state, progress.seconds, progress.note = "skipped", record.seconds, ""
            continue
        busy = sum(p.step.cores for p in table if p.step.name in running)
        if not running or busy + progress.step.cores <= cores:
            yield progress


def _launch(step: Step, folder: Path, cores: int, program: Sequence[str]) -> _Running:
    log = log_path(folder, step)
    words = (*step.command, *(step.resume if begin(folder, step) else ()))
    errors, output = log.open("wb"), log.with_suffix(".json").open("wb")
    threads = str(max(1, min(step.cores, cores)))
    process = subprocess.Popen(
        [*program, *words],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env={**os.environ, "OMP_NUM_THREADS": threads},
        start_new_session=True,  # an interrupt reaches it once, from us
    )
    return _Running(process, time.monotonic(), log, (errors, output))


def log_path(folder: Path, step: Step) -> Path:
    """Name the file of what a step says; its result on stdout is beside it, ``.json``."""
    return folder / "logs" / f"{step.name.replace('/', '-')}.log"


def _collect(table: list[Progress], running: dict[str, _Running], folder: Path) -> None:
    for progress in table:
        job = running.get(progress.step.name)
        if job is None:
            continue
        progress.seconds = time.monotonic() - job.started
        progress.note = last_line(job.log)
        status = job.process.poll()
        if status is None:
            continue
        del running[progress.step.name]
        _close(job)
        missing = [str(path) for path in progress.step.writes if not path.is_file()]
        if status == 0 and not missing:
            remember(folder, progress.step, progress.seconds)
            progress.state, progress.note = "done", ""
            continue
        progress.state = "failed"
        said = last_line(job.log).removeprefix("lutloom: error: ")
        what = said or (f"left no {', '.join(missing)}" if status == 0 else f"status {status}")
        raise ToolError(f"{progress.step.name}: {what}; see {job.log}")


def _stop(table: list[Progress], running: dict[str, _Running]) -> None:
    """Interrupt what runs, wait for it to end in order, kill what does not."""
    for sign, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        for job in running.values():
            try:
                os.killpg(job.process.pid, sign)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + seconds
        while any(job.process.poll() is None for job in running.values()):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS / 4)
    for progress in table:
        if progress.step.name in running:
            progress.state = "stopped"
            _close(running[progress.step.name])


def _close(job: _Running) -> None:
    for stream in job.streams:
        stream.close()


def last_line(path: Path) -> str:
    """Give the last line of a log that says something, without control characters."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            tail = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return "".join(c for c in lines[-1] if c.isprintable()) if lines else ""
