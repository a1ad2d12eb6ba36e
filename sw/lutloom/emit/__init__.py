"""Networks to text: Verilog for simulation, RTLIL for synthesis."""

from lutloom.emit.attention import (
    ATTENTION_TOP,
    emit_attention_rtlil,
    emit_attention_verilog,
)
from lutloom.emit.board import BOARD_TOP, DESIGN_TOP, BoardSources, emit_board, emit_design
from lutloom.emit.text import TopName, emit_rtlil, emit_verilog

__all__ = [
    "ATTENTION_TOP",
    "BOARD_TOP",
    "DESIGN_TOP",
    "BoardSources",
    "TopName",
    "emit_attention_rtlil",
    "emit_attention_verilog",
    "emit_board",
    "emit_design",
    "emit_rtlil",
    "emit_verilog",
]
