"""Prove the minimal cell models equal to the vendor library that Yosys ships.

Every type of cell is compared under every setting a netlist may hold, by temporal induction.  A
truth table is a parameter, and there are 65,536 of them; so in both sources the parameter is made
an input first, and the one proof holds for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from lutloom.errors import ToolError
from lutloom.files.atomic import write_text
from lutloom.flow.cell_kind import CellKind
from lutloom.flow.cells import CELL_KINDS, cell_models
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.results import PartProof
from lutloom.flow.toolchain import Command, run

_VENDOR: dict[FpgaFamily, str] = {
    "ice40": "+/ice40/cells_sim.v",
    "ecp5": "+/lattice/cells_sim_ecp5.v",
}
_TABLE_BITS = 16

_PRINT = "read_verilog -defer -nooverwrite -ppdump {vendor}\n"

_PROVE = """
read_verilog cells_minimal.v table_minimal.v bench_minimal.v
hierarchy -check -top minimal
proc
flatten
opt_clean
design -stash minimal
read_verilog -defer -nooverwrite {vendor}
read_verilog table_vendor.v bench_vendor.v
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
    """Prove the minimal models equal to the vendor library.

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
        With ``outputs`` the outputs compared: each type of cell under each setting, each truth
        table as 65,536 settings at once.

    Raises
    ------
    ToolError
        If a model differs from the library.
    """
    minimal = cell_models(family) if models is None else models
    vendor = _VENDOR[family]
    write_text(folder / "cells_minimal.v", minimal)
    cpu_s, library = _run(folder, "library", _PRINT.format(vendor=vendor))
    for side, source in (("minimal", minimal), ("vendor", library)):
        opened = [
            open_table(source, name, kind.table)
            for name, kind in CELL_KINDS[family].items()
            if kind.table
        ]
        write_text(folder / f"table_{side}.v", "\n".join(opened))
        write_text(folder / f"bench_{side}.v", "\n".join(_bench(family, side)))
    proof_cpu_s, _ = _run(folder, "cells", _PROVE.format(vendor=vendor))
    return PartProof(
        part="cells",
        against="vendor library",
        outputs=sum(
            len(kind.outputs.split()) * len(list(_settings(kind)))
            for kind in CELL_KINDS[family].values()
        ),
        proven=True,
        method="sat",
        cpu_s=round(cpu_s + proof_cpu_s, 1),
    )


def open_table(source: str, cell: str, table: str) -> str:
    """Take a cell out of Verilog and make its truth table an input.

    Parameters
    ----------
    source : str
        Verilog with a module ``cell``, its ports declared in its head, and in it
        ``parameter [15:0] TABLE = ...;``.
    cell : str
    table : str
        The parameter's name.

    Returns
    -------
    str
        A module ``open_CELL`` with one more port, ``input [15:0] TABLE``.

    Raises
    ------
    ToolError
        If the source is not of this form.
    """
    module = re.search(rf"^module {cell}\s*\((.*?)^endmodule", source, re.DOTALL | re.MULTILINE)
    if module is not None:
        parameter = rf"parameter \[{_TABLE_BITS - 1}:0\] {table} = [^;]*;"
        body, found = re.subn(parameter, "", module[1])
        if found == 1:
            port = f"input [{_TABLE_BITS - 1}:0] {table}"
            return f"module open_{cell} ({port}, {body}endmodule\n"
    raise ToolError(
        f"cell library, {cell}: must be a module with 'parameter [{_TABLE_BITS - 1}:0] {table}', "
        "not another form; use the Yosys version of requirements.lock"
    )


def _run(folder: Path, name: str, script: str) -> tuple[float, str]:
    """Run a script and give its CPU seconds and its log."""
    write_text(folder / f"{name}.ys", script)
    log = f"{name}.yosys.log"
    outcome = run(Command("yosys", ("-q", "-l", log, "-s", f"{name}.ys"), folder, f"{name}.log"))
    return outcome.cpu_s, (folder / log).read_text(encoding="utf-8", errors="replace")


def _settings(kind: CellKind) -> Iterator[str]:
    """Write every combination of settings as a Verilog parameter list."""
    for values in product(*kind.settings.values()):
        pairs = [
            f".{name}({_TABLE_BITS}'b{value})" if name.startswith("INIT") else f'.{name}("{value}")'
            for name, value in zip(kind.settings, values, strict=True)
        ]
        yield f"#({', '.join(pairs)}) " if pairs else ""


def _bench(family: FpgaFamily, name: str) -> list[str]:
    """Write a module that holds one instance of every cell under every setting."""
    body: list[str] = []
    inputs, outputs = 1, 0
    for type_name, kind in CELL_KINDS[family].items():
        for setting in _settings(kind):
            pins = []
            if kind.table:
                pins.append(f".{kind.table}(i[{inputs} +: {_TABLE_BITS}])")
                inputs += _TABLE_BITS
            for pin in kind.inputs.split():
                if pin in ("C", "CLK") and kind.cost.ff:
                    pins.append(f".{pin}(i[0])")
                else:
                    pins.append(f".{pin}(i[{inputs}])")
                    inputs += 1
            for pin in kind.outputs.split():
                pins.append(f".{pin}(o[{outputs}])")
                outputs += 1
            cell = f"open_{type_name}" if kind.table else type_name
            body.append(f"  {cell} {setting}u{len(body)} ({', '.join(pins)});")
    head = f"module {name} (input [{inputs - 1}:0] i, output [{outputs - 1}:0] o);"
    return [head, *body, "endmodule", ""]
