"""Designs for boards to text: RTLIL and pin constraints for a chip, Verilog of the same design.

Example
-------
>>> sources = emit_board(network, find_board("icebreaker"), options)  # doctest: +SKIP
>>> sources.constraints.splitlines()[0]                              # doctest: +SKIP
'set_io clk12_0__io 35'
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from amaranth.back import rtlil

from lutloom import ir
from lutloom.emit.text import with_internal_cells
from lutloom.emit.yosys import rtlil_to_verilog
from lutloom_hw.board.boards import BoardKind
from lutloom_hw.board.classifier import ClassifierBoard
from lutloom_hw.board.shell import BoardDesign, Shell
from lutloom_hw.options import LutStyle, PipelineOptions
from lutloom_hw.top import Top

BOARD_TOP = "lutloom_board"
"""The top module's name on a chip."""
DESIGN_TOP = "lutloom_design"
"""The same design without clock, reset and pads; its ports are ``clk``, ``rst``, ``rx``, ``tx``,
``digit`` and ``shows``."""


@dataclass(frozen=True, slots=True)
class BoardSources:
    """Hold what a chip's tools need.

    Parameters
    ----------
    rtlil : str
        For synthesis; the top module is :data:`BOARD_TOP`.
    constraints : str
        For place and route: pins and the clock, as PCF (iCE40) or LPF (ECP5).
    """

    rtlil: str
    constraints: str


def emit_board(network: ir.Network, board: BoardKind, options: PipelineOptions) -> BoardSources:
    """Write a network's classifier for a board.

    Parameters
    ----------
    network : ir.Network
    board : BoardKind
    options : PipelineOptions
        ``lut_style`` and ``pixels_per_beat`` are not considered.

    Returns
    -------
    BoardSources
        The same for the same network, board and options.

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule of the representation.
    """
    design = _design(network, board, options, "cell")
    plan = board.platform().prepare(Shell(design, board), BOARD_TOP, emit_src=False)
    files = {name: _text(contents) for name, contents in plan.files.items()}
    constraints = next(files[name] for name in files if name.endswith((".pcf", ".lpf")))
    lines = [line for line in constraints.splitlines() if not line.startswith("#")]
    return BoardSources(
        rtlil=with_internal_cells(files[f"{BOARD_TOP}.il"]), constraints="\n".join([*lines, ""])
    )


def emit_design(network: ir.Network, board: BoardKind, options: PipelineOptions) -> str:
    """Write as Verilog for simulation what :func:`emit_board` puts between the pads.

    Parameters
    ----------
    network : ir.Network
    board : BoardKind
    options : PipelineOptions
        ``lut_style`` and ``pixels_per_beat`` are not considered.

    Returns
    -------
    str
        The top module is :data:`DESIGN_TOP`.

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule of the representation.
    MissingExtraError, ToolError
        If Yosys is not installed or fails.
    """
    design = _design(network, board, options, "expression")
    return rtlil_to_verilog(rtlil.convert(design, name=DESIGN_TOP, emit_src=False))


def _design(
    network: ir.Network, board: BoardKind, options: PipelineOptions, style: LutStyle
) -> BoardDesign:
    top = Top(network, replace(options, pixels_per_beat=1, lut_style=style))
    return ClassifierBoard(top, clock_hz=board.clock_hz)


def _text(contents: str | bytes) -> str:
    return contents if isinstance(contents, str) else contents.decode()
