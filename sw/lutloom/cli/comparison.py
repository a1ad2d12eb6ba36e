"""What ``lutloom compare`` does, apart from printing."""

from __future__ import annotations

import contextlib
import platform
from importlib.metadata import PackageNotFoundError, version

from lutloom import ir
from lutloom.cli.console import Advance, ResultError
from lutloom.cli.workspace import Workspace
from lutloom.compare import Comparison, ExecutorResult, compare
from lutloom.errors import InvalidFileError
from lutloom.files.atomic import write_json
from lutloom.files.model_state import read_model
from lutloom.report.records import LoweringRecord, SimulationRecord, SynthesisRecord
from lutloom.schema import read_json


def compare_model(space: Workspace, *, watch: Advance) -> Comparison:
    """Compare every executor of a folder's network.

    Simulations are not run again: what ``simulate`` and ``synth`` recorded counts, if it was of
    this very network.

    Parameters
    ----------
    space : Workspace
    watch : callable

    Returns
    -------
    Comparison
        Also written to ``compare.json``.
    """
    network = space.read_network()
    data = space.load_data()
    shorter = _is_shorter(space)
    state = read_model(space.state) if space.state.exists() and not shorter else None
    found = compare(
        network,
        data.test_images,
        data.test_labels,
        network_path=space.network,
        dataset=data.name,
        state=state,
        recorded=_recorded(space, ir.network_digest(network)),
        tools=_tools(),
        watch=watch,
    )
    write_json(space.record("compare"), found)
    return found


def require_agreement(found: Comparison) -> None:
    """Raise if any executor answered otherwise than the interpreter.

    Raises
    ------
    ResultError
        Naming every executor that differs.
    """
    differing = [e for e in found.executors if e.mismatches]
    if differing:
        listed = ", ".join(f"{e.title}: {e.mismatches} of {e.images}" for e in differing)
        raise ResultError(
            f"compare: every executor must answer as the integer interpreter, not otherwise for"
            f" {listed}; lower and simulate again, and report it if it stays"
        )


def _is_shorter(space: Workspace) -> bool:
    """Tell whether layers were eliminated, so that the trained state is of another network."""
    path = space.record("lower")
    if not path.exists():
        return False
    elimination = read_json(path, LoweringRecord).elimination
    return elimination is not None and bool(elimination.layers)


def _recorded(space: Workspace, network_digest: str) -> list[ExecutorResult]:
    results: list[ExecutorResult] = []
    simulation = space.record("simulate")
    if simulation.exists():
        simulated = read_json(simulation, SimulationRecord)
        _same_network(space, "simulate", simulated.network_digest, network_digest)
        results.extend(simulated.executors)
    step = f"synth-{space.recipe.hardware.device}"
    if space.record(step).exists():
        synthesised = read_json(space.record(step), SynthesisRecord)
        _same_network(space, step, synthesised.network_digest, network_digest)
        results.append(synthesised.netlist)
    return results


def _same_network(space: Workspace, step: str, recorded: str, current: str) -> None:
    if recorded != current:
        raise InvalidFileError(
            f"{space.record(step)}: must be of network {current[:12]}, not {recorded[:12]};"
            f" run again: lutloom {step.partition('-')[0]} --work {space.folder}"
        )


def _tools() -> dict[str, str]:
    """Name what ran here, as far as it is installed."""
    tools = {"python": platform.python_version()}
    for name in ("lutloom", "numpy", "onnx", "onnxruntime", "torch"):
        with contextlib.suppress(PackageNotFoundError):
            tools[name] = version(name)
    return tools
