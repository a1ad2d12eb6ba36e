"""The page of a layer of attention: one HTML file, no script, nothing fetched."""

from __future__ import annotations

from pathlib import Path

from lutloom.compare.attention_results import (
    ATTENTION_EXPLANATIONS,
    AttentionMap,
    AttentionReport,
    LoopExecutor,
)
from lutloom.errors import MissingExtraError
from lutloom.files.atomic import write_json, write_text
from lutloom.flow.tools import ToolIdentity
from lutloom.report.attention_plots import draw_attention_plots
from lutloom.report.page import DASH, make_environment
from lutloom.report.picture import png_data_uri
from lutloom_sim.attention_result import AttentionExecutor, AttentionSimulation

EXECUTORS: dict[LoopExecutor, str] = {
    "torch": "torch, floats",
    "numpy": "the integer model",
    "onnxruntime": "ONNX Runtime, integers",
    "verilog": "Verilog in Verilator, integers",
}
SIMULATORS: dict[AttentionExecutor, str] = {
    "amaranth": "Amaranth",
    "cocotb": "Verilator through cocotb",
    "bulk": "Verilator",
}


def write_attention_report(report: AttentionReport, path: Path) -> Path:
    """Write the page and its data beside it, ``.json``, each atomically.

    Parameters
    ----------
    report : AttentionReport
    path : Path
        The page, ``….html``.

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
    """
    try:
        plots, plots_missing = draw_attention_plots(report), ""
    except MissingExtraError as error:
        plots, plots_missing = {}, str(error)
    simulations = _simulations(report)
    counts = [(one.compared, one.differing) for _, one in simulations]
    counts += [(one.compared or 0, one.differing or 0) for one in report.loop]
    environment = make_environment()
    environment.filters["signed"] = lambda share: f"{100 * share:+.3f} %"
    return environment.get_template("attention.html.j2").render(
        report=report,
        explanations=ATTENTION_EXPLANATIONS,
        executors=EXECUTORS,
        simulators=SIMULATORS,
        simulations=simulations,
        compared=sum(compared for compared, _ in counts),
        differing=sum(differing for _, differing in counts),
        differences=[_difference(one) for one in report.maps],
        tools=_tools(report),
        plots=plots,
        plots_missing=plots_missing,
        picture=png_data_uri,
        dash=DASH,
    )


def _simulations(report: AttentionReport) -> list[tuple[str, AttentionSimulation]]:
    """Give every simulation, and of which chip it is."""
    found = [("", one) for one in report.simulations]
    return found + [
        (target.result.title, target.netlist) for target in report.targets if target.netlist
    ]


def _difference(one: AttentionMap) -> int:
    """Give the largest difference between the two pictures of a head."""
    return max(abs(a - b) for a, b in zip(one.floats, one.integers, strict=True))


def _tools(report: AttentionReport) -> list[ToolIdentity]:
    """Give every tool that took part, once."""
    return list({tool.name: tool for t in report.targets for tool in t.result.tools}.values())
