"""Verilog to a program or a library that simulates it, as quickly as it can be compiled.

Three things make the build several times faster than Verilator's own makefile does: only the top's
ports are public, so that everything else may be inlined; all generated files are compiled as a few
large units, so that headers are read once; and Verilator's runtime is compiled once per machine.

Example
-------
>>> built = build_library((verilog,), "lutloom_pipeline")           # doctest: +SKIP
>>> built.path.suffix, built.seconds                                # doctest: +SKIP
('.so', 8.1)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, get_args

from lutloom.errors import MissingExtraError, ToolError
from lutloom_sim.build_cache import LOG_NAME, obtain
from lutloom_sim.tools import Step, Tool, find_compiler, find_verilator, run_steps

Optimise = Literal["quick", "fast"]
"""``quick``: shortest build, best up to some 100,000 images.  ``fast``: ten times the images a
second, four times the build."""

STREAM_PORTS = (
    "clk", "rst", "i__payload", "i__valid", "i__ready", "o__payload", "o__valid", "o__ready",
)  # fmt: skip
"""Ports every simulated top has."""

_COMPILE_FLAGS: dict[Optimise, str] = {"quick": "-O0", "fast": "-Og"}
_RUNTIME_FLAG = "-O0"
_UNIT_BYTES_MIN, _UNIT_BYTES_MAX = 1 << 20, 1 << 22
_TIME_LIMIT_S = 3600
_MODULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")


@dataclass(frozen=True, slots=True)
class Built:
    """Say where a simulation is and what it took.

    Parameters
    ----------
    path : Path
        The program or library.
    seconds : float
        Wall time, next to nothing if it was built before.
    cached : bool
        Whether it was built before.
    """

    path: Path
    seconds: float
    cached: bool


@dataclass(frozen=True, slots=True)
class _Kind:
    """Tell how one kind of product is made."""

    file_name: str
    main: Path
    verilate_flags: tuple[str, ...]
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    defines_tracing: bool = False
    control: str = ""
    identity: dict[str, str] = field(default_factory=dict)


def build_library(sources: Sequence[str], top: str, *, optimise: Optimise = "fast") -> Built:
    """Build the shared library that :mod:`lutloom_sim.bulk` loads.

    Parameters
    ----------
    sources : sequence of str
        Verilog texts; the design, and for a netlist the models of its cells.
    top : str
        Module with the ports :data:`STREAM_PORTS`.
    optimise : {"quick", "fast"}

    Returns
    -------
    Built

    Raises
    ------
    MissingExtraError, ToolError
        If a tool is missing, fails or leaves no product.
    """
    return _build(sources, top, _library("simulation.so", "harness.cpp"), optimise)


def build_twin(sources: Sequence[str], top: str) -> Built:
    """Build the shared library that :mod:`lutloom_sim.twin` loads.

    Parameters
    ----------
    sources : sequence of str
        Verilog texts.
    top : str
        Module with the ports ``clk``, ``rst``, ``rx``, ``tx``, ``digit`` and ``shows``.

    Returns
    -------
    Built

    Raises
    ------
    MissingExtraError, ToolError
        If a tool is missing, fails or leaves no product.
    """
    return _build(sources, top, _library("twin.so", "twin.cpp"), "fast")


def build_cocotb(sources: Sequence[str], top: str, *, waves: bool = False) -> Built:
    """Build the program in which cocotb runs its benches.

    Parameters
    ----------
    sources : sequence of str
        Verilog texts.
    top : str
        Module with the ports :data:`STREAM_PORTS`.
    waves : bool
        Whether it can write waveforms; slower.

    Returns
    -------
    Built

    Raises
    ------
    MissingExtraError, ToolError
        If a tool is missing, fails or leaves no product.
    """
    try:
        cocotb_version = version("cocotb")
        from cocotb_tools import config
    except (PackageNotFoundError, ImportError):
        raise MissingExtraError(
            "simulation: cocotb is not installed; pip install 'lutloom[sim]'"
        ) from None
    rules = "".join(f'public_flat_rw -module "{top}" -var "{port}"\n' for port in STREAM_PORTS)
    kind = _Kind(
        file_name="simulation",
        main=Path(config.share_dir) / "lib" / "verilator" / "verilator.cpp",
        verilate_flags=("--vpi", *(("--trace-vcd",) if waves else ())),
        compile_flags=(),
        link_flags=(f"-L{config.libs_dir}", "-lcocotbvpi_verilator"),
        defines_tracing=waves,
        control=f"`verilator_config\n{rules}",
        identity={"cocotb": cocotb_version},
    )
    return _build(sources, top, kind, "quick")


def _library(file_name: str, main: str) -> _Kind:
    return _Kind(
        file_name=file_name,
        main=Path(__file__).with_name(main),
        verilate_flags=(),
        # Hidden symbols keep models apart that are loaded into one process.
        compile_flags=("-fPIC", "-fvisibility=hidden", "-DVL_TIME_CONTEXT", "-DVL_USER_FATAL"),
        link_flags=("-shared",),
    )


def _build(sources: Sequence[str], top: str, kind: _Kind, optimise: Optimise) -> Built:
    if not _MODULE_NAME.fullmatch(top):
        raise ToolError(f"simulation, top: must be a plain Verilog name, not {top!r}; rename it")
    if optimise not in get_args(Optimise):
        raise ToolError(
            f"simulation, optimise: must be one of {', '.join(get_args(Optimise))}, not "
            f"{optimise!r}; correct it"
        )
    started_s = time.perf_counter()
    builder = _Builder(kind, _COMPILE_FLAGS[optimise], find_verilator(), find_compiler())
    ingredients = {
        **builder.identity(),
        "product": kind.file_name,
        "optimise": _COMPILE_FLAGS[optimise],
        "link": kind.link_flags[-1:],
        "main": kind.main.read_text(),
        "control": kind.control,
        "top": top,
        "sources": list(sources),
        **kind.identity,
    }
    entry, cached = obtain(ingredients, lambda folder: builder.model(folder, sources, top))
    return Built(entry / kind.file_name, time.perf_counter() - started_s, cached)


@dataclass(frozen=True, slots=True)
class _Builder:
    kind: _Kind
    optimise_flag: str
    verilator: Tool
    compiler: Tool

    def identity(self) -> dict[str, object]:
        """Name what both the runtime and the model depend on."""
        return {
            "format": 1,
            "verilator": self.verilator.identity,
            "verilate": self.kind.verilate_flags,
            "compiler": [*self.compiler.arguments, self.compiler.identity],
            "compile": self._flags(Path("include")),
        }

    def model(self, folder: Path, sources: Sequence[str], top: str) -> None:
        """Verilate, compile and link into ``folder``."""
        log, work = folder / LOG_NAME, folder / "work"
        work.mkdir()
        plan = self._verilate(work, log, sources, top)
        runtime = self._runtime(plan.runtime)
        units = self._units(work, plan.generated)
        self._run(
            [self._compile(unit, plan.include, self.optimise_flag) for unit in units], work, log
        )
        objects = [f"{unit.name}.o" for unit in units] + [str(path) for path in runtime]
        link = Step(
            "C++ linker",
            (*self.compiler.arguments, *objects, *self.kind.link_flags, "-pthread",
             "-o", self.kind.file_name),
            self.kind.file_name,
        )  # fmt: skip
        self._run([link], work, log)
        (work / self.kind.file_name).replace(folder / self.kind.file_name)
        shutil.rmtree(work)

    def _verilate(self, work: Path, log: Path, sources: Sequence[str], top: str) -> _Plan:
        names = [f"source{index}.v" for index in range(len(sources))]
        for name, text in zip(names, sources, strict=True):
            (work / name).write_text(text)
        if self.kind.control:
            names.insert(0, "ports.vlt")
            (work / "ports.vlt").write_text(self.kind.control)
        step = Step(
            "Verilator",
            (*self.verilator.arguments, "--cc", "--exe", "--no-timing", "--Mdir", ".",
             "--top-module", top, "--prefix", "Vtop", "--make", "json", "--x-assign", "fast",
             "--x-initial", "fast", "-Wno-lint", *self.kind.verilate_flags, *names),
            "Vtop.json",
        )  # fmt: skip
        self._run([step], work, log)
        return _read_plan(work / "Vtop.json")

    def _runtime(self, runtime: Sequence[Path]) -> list[Path]:
        """Give the runtime's objects, compiled once for all models of a kind."""

        def build(folder: Path) -> None:
            steps = [self._compile(path, path.parent, _RUNTIME_FLAG) for path in runtime]
            self._run(steps, folder, folder / LOG_NAME)

        names = [path.name for path in runtime]
        ingredients = {**self.identity(), "runtime": names, "optimise": _RUNTIME_FLAG}
        entry, _ = obtain(ingredients, build)
        return [entry / f"{name}.o" for name in names]

    def _units(self, work: Path, generated: Sequence[Path]) -> list[Path]:
        """Gather generated files into compilation units of about equal size."""
        sizes = {path: path.stat().st_size for path in generated}
        total = sum(sizes.values())
        count = max(1, min(_n_jobs(), total // _UNIT_BYTES_MIN), -(-total // _UNIT_BYTES_MAX))
        bins: list[list[Path]] = [[] for _ in range(count)]
        for path in sorted(generated, key=lambda path: (-sizes[path], path.name)):
            min(bins, key=lambda some: sum(sizes[p] for p in some)).append(path)
        bins[-1].append(self.kind.main)
        units = []
        for index, some in enumerate(bins):
            unit = work / f"unit{index}.cpp"
            unit.write_text("".join(f'#include "{path.as_posix()}"\n' for path in some))
            units.append(unit)
        return units

    def _flags(self, include: Path) -> list[str]:
        tracing = int(self.kind.defines_tracing)
        return [
            "-std=gnu++17", "-w", "-pthread", "-fcf-protection=none", "-I.", f"-I{include}",
            f"-I{include / 'vltstd'}", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0",
            "-DVM_TIMING=0", f"-DVM_TRACE={tracing}", f"-DVM_TRACE_VCD={tracing}",
            "-DVM_TRACE_FST=0", "-DVM_TRACE_SAIF=0", *self.kind.compile_flags,
        ]  # fmt: skip

    def _compile(self, source: Path, include: Path, flag: str) -> Step:
        product = f"{source.name}.o"
        arguments = (
            *self.compiler.arguments, *self._flags(include), flag, "-c", str(source), "-o", product,
        )  # fmt: skip
        return Step("C++ compiler", arguments, product)

    def _run(self, steps: Sequence[Step], folder: Path, log: Path) -> None:
        environment = dict(self.verilator.environment)
        run_steps(
            steps, folder, log=log, environment=environment, jobs=_n_jobs(),
            time_limit_s=_TIME_LIMIT_S,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """Say what Verilator asks to be compiled."""

    runtime: tuple[Path, ...]
    generated: tuple[Path, ...]
    include: Path


def _read_plan(path: Path) -> _Plan:
    try:
        plan = json.loads(path.read_bytes())
        sources = plan["sources"]
        runtime = tuple(Path(name) for name in sources["global"])
        groups = ("classes_fast", "classes_slow", "support_fast", "support_slow")
        generated = tuple(path.parent / Path(f).name for g in groups for f in sources.get(g, ()))
        include = runtime[0].parent
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ToolError(
            f"Verilator: its JSON must list what to compile, but it does not ({error!r}); "
            "use version 5.036 or later"
        ) from None
    return _Plan(runtime, generated, include)


def _n_jobs() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
