"""Tables that more than one command prints."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lutloom.boards.manifest import BoardManifest
from lutloom.cli.console import Console
from lutloom.compare.results import ExecutorResult
from lutloom.report.records import SynthesisRecord
from lutloom.report.results import ModelReport, Report

EXECUTOR_COLUMNS = ("executor", "#accuracy", "#differ from IR", "#images/s", "")


def executor_rows(executors: Sequence[ExecutorResult]) -> list[tuple[object, ...]]:
    """Give the rows of :data:`EXECUTOR_COLUMNS`.

    Parameters
    ----------
    executors : sequence of ExecutorResult

    Returns
    -------
    list of tuple
    """
    return [
        (
            e.title,
            "" if e.accuracy is None else f"{100 * e.accuracy:.2f} %",
            "" if e.mismatches is None else f"{e.mismatches:,} of {e.images:,}",
            "" if e.images_per_second is None else f"{e.images_per_second:,.0f}",
            e.note,
        )
        for e in executors
    ]


def print_models(console: Console, report: Report) -> None:
    """Print one line a model, then the ladder.

    Parameters
    ----------
    console : Console
    report : Report
    """
    console.table(
        "Models",
        ("model", "#accuracy", "#neurons", "#LUT4", "#clocks", "#MHz min / median",
         "#images/s", "#differ"),
        [_row(model) for model in report.models],
    )  # fmt: skip
    rungs = list(report.models[0].ladder.__struct_fields__)
    console.table(
        "Ladder",
        ("model", *rungs),
        [(m.name, *msgspec.structs.astuple(m.ladder)) for m in report.models],
    )


def _row(model: ModelReport) -> tuple[object, ...]:
    target, throughput = model.target, model.details.throughput
    clock = target.fmax_mhz if target else None
    return (
        model.name,
        "" if model.accuracy.ir is None else f"{100 * model.accuracy.ir:.2f} %",
        f"{model.neurons:,}",
        f"{target.lut4:,}" if target else "",
        model.details.latency_cycles,
        f"{clock.min:.1f} / {clock.median:.1f}" if clock else "",
        f"{throughput.pipeline_images_per_second:,.0f}" if throughput else "",
        model.mismatches.total,
    )


def print_target(console: Console, record: SynthesisRecord) -> None:
    """Print what synthesis, proof, placement and routing gave.

    Parameters
    ----------
    console : Console
    record : SynthesisRecord
    """
    result = record.result
    console.table(
        f"{result.title}: resources",
        ("part", "#LUT4", "#flip-flops"),
        [
            *((part, f"{n:,}", f"{result.ff_by_part[part]:,}")
              for part, n in result.lut4_by_part.items()),
            ("all", f"{result.lut4:,}", f"{result.ff:,}"),
        ],
    )  # fmt: skip
    console.table(
        "Proof",
        ("part", "against", "#bits", "proven", "how", "#CPU s", ""),
        [
            (p.part, p.against, f"{p.outputs:,}", "yes" if p.proven else "NO", p.method,
             f"{p.cpu_s:.1f}", p.reason)
            for p in result.proofs
        ],
    )  # fmt: skip
    console.table(
        "Placed and routed",
        ("#seed", "#MHz", "#CPU s", "slowest path"),
        [
            (s.seed, s.fmax_mhz if s.routed else "not routed", f"{s.cpu_s:.0f}",
             s.critical_path or s.reason)
            for s in result.seeds
        ],
    )  # fmt: skip
    simulated = [record.netlist, *([record.unpacked] if record.unpacked else [])]
    console.table("Netlist simulated", EXECUTOR_COLUMNS, executor_rows(simulated))


def print_manifest(console: Console, manifest: BoardManifest) -> None:
    """Print what a board's bitstream is.

    Parameters
    ----------
    console : Console
    manifest : BoardManifest
    """
    clock, resources = manifest.fmax_mhz, manifest.resources
    accuracy = manifest.accuracy
    console.table(
        f"{manifest.model} on {manifest.board} ({manifest.title})",
        ("#accuracy", "#LUT4", "#flip-flops", "#block RAMs", "#MHz min / median",
         "#runs at, MHz", "#clocks to the class"),
        [
            (
                f"{100 * accuracy.right / accuracy.images:.2f} %" if accuracy else "",
                f"{resources.lut4:,}", f"{resources.ff:,}", resources.bram,
                f"{clock.min:.1f} / {clock.median:.1f}", f"{manifest.clock_hz / 1e6:g}",
                manifest.latency_cycles,
            )
        ],
    )  # fmt: skip
    console.table(
        "Ladder",
        ("rung", "state", "evidence"),
        [(name, found.state, found.evidence) for name, found in manifest.ladder.items()],
    )
