"""Gather a model's records into its entry of the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from lutloom.compare.ladder import NOT_RUN, Rung, agreement
from lutloom.compare.results import Comparison, Throughput
from lutloom.errors import InvalidFileError
from lutloom.flow.results import TargetResult
from lutloom.report.records import (
    EmissionRecord,
    LoweringRecord,
    RecipeRecord,
    SimulationRecord,
    SynthesisRecord,
    TrainingRecord,
)
from lutloom.report.results import (
    AccuracyByExecutor,
    Clock,
    Details,
    Ladder,
    MismatchesByExecutor,
    ModelReport,
    Report,
    Target,
)
from lutloom.schema import read_json

T = TypeVar("T")


def collect(folders: Sequence[Path]) -> Report:
    """Read the records of models.

    Parameters
    ----------
    folders : sequence of Path
        Folders of models, or folders of such folders.

    Returns
    -------
    Report
        Models in the order given; within a folder of folders, by name.

    Raises
    ------
    InvalidFileError
        When a folder holds no lowered model, a record is malformed, or two records are of
        different networks.
    """
    found = [model for folder in folders for model in _models_in(folder)]
    tools: dict[str, str] = {}
    entries = []
    for folder in found:
        entry, used = _collect_model(folder)
        entries.append(entry)
        tools.update(used)
    return Report(models=tuple(entries), tools=dict(sorted(tools.items())))


def _models_in(folder: Path) -> list[Path]:
    if (folder / "lower.json").exists():
        return [folder]
    inside = sorted(path.parent for path in folder.glob("*/lower.json"))
    if not inside:
        raise InvalidFileError(
            f"{folder}: must hold lower.json of a model, or folders that do; run first:"
            f" lutloom train --work {folder}, lutloom lower --work {folder}"
        )
    return inside


def _read(folder: Path, step: str, kind: type[T]) -> T | None:
    path = folder / f"{step}.json"
    return read_json(path, kind) if path.exists() else None


def _collect_model(folder: Path) -> tuple[ModelReport, dict[str, str]]:
    lowering = read_json(folder / "lower.json", LoweringRecord)
    recipe = _read(folder, "recipe", RecipeRecord)
    training = _read(folder, "train", TrainingRecord)
    emission = _read(folder, "emit", EmissionRecord)
    simulation = _read(folder, "simulate", SimulationRecord)
    synthesis = _read_synthesis(folder, lowering.device)
    comparison = _read(folder, "compare", Comparison)
    for step, record in (
        ("emit", emission),
        ("simulate", simulation),
        (f"synth-{lowering.device}", synthesis),
        ("compare", comparison),
    ):
        if record is not None and record.network_digest != lowering.network_digest:
            raise InvalidFileError(
                f"{folder / step}.json: must be of the network in lower.json"
                f" ({lowering.network_digest[:12]}), not {record.network_digest[:12]};"
                f" run again: lutloom {step.partition('-')[0]} --work {folder}"
            )
    rungs = {
        "L0": lowering.rung,
        "L1": agreement(comparison),
        "L2": simulation.stages if simulation else NOT_RUN,
        "L3": simulation.verilog if simulation else NOT_RUN,
        "L4": synthesis.proof if synthesis else NOT_RUN,
        "L5": synthesis.bitstream if synthesis else NOT_RUN,
        "L6": Rung(state="not run", evidence="no board here"),
    }
    executors = comparison.executors if comparison else ()
    ran = {e.name: e for e in executors if e.accuracy is not None}
    keys = AccuracyByExecutor.__struct_fields__
    entry = ModelReport(
        name=recipe.name if recipe else folder.name,
        neurons=lowering.neurons,
        layers=len(lowering.widths),
        train_seconds=training.seconds if training else None,
        seed=training.seed if training else 0,
        images=comparison.images if comparison else 0,
        accuracy=AccuracyByExecutor(**{k: ran[k].accuracy for k in keys if k in ran}),
        mismatches=MismatchesByExecutor(**{k: ran[k].mismatches for k in keys if k in ran}),
        ladder=Ladder(**{name: found.state for name, found in rungs.items()}),
        estimate=lowering.estimate,
        target=_target(synthesis.result) if synthesis else None,
        details=Details(
            title=synthesis.result.title if synthesis else lowering.device,
            dataset=_dataset(recipe, comparison),
            widths=lowering.widths,
            thresholds=lowering.thresholds,
            latency_cycles=emission.latency_cycles if emission else None,
            throughput=_throughput(emission, synthesis),
            executors=executors,
            rungs=rungs,
            history=training.history if training else (),
            trade_off=comparison.trade_off if comparison else (),
            ff_by_part=synthesis.result.ff_by_part if synthesis else {},
            confusion=comparison.confusion if comparison else (),
            wrong=comparison.wrong if comparison else (),
            conditions=_conditions(lowering, training, synthesis),
            digests=_digests(lowering, training, emission, synthesis),
        ),
    )
    return entry, _tools(comparison, simulation, synthesis)


def _tools(
    comparison: Comparison | None,
    simulation: SimulationRecord | None,
    synthesis: SynthesisRecord | None,
) -> dict[str, str]:
    tools = dict(comparison.tools) if comparison else {}
    tools.update(simulation.tools if simulation else {})
    for tool in synthesis.result.tools if synthesis else ():
        kind = "YoWASP" if tool.kind == "yowasp" else "native"
        tools[tool.name] = f"{kind} {tool.version}, SHA-256 {tool.sha256}"
    return tools


def _dataset(recipe: RecipeRecord | None, comparison: Comparison | None) -> str:
    if recipe is not None and recipe.data == "mnist":
        return "MNIST"
    return comparison.dataset if comparison else ""


def _read_synthesis(folder: Path, device: str) -> SynthesisRecord | None:
    return _read(folder, f"synth-{device}", SynthesisRecord)


def _target(result: TargetResult) -> Target:
    clock = result.fmax_mhz
    return Target(
        device=result.device,
        lut4=result.lut4,
        lut4_by_part=result.lut4_by_part,
        ff=result.ff,
        routed=result.routed,
        fmax_mhz=None
        if clock is None
        else Clock(
            min=clock.min, median=clock.median, seeds={str(k): v for k, v in clock.seeds.items()}
        ),
        bitstream_sha256=result.bitstream_sha256,
    )


def _throughput(
    emission: EmissionRecord | None, synthesis: SynthesisRecord | None
) -> Throughput | None:
    clock = synthesis.result.fmax_mhz if synthesis else None
    if emission is None or clock is None or clock.median <= 0:
        return None
    clock_hz = clock.median * 1e6
    return Throughput(
        clock_hz=clock_hz,
        pipeline_images_per_second=clock_hz,
        loader_cycles_per_image=emission.loader_cycles,
        loader_images_per_second=clock_hz / emission.loader_cycles,
        latency_ns=1e9 * emission.latency_cycles / clock_hz,
    )


def _conditions(
    lowering: LoweringRecord,
    training: TrainingRecord | None,
    synthesis: SynthesisRecord | None,
) -> tuple[str, ...]:
    """Say how the figures were taken, in sentences."""
    levels = ", ".join(map(str, lowering.thresholds))
    lines = [
        "neurons are those left after lowering; encoder, vote and argmax are not neurons",
        f"the encoder compares pixels with the grey levels {levels}",
    ]
    if training is not None:
        lines.append(
            f"one training run, seed {training.seed}, {training.seconds:.0f} s on"
            f" {training.device.upper()} with {training.threads}"
            f" {'threads' if training.threads > 1 else 'thread'}"
        )
    if synthesis is not None:
        clock = synthesis.result.fmax_mhz
        lines.append(
            "LUT4s, flip-flops and clock are of the whole design: encoder, neurons, vote and argmax"
            " counted, with input and output pins; LUTs have four inputs; carry cells apart"
        )
        if clock is not None:
            lines.append(
                f"the clock is nextpnr's after routing, minimum and median over {len(clock.seeds)}"
                f" place-and-route {'seeds' if len(clock.seeds) > 1 else 'seed'}, pins left to it;"
                " no board was measured"
            )
    lines.append(
        "latency is the pipeline's, from an encoded image at its input to its class; equal scores"
        " go to the lowest class"
    )
    if (gone := lowering.elimination) is not None and gone.layers:
        lines.append(
            f"{len(gone.layers)} of {gone.layers_before} layers were taken out after training,"
            f" chosen on {gone.validation_images:,} validation images; torch is not compared, since"
            " it runs the whole model"
        )
    if training is not None:
        lines.append(
            f"{training.validation_images:,} training images were held out and picked"
            " everything; the test part was read only afterwards"
        )
    return tuple(lines)


def _digests(
    lowering: LoweringRecord,
    training: TrainingRecord | None,
    emission: EmissionRecord | None,
    synthesis: SynthesisRecord | None,
) -> dict[str, str]:
    digests = {}
    if training is not None:
        digests["model.safetensors"] = training.state_sha256
    digests["network.onnx"] = lowering.network_sha256
    digests.update(emission.sha256 if emission else {})
    if synthesis is not None:
        digests["netlist"] = synthesis.result.netlist_sha256
        if synthesis.result.bitstream_sha256:
            digests["bitstream"] = synthesis.result.bitstream_sha256
    return digests
