"""Networks to text: Verilog for simulation, RTLIL for synthesis.

The same network and options give the same bytes, whatever the hash seed, folder or day.

Example
-------
>>> verilog = emit_verilog(network, PipelineOptions())              # doctest: +SKIP
>>> "module lutloom_pipeline(" in verilog                           # doctest: +SKIP
True
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal, get_args

from amaranth.back import rtlil
from amaranth.lib import wiring

from lutloom import ir
from lutloom.emit.yosys import rtlil_to_verilog
from lutloom.errors import InvalidRecipeError
from lutloom_hw.options import LutStyle, PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.top import Top

TopName = Literal["pipeline", "top"]


def emit_verilog(network: ir.Network, options: PipelineOptions, top: TopName = "pipeline") -> str:
    """Write a network as Verilog for simulation, tables as indexed constants.

    The top module is ``lutloom_pipeline`` or ``lutloom_top`` with the ports ``clk``, ``rst``,
    ``i__payload``, ``i__valid``, ``i__ready``, ``o__payload``, ``o__valid`` and ``o__ready``.

    Parameters
    ----------
    network : ir.Network
    options : PipelineOptions
        ``lut_style`` is not considered.
    top : {"pipeline", "top"}
        Encoded images in, or pixels in.

    Returns
    -------
    str

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule of the representation.
    InvalidRecipeError
        If ``top`` is neither.
    MissingExtraError, ToolError
        If Yosys is not installed or fails.
    """
    return rtlil_to_verilog(_convert(network, options, top, "expression"))


def emit_rtlil(network: ir.Network, options: PipelineOptions, top: TopName = "top") -> str:
    """Write a network as RTLIL for synthesis, tables as Yosys's own ``$lut`` cells.

    Parameters
    ----------
    network : ir.Network
    options : PipelineOptions
        ``lut_style`` is not considered.
    top : {"pipeline", "top"}
        Encoded images in, or pixels in.

    Returns
    -------
    str

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule of the representation.
    InvalidRecipeError
        If ``top`` is neither.
    """
    return with_internal_cells(_convert(network, options, top, "cell"))


def with_internal_cells(rtlil_text: str) -> str:
    r"""Turn instances of ``\$lut`` into Yosys's own cells of this name.

    Amaranth can only instantiate public names, those with a backslash in front.

    Parameters
    ----------
    rtlil_text : str

    Returns
    -------
    str
    """
    return re.sub(r"^( *cell )\\(\$lut )", r"\1\2", rtlil_text, flags=re.MULTILINE)


def _convert(network: ir.Network, options: PipelineOptions, top: TopName, style: LutStyle) -> str:
    if top not in get_args(TopName):
        raise InvalidRecipeError(
            f"emit, top: must be one of {', '.join(get_args(TopName))}, not {top!r}; correct 'top'"
        )
    options = replace(options, lut_style=style)
    design: wiring.Component
    design = Pipeline(network, options) if top == "pipeline" else Top(network, options)
    text: str = rtlil.convert(design, name=f"lutloom_{top}", emit_src=False)
    return text
