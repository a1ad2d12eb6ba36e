"""The pads and clock buffers a board's netlist may hold: the chip's own, taken at their word."""

from __future__ import annotations

from lutloom.flow.cell_kind import CellKind
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Module
from lutloom.flow.results import Resources

_INPUT, _OUTPUT = "000001", "101001"
_IO = {
    "IO_STANDARD": ("SB_LVCMOS", "SB_LVTTL"),
    "PULLUP": ("0", "1", f"{1:032b}"),
    "PIN_TYPE": (_INPUT, _OUTPUT),
}

PAD_KINDS: dict[FpgaFamily, dict[str, CellKind]] = {
    "ice40": {
        "SB_IO": CellKind(
            "D_OUT_0 OUTPUT_ENABLE", "D_IN_0", Resources(), settings=_IO,
            optional="D_OUT_0 OUTPUT_ENABLE",
        ),
        "SB_GB_IO": CellKind("", "GLOBAL_BUFFER_OUTPUT", Resources(), settings=_IO),
    },
    "ecp5": {
        "TRELLIS_IO": CellKind(
            "I T", "O", Resources(), settings={"DIR": ("INPUT", "OUTPUT")}, optional="I T"
        ),
    },
}  # fmt: skip


def holds_pads(module: Module) -> bool:
    """Tell whether a module of a netlist holds a pad.

    Parameters
    ----------
    module : Module

    Returns
    -------
    bool
    """
    kinds = {name for some in PAD_KINDS.values() for name in some}
    return any(cell.type in kinds for cell in module.cells.values())
