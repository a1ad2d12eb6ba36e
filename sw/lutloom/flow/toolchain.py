"""Run the FPGA tools where they cannot stray, and insist on what they must make.

Example
-------
>>> run(Command("yosys", ("-q", "-s", "synth.ys"), work_dir, "synth.log", ("netlist.json",)))
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lutloom.errors import ToolError
from lutloom.flow.tools import (
    TOOL_NAMES,
    ToolName,
    is_warm,
    launch_line,
    tool_environment,
)

_LOG_LINES_READ = 400
_POLL_S = 0.02


class ToolTimeoutError(ToolError):
    """Report a tool that was stopped because it took longer than it was given."""


@dataclass(frozen=True, slots=True)
class Command:
    """Hold one run of a tool.

    Parameters
    ----------
    tool : ToolName
    arguments : tuple of str
        File names relative to ``folder``; a YoWASP tool sees no other folder.
    folder : Path
        The working directory; must exist.
    log : str
        Where in ``folder`` the tool's words are kept.
    products : tuple of str
        Files in ``folder`` the run must make; old ones are deleted first.
    time_limit_s : float
    """

    tool: ToolName
    arguments: tuple[str, ...]
    folder: Path
    log: str
    products: tuple[str, ...] = ()
    time_limit_s: float = 3600.0

    @property
    def log_path(self) -> Path:
        """Where the tool's words are kept."""
        return self.folder / self.log


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what came of a run.

    Parameters
    ----------
    command : Command
    exit_status : int
        Negative: ended by that signal.
    timed_out : bool
    wall_s, cpu_s : float
    memory_peak_bytes : int
    """

    command: Command
    exit_status: int
    timed_out: bool
    wall_s: float
    cpu_s: float
    memory_peak_bytes: int

    @property
    def missing(self) -> tuple[str, ...]:
        """Products the run did not make."""
        folder = self.command.folder
        return tuple(name for name in self.command.products if not (folder / name).is_file())

    @property
    def succeeded(self) -> bool:
        """Whether the tool ended well and made all its products."""
        return self.exit_status == 0 and not self.timed_out and not self.missing

    def last_words(self, marker: str = "ERROR") -> str:
        """Quote the log's last line with ``marker``, or its last line."""
        lines = log_lines(self.command.log_path)
        marked = [line for line in lines if marker in line]
        return (marked or lines or ["no message"])[-1]


def log_lines(path: Path) -> list[str]:
    """Read the last lines of a log that are not empty; none if there is no log."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip()][-_LOG_LINES_READ:]


class _Run:
    """Hold a tool that is running."""

    def __init__(self, command: Command) -> None:
        self.command = command
        try:
            for name in (*command.products, command.log):
                (command.folder / name).unlink(missing_ok=True)
            log = command.log_path.open("wb")
        except OSError as error:
            raise ToolError(
                f"{command.tool}: must be able to write in {command.folder}, not {error.strerror}; "
                "choose a folder you may write to"
            ) from None
        lifeline, self._writing_end = os.pipe()
        self._began = time.monotonic()
        self._timed_out = False
        try:
            with log:
                self.process = subprocess.Popen(
                    launch_line(command.tool, lifeline, command.arguments),
                    cwd=command.folder,
                    env=tool_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(lifeline,),
                    start_new_session=True,
                )
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(lifeline)

    def poll(self) -> Outcome | None:
        """Give the outcome if the tool has ended; stop it when its time is over."""
        wall_s = time.monotonic() - self._began
        if wall_s > self.command.time_limit_s and not self._timed_out:
            self._timed_out = True
            self._kill()
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0:
            return None
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self._let_go()
        return Outcome(
            command=self.command,
            exit_status=self.process.returncode,
            timed_out=self._timed_out,
            wall_s=wall_s,
            cpu_s=usage.ru_utime + usage.ru_stime,
            memory_peak_bytes=usage.ru_maxrss * 1024,
        )

    def _let_go(self) -> None:
        """Close our end of the lifeline, once."""
        if self._writing_end >= 0:
            os.close(self._writing_end)
            self._writing_end = -1

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the tool now and forget it."""
        if self.process.returncode is None:
            self._kill()
            self.process.wait()
        self._let_go()


def run_each(commands: Sequence[Command], parallel: int | None = None) -> Iterator[Outcome]:
    """Run commands a few at a time, giving each outcome as it comes.

    Whatever stops the iteration (an error, Ctrl-C, leaving the loop) ends every tool still running.

    Parameters
    ----------
    commands : sequence of Command
    parallel : int or None
        Tools at a time; None: one a processor.

    Yields
    ------
    Outcome
        In the order of ending; nothing is raised for a tool that failed.

    Raises
    ------
    MissingExtraError, ToolError
        If a tool cannot be started at all.
    """
    waiting = list(reversed(commands))
    running: list[_Run] = []
    limit = parallel or os.cpu_count() or 1
    for name in {command.tool for command in commands}:
        if len(commands) > 1 and limit > 1:
            warm((name,))
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                running.append(_Run(waiting.pop()))
            ended = [(one, outcome) for one in running if (outcome := one.poll()) is not None]
            running = [one for one in running if one not in [e for e, _ in ended]]
            for _, outcome in ended:
                yield outcome
            if not ended:
                time.sleep(_POLL_S)
    finally:
        for one in running:
            one.stop()


def run(command: Command) -> Outcome:
    """Run one command and insist that it ends well with all its products.

    Parameters
    ----------
    command : Command

    Returns
    -------
    Outcome

    Raises
    ------
    ToolTimeoutError
        If it took longer than its limit.
    ToolError
        If it failed or left a product out; one line that quotes the tool and names the log.
    """
    (outcome,) = run_each([command])
    return insist(outcome)


def insist(outcome: Outcome) -> Outcome:
    """Return the outcome of a run that ended well; raise for one that did not.

    Raises
    ------
    ToolTimeoutError
        If it took longer than its limit.
    ToolError
        If it failed or left a product out.
    """
    command = outcome.command
    if outcome.timed_out:
        raise ToolTimeoutError(
            f"{command.tool}: must end within {command.time_limit_s:g} s; "
            f"give it longer or a smaller design (log: {command.log_path})"
        )
    if outcome.exit_status != 0:
        raise ToolError(
            f"{command.tool}: must end with status 0, not {outcome.exit_status} "
            f"({outcome.last_words()}); see {command.log_path}"
        )
    if outcome.missing:
        raise ToolError(
            f"{command.tool}: must make {', '.join(outcome.missing)} but ended without; "
            f"see {command.log_path}"
        )
    return outcome


def warm(names: Sequence[ToolName] = TOOL_NAMES) -> None:
    """Compile the WebAssembly of tools into YoWASP's cache, one after the other.

    The cache is not written atomically, so tools that start side by side must find it filled.
    Yosys takes about 100 s of processor time the first time; a warm tool takes none.

    Parameters
    ----------
    names : sequence of ToolName

    Raises
    ------
    MissingExtraError, ToolError
        If a tool is missing or cannot be compiled.
    """
    for name in names:
        if is_warm(name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            command = Command(name, ("--help",), Path(folder), f"{name}.log")
            (outcome,) = run_each([command])
            said = outcome.last_words()
        if not is_warm(name):
            raise ToolError(
                f"{name}: must compile into {tool_environment()['YOWASP_CACHE_DIR']} ({said}); "
                "make that folder writable or set YOWASP_CACHE_DIR"
            )
