"""The cells a netlist may hold: minimal models, what is allowed of them, and what they cost.

The models (``models/ice40.v``, ``models/ecp5.v``) stand for the chip in proofs and in simulation,
so they are proven equal to the vendor library that Yosys ships, and a netlist with any other cell
or setting is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np

from lutloom.errors import ToolError
from lutloom.files.atomic import write_text
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Cell, Netlist
from lutloom.flow.results import PartProof, Resources
from lutloom.flow.toolchain import Command, run

_MODELS = Path(__file__).with_name("models")
_VENDOR: dict[FpgaFamily, str] = {
    "ice40": "+/ice40/cells_sim.v",
    "ecp5": "+/lattice/cells_sim_ecp5.v",
}
_RANDOM_TABLES = 64


@dataclass(frozen=True, slots=True)
class _Kind:
    """Say what is known of one type of cell."""

    inputs: str
    outputs: str
    cost: Resources
    table: str = ""
    """The parameter that is a truth table of four inputs, if there is one."""
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Allowed values of every other parameter, the default first."""
    optional: str = ""
    """Inputs that may stay open."""


_LUT, _FF = Resources(lut4=1), Resources(ff=1)

_KINDS: dict[FpgaFamily, dict[str, _Kind]] = {
    "ice40": {
        "SB_LUT4": _Kind("I0 I1 I2 I3", "O", _LUT, table="LUT_INIT"),
        "SB_CARRY": _Kind("I0 I1 CI", "CO", Resources(carry=1)),
        "SB_DFF": _Kind("C D", "Q", _FF),
        "SB_DFFE": _Kind("C E D", "Q", _FF),
        "SB_DFFSR": _Kind("C R D", "Q", _FF),
        "SB_DFFSS": _Kind("C S D", "Q", _FF),
        "SB_DFFESR": _Kind("C E R D", "Q", _FF),
        "SB_DFFESS": _Kind("C E S D", "Q", _FF),
    },
    "ecp5": {
        "LUT4": _Kind("A B C D", "Z", _LUT, table="INIT"),
        "PFUMX": _Kind("ALUT BLUT C0", "Z", Resources()),
        "L6MUX21": _Kind("D0 D1 SD", "Z", Resources()),
        "CCU2C": _Kind(
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
        "TRELLIS_FF": _Kind(
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
        cost = next(kinds[name].cost for kinds in _KINDS.values() if name in kinds)
        total += Resources(lut4=cost.lut4 * n, ff=cost.ff * n, carry=cost.carry * n)
    return total


def _fault(cell: Cell, kinds: dict[str, _Kind]) -> str | None:
    kind = kinds.get(cell.type)
    if kind is None:
        return f"must be one of {', '.join(kinds)}"
    for name, value in cell.parameters.items():
        value = str(value).rstrip(" ")  # Yosys marks text that looks like a number by a space
        if name == kind.table:
            continue
        if value not in kind.settings.get(name, ()):
            return f"{name} must be one of {', '.join(kind.settings.get(name, ())) or 'none'}"
    for name in kind.inputs.split():
        if name not in cell.connections and name not in kind.optional.split():
            return f"input {name} must be connected"
    if "CE" in kind.optional and str(cell.parameters.get("CEMUX", "1")).strip() != "1":
        return None if "CE" in cell.connections else "input CE must be connected"
    return None


def check_cells(netlist: Netlist, family: FpgaFamily) -> None:
    """Refuse a netlist with a cell that has no proven model.

    Parameters
    ----------
    netlist : Netlist
    family : {"ice40", "ecp5"}

    Raises
    ------
    ToolError
        Naming the module, the cell, its type and what is allowed.
    """
    kinds = _KINDS[family]
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


def _sample_tables() -> list[str]:
    """Tables that tell every address and its neighbours apart: single bits, rows, random ones."""
    single = [1 << bit for bit in range(16)]
    random = np.random.default_rng(4).integers(0, 1 << 16, _RANDOM_TABLES).tolist()
    tables = [*single, *(0xFFFF ^ t for t in single), 0xAAAA, 0xCCCC, 0xF0F0, 0xFF00, *random]
    return [f"16'h{table:04x}" for table in tables]


def _variants(kind: _Kind) -> Iterator[str]:
    """Write every combination of settings as a Verilog parameter list."""
    names = list(kind.settings)
    for values in product(*kind.settings.values()):
        pairs = [
            (name, f"16'b{value}" if name.startswith("INIT") else f'"{value}"')
            for name, value in zip(names, values, strict=True)
        ]
        if kind.table:
            for table in _sample_tables():
                yield f"#(.{kind.table}({table}))"
        else:
            yield f"#({', '.join(f'.{n}({v})' for n, v in pairs)})" if pairs else ""


def _bench(family: FpgaFamily, name: str) -> str:
    """Write a module that holds one instance of every cell in every variant."""
    body: list[str] = []
    inputs, outputs = 1, 0
    for kind_name, kind in _KINDS[family].items():
        for variant in _variants(kind):
            pins = []
            for pin in kind.inputs.split():
                if pin in ("C", "CLK") and kind.cost.ff:
                    pins.append(f".{pin}(i[0])")
                else:
                    pins.append(f".{pin}(i[{inputs}])")
                    inputs += 1
            for pin in kind.outputs.split():
                pins.append(f".{pin}(o[{outputs}])")
                outputs += 1
            body.append(f"  {kind_name} {variant} u{len(body)} ({', '.join(pins)});")
    head = f"module {name} (input [{inputs - 1}:0] i, output [{outputs - 1}:0] o);"
    return "\n".join([head, *body, "endmodule", ""])


_SCRIPT = """
read_verilog bench_minimal.v {minimal}
hierarchy -check -top minimal
proc
flatten
opt_clean
design -stash minimal
read_verilog -defer -nooverwrite {vendor}
read_verilog bench_vendor.v
hierarchy -check -top vendor
proc
flatten
opt_clean
design -stash vendor
design -copy-from minimal -as minimal minimal
design -copy-from vendor -as vendor vendor
miter -equiv -flatten vendor minimal miter
hierarchy -top miter
opt_clean
sat -verify -tempinduct -prove trigger 0 miter
"""


def prove_cells(family: FpgaFamily, folder: Path, models: str | None = None) -> PartProof:
    """Prove the minimal models equal to the vendor library that Yosys ships.

    Every type is compared with every setting a netlist may hold; tables of LUT4s are compared for
    each bit alone, its complement, each row and 64 random ones.

    Parameters
    ----------
    family : {"ice40", "ecp5"}
    folder : Path
        For scripts and logs; made if missing.
    models : str or None
        Verilog to prove instead of the package's own models (tests plant faults there).

    Returns
    -------
    PartProof
        With ``outputs`` the variants compared.

    Raises
    ------
    ToolError
        If a model differs from the library.
    """
    write_text(folder / "cells_minimal.v", cell_models(family) if models is None else models)
    for name in ("minimal", "vendor"):
        write_text(folder / f"bench_{name}.v", _bench(family, name))
    script = _SCRIPT.format(minimal="cells_minimal.v", vendor=_VENDOR[family])
    write_text(folder / "cells.ys", script)
    outcome = run(
        Command("yosys", ("-q", "-l", "cells.yosys.log", "-s", "cells.ys"), folder, "cells.log")
    )
    return PartProof(
        part="cells",
        against="vendor library",
        outputs=sum(len(list(_variants(kind))) for kind in _KINDS[family].values()),
        proven=True,
        method="sat",
        cpu_s=round(outcome.cpu_s, 1),
    )
