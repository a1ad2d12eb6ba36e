"""The cells a netlist may hold: minimal models, what is allowed of them, and what they cost.

The models (``models/ice40.v``, ``models/ecp5.v``) stand for the chip in proofs and in simulation,
so :mod:`lutloom.flow.cell_proof` proves them equal to the vendor library that Yosys ships, and a
netlist with any other cell or setting is refused here.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lutloom.errors import ToolError
from lutloom.flow.blocks import BLOCK_KINDS
from lutloom.flow.cell_kind import CellKind
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Cell, Netlist
from lutloom.flow.pads import PAD_KINDS
from lutloom.flow.results import Resources

_MODELS = Path(__file__).with_name("models")


_LUT, _FF = Resources(lut4=1), Resources(ff=1)

CELL_KINDS: dict[FpgaFamily, dict[str, CellKind]] = {
    "ice40": {
        "SB_LUT4": CellKind("I0 I1 I2 I3", "O", _LUT, table="LUT_INIT"),
        "SB_CARRY": CellKind("I0 I1 CI", "CO", Resources(carry=1)),
        "SB_DFF": CellKind("C D", "Q", _FF),
        "SB_DFFE": CellKind("C E D", "Q", _FF),
        "SB_DFFSR": CellKind("C R D", "Q", _FF),
        "SB_DFFSS": CellKind("C S D", "Q", _FF),
        "SB_DFFESR": CellKind("C E R D", "Q", _FF),
        "SB_DFFESS": CellKind("C E S D", "Q", _FF),
    },
    "ecp5": {
        "LUT4": CellKind("A B C D", "Z", _LUT, table="INIT"),
        "PFUMX": CellKind("ALUT BLUT C0", "Z", Resources()),
        "L6MUX21": CellKind("D0 D1 SD", "Z", Resources()),
        "CCU2C": CellKind(
            "CIN A0 B0 C0 D0 A1 B1 C1 D1",
            "S0 S1 COUT",
            Resources(lut4=2, carry=1),
            settings={
                "INIT0": ("1001011010101010",),
                "INIT1": ("1001011010101010",),
                "INJECT1_0": ("NO",),
                "INJECT1_1": ("NO",),
            },
        ),
        "TRELLIS_FF": CellKind(
            "CLK LSR CE DI",
            "Q",
            _FF,
            optional="CE",
            settings={
                "GSR": ("DISABLED",),
                "CEMUX": ("1", "CE", "INV"),
                "CLKMUX": ("CLK",),
                "LSRMUX": ("LSR",),
                "SRMODE": ("LSR_OVER_CE",),
                "REGSET": ("RESET", "SET"),
            },
        ),
    },
}


def cell_models(family: FpgaFamily) -> str:
    """Give the minimal models of a family's cells as Verilog.

    Parameters
    ----------
    family : {"ice40", "ecp5"}

    Returns
    -------
    str
    """
    return (_MODELS / f"{family}.v").read_text()


def count_cells(cells: Counter[str]) -> Resources:
    """Add up what cells cost.

    Parameters
    ----------
    cells : Counter of str
        How many there are, by type; all of them allowed.

    Returns
    -------
    Resources
    """
    total = Resources()
    for name, n in cells.items():
        kinds = (*CELL_KINDS.values(), *BLOCK_KINDS.values(), *PAD_KINDS.values())
        cost = next(some[name].cost for some in kinds if name in some)
        total += cost.times(n)
    return total


def _fault(cell: Cell, kinds: dict[str, CellKind]) -> str | None:
    kind = kinds.get(cell.type)
    if kind is None:
        return f"must be one of {', '.join(kinds)}"
    for name, value in cell.parameters.items():
        value = str(value).rstrip(" ")  # Yosys marks text that looks like a number by a space
        if name == kind.table or (kind.contents and name.startswith(kind.contents)):
            continue
        if value not in kind.settings.get(name, ()):
            return f"{name} must be one of {', '.join(kind.settings.get(name, ())) or 'none'}"
    for name in kind.inputs.split():
        if name not in cell.connections and name not in kind.optional.split():
            return f"input {name} must be connected"
    for name, value in kind.constant.items():
        given = {str(bit) for bit in cell.connections.get(name, ())}
        if not given <= {value, "x"}:
            return f"input {name} must be constant {value}"
    if "CE" in kind.optional and str(cell.parameters.get("CEMUX", "1")).strip() != "1":
        return None if "CE" in cell.connections else "input CE must be connected"
    return None


def check_cells(
    netlist: Netlist, family: FpgaFamily, *, blocks: bool = False, pads: bool = False
) -> None:
    """Refuse a netlist with a cell that has no model.

    Parameters
    ----------
    netlist : Netlist
    family : {"ice40", "ecp5"}
    blocks : bool
        Whether memories and multipliers are allowed, whose models are only simulated.
    pads : bool
        Whether pads are allowed.

    Raises
    ------
    ToolError
        Naming the module, the cell, its type and what is allowed.
    """
    kinds = dict(CELL_KINDS[family])
    if blocks:
        kinds |= BLOCK_KINDS[family]
    if pads:
        kinds |= PAD_KINDS[family]
    for module_name, module in netlist.own_modules():
        for name, cell in module.cells.items():
            if netlist.is_part(cell):
                continue
            fault = _fault(cell, kinds)
            if fault:
                raise ToolError(
                    f"netlist, module {module_name}, cell {name} ({cell.type}): {fault}; "
                    "only cells with a proven model are accepted"
                )
