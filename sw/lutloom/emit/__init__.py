"""Networks to text: Verilog for simulation, RTLIL for synthesis."""

from lutloom.emit.text import TopName, emit_rtlil, emit_verilog

__all__ = ["TopName", "emit_rtlil", "emit_verilog"]
