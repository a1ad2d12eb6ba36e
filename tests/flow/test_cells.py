from __future__ import annotations

from collections import Counter

import pytest

from lutloom.errors import ToolError
from lutloom.flow.cells import check_cells, count_cells
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Cell, Module, Netlist
from lutloom.flow.results import Resources


def netlist_of(cell: Cell) -> Netlist:
    return Netlist({"top": Module(cells={"u": cell})})


LUT = {"I0": (2,), "I1": (3,), "I2": (4,), "I3": (5,), "O": (6,)}
FF = {"CLK": (2,), "LSR": ("0",), "DI": (3,), "Q": (4,)}


def test_known_cells_pass() -> None:
    check_cells(netlist_of(Cell("SB_LUT4", LUT, {"LUT_INIT": "0" * 16})), "ice40")
    check_cells(netlist_of(Cell("TRELLIS_FF", FF, {"CEMUX": "1 ", "REGSET": "SET"})), "ecp5")


@pytest.mark.parametrize(
    ("family", "cell", "message"),
    [
        ("ice40", Cell("SB_RAM40_4K", {}), r"cell u \(SB_RAM40_4K\): must be one of SB_LUT4"),
        ("ice40", Cell("LUT4", {}), "must be one of"),
        ("ice40", Cell("SB_LUT4", {"O": (6,)}), "input I0 must be connected"),
        ("ecp5", Cell("TRELLIS_FF", FF, {"SRMODE": "ASYNC"}), "SRMODE must be one of LSR_OVER_CE"),
        ("ecp5", Cell("TRELLIS_FF", FF, {"CEMUX": "CE"}), "input CE must be connected"),
        ("ecp5", Cell("TRELLIS_FF", FF, {"NEW": "1"}), "NEW must be one of none"),
    ],
)
def test_a_cell_without_a_proven_model_is_refused(
    family: FpgaFamily, cell: Cell, message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        check_cells(netlist_of(cell), family)


def test_costs() -> None:
    counted = count_cells(Counter({"LUT4": 3, "CCU2C": 2, "TRELLIS_FF": 5, "PFUMX": 1}))
    assert counted == Resources(lut4=7, ff=5, carry=2)
    assert count_cells(Counter({"SB_LUT4": 3, "SB_CARRY": 2, "SB_DFFESR": 1})) == Resources(
        lut4=3, ff=1, carry=2
    )
