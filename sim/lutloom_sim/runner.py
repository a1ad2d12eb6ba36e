"""Run cocotb's benches in a Verilated program, in a process of their own.

cocotb's own runner builds with Verilator's makefile and every signal public; here the program is
built by :mod:`lutloom_sim.verilated`, and only the variables that cocotb documents start it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from lutloom.errors import MissingExtraError, ToolError
from lutloom_sim.tools import Step, run_steps

_RESULTS_NAME = "results.xml"

BENCH_LOG_NAME = "bench.log"
"""The file in a run's folder with all that cocotb says."""


@dataclass(frozen=True, slots=True)
class BenchResults:
    """Say which tests a bench ran.

    Parameters
    ----------
    passed : tuple of str
        Names.
    failed : tuple of (str, str)
        Names and messages.
    """

    passed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def n_tests(self) -> int:
        """Tests that ran."""
        return len(self.passed) + len(self.failed)


def run_bench(
    program: Path,
    module: str,
    top: str,
    folder: Path,
    *,
    variables: dict[str, str],
    seed: int = 0,
    waves: Path | None = None,
    time_limit_s: float = 3600,
) -> BenchResults:
    """Run all tests of a bench.

    Parameters
    ----------
    program : Path
        From :func:`~lutloom_sim.verilated.build_cocotb`.
    module : str
        The bench's dotted name.
    top : str
        Verilog module under test.
    folder : Path
        Empty; gets the results and :data:`BENCH_LOG_NAME`.
    variables : dict of str to str
        For the bench's environment.
    seed : int
        cocotb's.
    waves : Path or None
        VCD file to write; the program must be built for it.
    time_limit_s : float

    Returns
    -------
    BenchResults
        At least one test ran; some may have failed.

    Raises
    ------
    MissingExtraError
        If cocotb is not installed.
    ToolError
        If the simulation crashes, takes too long, leaves no results or ran no test.
    """
    tracing = ("--trace", "--trace-file", str(waves)) if waves else ()
    log = folder / BENCH_LOG_NAME
    step = Step("cocotb", (str(program), *tracing), _RESULTS_NAME)
    environment = {**_cocotb_environment(module, top, seed), **variables}
    run_steps([step], folder, log=log, environment=environment, time_limit_s=time_limit_s)
    return _read_results(folder / _RESULTS_NAME)


def _cocotb_environment(module: str, top: str, seed: int) -> dict[str, str]:
    try:
        import find_libpython
        from cocotb_tools import config
    except ImportError:
        raise MissingExtraError(
            "simulation: cocotb is not installed; pip install 'lutloom[sim]'"
        ) from None
    libpython = find_libpython.find_libpython()
    if libpython is None:
        raise ToolError(
            f"cocotb: the shared library of {sys.executable} must be installed, but is not found; "
            f"install it (Debian, Ubuntu: apt-get install libpython3-dev)"
        )
    return {
        "COCOTB_TOPLEVEL": top,
        "COCOTB_TEST_MODULES": module,
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_RESULTS_FILE": _RESULTS_NAME,
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "COCOTB_ANSI_OUTPUT": "0",
        "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{libpython};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LD_LIBRARY_PATH": str(config.libs_dir),
    }


def _read_results(path: Path) -> BenchResults:
    try:
        cases = list(ET.parse(path).getroot().iter("testcase"))
    except ET.ParseError as error:
        raise ToolError(f"cocotb: its results must be XML ({error})") from None
    passed: list[str] = []
    failed: list[tuple[str, str]] = []
    for case in cases:
        name = case.get("name", "?")
        faults = [child for child in case if child.tag in ("failure", "error")]
        if faults:
            failed.append((name, _message(faults[0])))
        elif case.find("skipped") is None:
            passed.append(name)
    if not passed and not failed:
        raise ToolError("cocotb: at least one test must run, but none did")
    return BenchResults(tuple(passed), tuple(failed))


def _message(fault: ET.Element) -> str:
    text = fault.get("message") or fault.get("error_msg") or fault.text or "no message"
    return text.strip().partition("\n")[0]
