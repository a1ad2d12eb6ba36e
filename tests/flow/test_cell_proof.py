from __future__ import annotations

from pathlib import Path

import pytest

from lutloom.errors import ToolError
from lutloom.flow.cell_proof import open_table, prove_cells
from lutloom.flow.cells import cell_models
from lutloom.flow.devices import FpgaFamily


@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_minimal_models_equal_the_vendor_library(family: FpgaFamily, tmp_path: Path) -> None:
    proof = prove_cells(family, tmp_path)
    assert proof.proven
    assert proof.outputs == {"ice40": 8, "ecp5": 12}[family]


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


@pytest.mark.parametrize(
    "source",
    [
        "",
        "module LUT4 (input A, output Z);\nassign Z = A;\nendmodule\n",
        "module LUT4 (input A, output Z);\nparameter INIT = 0;\nendmodule\n",
        "module LUT4_3 (input A, output Z);\nparameter [15:0] INIT = 0;\nendmodule\n",
    ],
)
def test_a_library_of_another_form_is_refused(source: str) -> None:
    with pytest.raises(ToolError, match=r"LUT4: must be a module with 'parameter \[15:0\] INIT'"):
        open_table(source, "LUT4", "INIT")


def test_an_opened_table_is_a_port() -> None:
    source = "module LUT4(input A, output Z);\n parameter [15:0] INIT = 16'h0;\n// end\nendmodule"
    assert open_table(source, "LUT4", "INIT") == (
        "module open_LUT4 (input [15:0] INIT, input A, output Z);\n \n// end\nendmodule\n"
    )
