"""The report as data: what ``report.json`` holds and the page shows.

The keys before ``details`` are a contract other programs read; ``details`` is the page's.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lutloom.compare.ladder import NOT_RUN, Rung
from lutloom.compare.results import (
    ExecutorResult,
    RungState,
    Throughput,
    TradeOff,
    WrongAnswer,
)
from lutloom.schema import read_json


class AccuracyByExecutor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a share of right answers, 0..1, for each executor; None where it did not run."""

    torch_cpu: float | None = None
    torch_cuda: float | None = None
    onnxruntime: float | None = None
    ir: float | None = None
    rtl: float | None = None
    netlist: float | None = None


class MismatchesByExecutor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold how many answers differ from the IR's, for each executor."""

    torch_cpu: int | None = None
    torch_cuda: int | None = None
    onnxruntime: int | None = None
    ir: int | None = None
    rtl: int | None = None
    netlist: int | None = None

    @property
    def total(self) -> int | None:
        """Differing answers of all executors that ran; None where none did."""
        counts = [n for n in msgspec.structs.astuple(self) if n is not None]
        return sum(counts) if counts else None


class Ladder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the state of every rung of the verification ladder."""

    L0: RungState = "not run"
    L1: RungState = "not run"
    L2: RungState = "not run"
    L3: RungState = "not run"
    L4: RungState = "not run"
    L5: RungState = "not run"
    L6: RungState = "not run"


class Estimate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what lowering expected before any synthesis."""

    lut4: int
    ff: int
    latency_cycles: int


class Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the clock after routing, in MHz: least, median, and by place-and-route seed."""

    min: float
    median: float
    seeds: dict[str, float]


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what synthesis, placement and routing gave on one device."""

    device: str
    lut4: int
    lut4_by_part: dict[str, int]
    ff: int
    routed: bool
    fmax_mhz: Clock | None = None
    bitstream_sha256: str | None = None


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one epoch of training; accuracies are shares, 0..1."""

    epoch: int
    train_accuracy: float | None = None
    validation_accuracy: float | None = None


class Details(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what the page shows beyond the contract.

    Members
    -------
    widths : neurons of each layer after lowering
    latency_cycles : of the pipeline as built
    ff_by_part : flip-flops by part of the design, as ``lut4_by_part``
    rungs : evidence for each rung in words
    conditions : how the figures were taken, a sentence each
    digests : SHA-256 of what was made, by name
    """

    title: str = ""
    dataset: str = ""
    widths: tuple[int, ...] = ()
    thresholds: tuple[int, ...] = ()
    latency_cycles: int | None = None
    throughput: Throughput | None = None
    executors: tuple[ExecutorResult, ...] = ()
    rungs: dict[str, Rung] = msgspec.field(default_factory=dict)
    history: tuple[Epoch, ...] = ()
    trade_off: tuple[TradeOff, ...] = ()
    ff_by_part: dict[str, int] = msgspec.field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()
    wrong: tuple[WrongAnswer, ...] = ()
    conditions: tuple[str, ...] = ()
    digests: dict[str, str] = msgspec.field(default_factory=dict)

    def rung(self, name: str) -> Rung:
        """Find the evidence of a rung."""
        return self.rungs.get(name, NOT_RUN)


class ModelReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold everything about one model; the keys' order is the file's."""

    name: str
    neurons: int
    layers: int
    train_seconds: float | None
    seed: int
    images: int
    accuracy: AccuracyByExecutor
    mismatches: MismatchesByExecutor
    ladder: Ladder
    estimate: Estimate | None
    target: Target | None
    details: Details = msgspec.field(default_factory=Details)


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a whole report.

    Members
    -------
    models : one entry a model
    tools : name and version of everything that took part
    """

    models: tuple[ModelReport, ...]
    tools: dict[str, str] = msgspec.field(default_factory=dict)


def read_report(path: Path) -> Report:
    """Read a ``report.json``.

    Raises
    ------
    InvalidFileError
        When it is missing, too large, not JSON, or has other keys.
    """
    return read_json(path, Report)
