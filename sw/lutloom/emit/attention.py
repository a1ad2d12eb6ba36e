"""Layers of attention to text, by the same two roads as networks.

Example
-------
>>> verilog = emit_attention_verilog(layer, AttentionOptions(lanes=8))   # doctest: +SKIP
>>> "module lutloom_attention(" in verilog                           # doctest: +SKIP
True
"""

from __future__ import annotations

from amaranth.back import rtlil

from lutloom.attention.binary import BinaryAttention
from lutloom.attention.config import IntegerAttention
from lutloom.emit.yosys import rtlil_to_verilog
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.attention_top import AttentionTop

ATTENTION_TOP = "lutloom_attention"
"""The top module's name; its ports are those of ``lutloom_pipeline``."""


def emit_attention_rtlil(
    layer: IntegerAttention | BinaryAttention, options: AttentionOptions
) -> str:
    """Write a layer of attention as RTLIL for synthesis.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    options : AttentionOptions

    Returns
    -------
    str
        The same for the same layer and options.

    Raises
    ------
    InvalidRecipeError
        If the options do not fit the layer.
    """
    top = AttentionTop(layer, options)
    text: str = rtlil.convert(top, name=ATTENTION_TOP, emit_src=False)
    return text


def emit_attention_verilog(
    layer: IntegerAttention | BinaryAttention, options: AttentionOptions
) -> str:
    """Write a layer of attention as Verilog for simulation.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    options : AttentionOptions

    Returns
    -------
    str
        The same for the same layer and options.

    Raises
    ------
    InvalidRecipeError
        If the options do not fit the layer.
    MissingExtraError, ToolError
        If Yosys is not installed or fails.
    """
    return rtlil_to_verilog(emit_attention_rtlil(layer, options))
