"""The page of a layer of attention: one HTML file with everything in it, no script.

Example
-------
>>> page = write_attention_report(report, Path("build/attention/report.html"))   # doctest: +SKIP
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lutloom.compare.attention_results import (
    ATTENTION_EXPLANATIONS,
    AttentionKind,
    AttentionMap,
    AttentionReport,
    LoopExecutor,
    LoopResult,
)
from lutloom.errors import MissingExtraError
from lutloom.files.atomic import write_json, write_text
from lutloom.flow.results import ProofMethod
from lutloom.flow.tools import ToolIdentity
from lutloom.report.attention_plots import AttentionPlots, draw_attention_plots
from lutloom.report.environment import DASH, make_environment
from lutloom.report.picture import png_data_uri
from lutloom_sim.attention_result import AttentionExecutor, AttentionSimulation

KINDS: dict[AttentionKind, str] = {"int8": "in 8-bit integers", "binary": "on binary codes"}
EXECUTORS: dict[LoopExecutor, str] = {
    "torch": "torch, floats",
    "numpy": "the integer model",
    "onnxruntime": "ONNX Runtime, integers",
    "verilog": "the engine: Verilog in Verilator",
}
SIMULATORS: dict[AttentionExecutor, str] = {
    "amaranth": "Amaranth",
    "cocotb": "Verilator through cocotb",
    "bulk": "Verilator as a library",
}
DESIGNS = {
    "amaranth": "components",
    "verilog": "emitted Verilog",
    "netlist": "netlist after synthesis",
}
METHODS: dict[ProofMethod, str] = {
    "sat": "SAT, temporal induction",
    "induction": "SAT, induction over all registers",
    "structure": "wire by wire",
    "none": "none",
}

_SMALL_POSITIONS = 192
"""Maps of more are as wide as the page, since a smaller picture would drop pixels."""
_WHITE = 255
_LIGHTER = bytes(round(math.sqrt(grey * _WHITE)) for grey in range(_WHITE + 1))
"""Grey by the square root of a weight."""


def write_attention_report(report: AttentionReport, path: Path) -> Path:
    """Write the page and its data beside it, each atomically.

    Parameters
    ----------
    report : AttentionReport
    path : Path
        The page, ``….html``; the JSON file takes its name with ``.json``.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InvalidFileError
        When the folder cannot be written.
    """
    page = render_attention_page(report)
    write_json(path.with_suffix(".json"), report)
    write_text(path, page)
    return path


def render_attention_page(report: AttentionReport) -> str:
    """Render the page.

    Parameters
    ----------
    report : AttentionReport

    Returns
    -------
    str
        HTML; the same results give the same text.

    Raises
    ------
    ValueError
        When a map is not ``positions * positions`` bytes.
    """
    try:
        plots, plots_missing = draw_attention_plots(report), ""
    except MissingExtraError as error:
        plots, plots_missing = AttentionPlots(), str(error)
    simulations = _simulations(report)
    return (
        make_environment()
        .get_template("attention.html.j2")
        .render(
            report=report,
            headline=_headline(report.loop, [one for _, one in simulations]),
            explanations=ATTENTION_EXPLANATIONS,
            kinds=KINDS,
            executors=EXECUTORS,
            simulators=SIMULATORS,
            designs=DESIGNS,
            methods=METHODS,
            simulations=simulations,
            maps=[_map(one) for one in report.maps],
            large_maps=any(one.positions > _SMALL_POSITIONS for one in report.maps),
            texts=_texts(report.maps),
            tools=_tools(report),
            plots=plots,
            plots_missing=plots_missing,
            dash=DASH,
        )
    )


@dataclass(frozen=True, slots=True)
class _Headline:
    """Hold the figures of the first sentence.

    Parameters
    ----------
    compared, differing : int
        Integers, in simulations and inside the model together.
    in_model : int
        Of those compared, how many inside the model.
    marks_differing : int
    query_rows : int
        Of all simulations together.
    torch, engine : LoopResult or None
        The model in floats, and with the engine's Verilog.
    """

    compared: int
    differing: int
    in_model: int
    marks_differing: int
    query_rows: int
    torch: LoopResult | None
    engine: LoopResult | None

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.differing and not self.marks_differing


def _headline(loop: Sequence[LoopResult], simulations: Sequence[AttentionSimulation]) -> _Headline:
    by_executor = {one.executor: one for one in loop}
    in_model = sum(one.compared or 0 for one in loop)
    return _Headline(
        compared=in_model + sum(one.compared for one in simulations),
        differing=sum(one.differing or 0 for one in loop)
        + sum(one.differing for one in simulations),
        in_model=in_model,
        marks_differing=sum(one.marks_differing for one in simulations),
        query_rows=sum(one.query_rows for one in simulations),
        torch=by_executor.get("torch"),
        engine=by_executor.get("verilog"),
    )


def _simulations(report: AttentionReport) -> list[tuple[str, AttentionSimulation]]:
    """Give every simulation with its chip; a design that is on none has an empty one."""
    return [("", one) for one in report.simulations] + [
        (f"{target.result.device}, {target.kind}", target.netlist)
        for target in report.targets
        if target.netlist is not None
    ]


@dataclass(frozen=True, slots=True)
class _Map:
    """Hold a head's two pictures, each with title and data URI, and how they differ."""

    head: int
    positions: int
    difference_grey: int
    pictures: tuple[tuple[str, str], ...]

    @property
    def difference(self) -> float:
        return self.difference_grey / _WHITE


def _map(one: AttentionMap) -> _Map:
    n = one.positions
    floats, integers = (
        png_data_uri(pixels.translate(_LIGHTER), n, n) for pixels in (one.floats, one.integers)
    )
    return _Map(
        head=one.head,
        positions=n,
        difference_grey=max(
            (abs(a - b) for a, b in zip(one.floats, one.integers, strict=True)), default=0
        ),
        pictures=(
            ("softmax of floats", floats),
            ("integers of the engine", integers),
        ),
    )


def _texts(maps: Sequence[AttentionMap]) -> list[tuple[list[int], tuple[str, ...]]]:
    """Give each text once, with the heads whose maps are of it."""
    heads: dict[tuple[str, ...], list[int]] = {}
    for one in maps:
        heads.setdefault(one.tokens, []).append(one.head)
    return [(of, tokens) for tokens, of in heads.items()]


def _tools(report: AttentionReport) -> list[ToolIdentity]:
    """Give every tool that took part, once."""
    return list(dict.fromkeys(tool for one in report.targets for tool in one.result.tools))
