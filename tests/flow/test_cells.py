from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lutloom.errors import ToolError
from lutloom.flow.cells import cell_models, check_cells, count_cells, prove_cells
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Cell, Module, Netlist
from lutloom.flow.results import Resources


@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_minimal_models_equal_the_vendor_library(family: FpgaFamily, tmp_path: Path) -> None:
    proof = prove_cells(family, tmp_path)
    assert proof.proven
    assert proof.outputs > 100


FAULTS: list[tuple[FpgaFamily, str, str]] = [
    ("ice40", "I2 ? s3[7:4] : s3[3:0]", "I2 ? s3[3:0] : s3[7:4]"),
    ("ice40", "((I0 | I1) & CI)", "((I0 ^ I1) & ~CI)"),
    ("ice40", "if (E) Q <= D;", "Q <= D;"),
    ("ice40", "if (S) Q <= 1; else Q <= D;", "if (S) Q <= 0; else Q <= D;"),
    ("ice40", "module SB_DFFSS (output reg Q = 0", "module SB_DFFSS (output reg Q = 1"),
    ("ecp5", "B ? s2[3:2] : s2[1:0]", "C ? s2[3:2] : s2[1:0]"),
    ("ecp5", "assign S1 = p1 ^ carry;", "assign S1 = p1 ^ CIN;"),
    ("ecp5", "SD ? D1 : D0", "SD ? D0 : D1"),
    ("ecp5", 'REGSET == "SET"', 'REGSET == "RESET"'),
    ("ecp5", 'CEMUX == "INV" ? ~CE', 'CEMUX == "INV" ? CE'),
    ("ecp5", "if (LSR) Q <= VALUE;", "if (LSR & enable) Q <= VALUE;"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "right", "wrong"), FAULTS)
def test_a_wrong_model_is_caught(
    family: FpgaFamily, right: str, wrong: str, tmp_path: Path
) -> None:
    models = cell_models(family)
    assert right in models
    with pytest.raises(ToolError, match="proof did fail"):
        prove_cells(family, tmp_path, models.replace(right, wrong, 1))


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
