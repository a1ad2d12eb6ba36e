r"""Synthesise with Yosys, part by part, so that each part can be counted and proven.

The modules of the design (``layer1``, ``vote``, ...) stay apart until the end.  Layers of tables
go straight to the chip's LUT4s: the optimiser could not shrink a trained table and would only take
its time.  All other parts go through Yosys's own synthesis for the family.  nextpnr gets the
flattened netlist, every cell of which must be one of a part's.

Example
-------
>>> synthesis = synthesise(emit_rtlil(network, options), "ice40", Path("build/synth"))
>>> synthesis.resources.lut4, synthesis.by_part["layers"].lut4
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lutloom.errors import ToolError
from lutloom.files.atomic import write_text
from lutloom.flow.cells import check_cells, count_cells
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Netlist, read_netlist
from lutloom.flow.results import Resources
from lutloom.flow.style import PIPELINE, Style
from lutloom.flow.toolchain import Command, run

RTL, RTL_JSON = "rtl.il", "rtl.json"
NETLIST, NETLIST_JSON, NETLIST_VERILOG = "netlist.il", "netlist.json", "netlist.v"
FLAT_JSON = "flat.json"

MODELS = Path(__file__).with_name("models")

_FLIP_FLOPS: dict[FpgaFamily, str] = {
    "ice40": "-cell $_DFF_P_ 0 -cell $_DFFE_PP_ 0 -cell $_SDFF_PP?_ 0 -cell $_SDFFCE_PP?P_ 0",
    "ecp5": "-cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01 -cell $_SDFF_PP?_ r -cell $_SDFFE_PP?P_ r",
}
_CELLS: dict[FpgaFamily, str] = {
    "ice40": "techmap -map wide_ice40.v t:$lut\n"
    "techmap -map +/ice40/ff_map.v -map +/ice40/cells_map.v",
    "ecp5": "techmap -map +/lattice/cells_map_trellis.v\nlattice_gsr",
}
_PADS: dict[FpgaFamily, str] = {
    "ice40": r"""read_verilog -lib +/ice40/cells_sim.v
select -set library =A:whitebox =A:blackbox
delete @library =SB_IO %d =SB_GB_IO %d""",
    "ecp5": r"""read_verilog -lib +/lattice/cells_sim_ecp5.v
select -set library =A:whitebox =A:blackbox
delete @library =IB %d =OBZ %d""",
}
_BEGIN = r"""
read_rtlil {RTL}
{pads}
chtype -set $lut t:\$lut
hierarchy -check -top {top}
flatten {flattened}
hierarchy -check -top {top}
delete t:$scopeinfo
proc
write_json {RTL_JSON}
"""
_MAP_TABLES = r"""select {mapped}
opt_expr
opt_clean
opt_dff
opt_clean
simplemap t:$lut %n
dfflegalize {flip_flops}
{cells}
opt_clean
autoname
select -clear
setattr -mod -set blackbox 1 {mapped}
"""
_FREE_MEMORIES = r"""setattr -set ram_style "logic" {registers}/m:*
"""
_FREE_COLLISIONS = r"""select -set memories {memories}
delete @memories t:$meminit* %i
setparam -set COLLISION_X_MASK 1'1 @memories t:$memrd_v2 %i
"""
_SYNTHESISE = r"""{synthesis} -top {top}
"""
_UNMAP_TABLES = r"""setattr -mod -unset blackbox {mapped}
"""
_END = r"""opt_clean
check -assert
write_json {NETLIST_JSON}
write_verilog -noattr {NETLIST_VERILOG}
design -save parts
flatten
opt_clean
delete t:$scopeinfo
write_json {FLAT_JSON}
design -load parts
delete =A:blackbox =A:whitebox
write_rtlil {NETLIST}
"""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Hold what synthesis made and where.

    Parameters
    ----------
    family : {"ice40", "ecp5"}
    top : str
        The top module.
    folder : Path
        Holds ``rtl.il``, ``rtl.json``, ``netlist.il``, ``netlist.json``, ``netlist.v`` (all with
        the parts apart) and ``flat.json`` (for nextpnr).
    by_part : dict of str to Resources
        By the style's parts.
    pins : int
        Bits of all ports of the top module.
    script : str
        What Yosys was told.
    cpu_s : float
    style : Style
    """

    family: FpgaFamily
    top: str
    folder: Path
    by_part: dict[str, Resources]
    pins: int
    script: str
    cpu_s: float
    style: Style = PIPELINE

    @property
    def resources(self) -> Resources:
        """All parts together."""
        return sum(self.by_part.values(), start=Resources())


def synthesise(
    rtlil: str,
    family: FpgaFamily,
    folder: Path,
    *,
    top: str = "lutloom_top",
    style: Style = PIPELINE,
    time_limit_s: float = 3600.0,
) -> Synthesis:
    r"""Synthesise RTLIL to a netlist of a family's cells.

    Parameters
    ----------
    rtlil : str
        From :mod:`lutloom.emit`; tables as cells of the type ``$lut``.
    family : {"ice40", "ecp5"}
    folder : Path
        Where everything is put; made if missing.
    top : str
        Name of the top module.
    style : Style
    time_limit_s : float

    Returns
    -------
    Synthesis

    Raises
    ------
    ToolError
        If Yosys fails, makes a cell that has no proven model, or adds one in flattening.
    """
    write_text(folder / RTL, _keep_names(rtlil, style) if family == "ice40" else rtlil)
    write_text(folder / "wide_ice40.v", (MODELS / "wide_ice40.v").read_text())
    script = _script(style, rtlil).format(
        top=top,
        flip_flops=_FLIP_FLOPS[family],
        cells=_CELLS[family],
        synthesis=style.synthesis[family],
        mapped=style.mapped,
        pads=_PADS[family] if style.pads else "",
        flattened=_present(style.flattened, rtlil) or style.flattened,
        registers=_present(style.registers, rtlil),
        memories=_present(style.memories, rtlil),
        **{name: value for name, value in globals().items() if name.isupper()},
    )
    write_text(folder / "synth.ys", script)
    products = (RTL_JSON, NETLIST_JSON, NETLIST_VERILOG, FLAT_JSON, NETLIST)
    arguments = ("-q", "-l", "yosys.log", "-s", "synth.ys")
    outcome = run(
        Command("yosys", arguments, folder, "synth.log", products, time_limit_s=time_limit_s)
    )
    netlist = read_netlist(folder / NETLIST_JSON)
    check_cells(netlist, family, blocks=style.blocks, pads=style.pads)
    by_part = _count_flat(netlist, read_netlist(folder / FLAT_JSON), top, style)
    return Synthesis(
        family, top, folder, by_part, netlist.modules[top].pins(), script, outcome.cpu_s, style
    )


def _present(selection: str, rtlil: str) -> str:
    """Keep the modules of a selection that a design has: Yosys warns of each other one."""
    last_names = set(re.findall(r"^module \\\S*\.(\S+)$", rtlil, re.MULTILINE))
    return " ".join(
        word for word in selection.split() if fnmatch.filter(last_names, word.removeprefix("=*."))
    )


def _script(style: Style, rtlil: str) -> str:
    """Put together what Yosys is told."""
    parts = [_BEGIN]
    if style.mapped:
        parts.append(_MAP_TABLES)
    if _present(style.registers, rtlil):
        parts.append(_FREE_MEMORIES)
    if _present(style.memories, rtlil):
        parts.append(_FREE_COLLISIONS)
    parts.append(_SYNTHESISE)
    if style.mapped:
        parts.append(_UNMAP_TABLES)
    return "".join([*parts, _END])


def _keep_names(rtlil: str, style: Style) -> str:
    """Keep the names of registers that start at 1, which iCE40 stores inverted.

    Without, synthesis forgets the wire behind the inverter, and no proof could match it.
    """
    kept = rf"(?=  wire (?!.*\\{style.unkept}$))" if style.unkept else r"(?=  wire )"
    starts_at_one = re.compile(rf"^(  attribute \\init \d+'[01]*1[01]*\n){kept}", re.MULTILINE)
    return starts_at_one.sub(r"\1  attribute \\keep 1\n", rtlil)


def _plain(name: str) -> str:
    r"""Take Yosys's marks off the path of a flattened cell: ``$flatten\\a.\\b.c`` is ``a.b.c``."""
    return name.replace("$flatten", "").replace("\\", "")


def _count_flat(
    netlist: Netlist, flat: Netlist, top: str, style: Style = PIPELINE
) -> dict[str, Resources]:
    """Count the flattened netlist by part and insist that it is the parts' own cells.

    Flattening may drop cells nobody reads (neurons that lowering would have removed), no others,
    and it may not add any.
    """
    by_instance: dict[str, str] = {}

    def visit(module_name: str, path: str) -> None:
        for instance, cell in netlist.modules[module_name].cells.items():
            if netlist.is_part(cell):
                visit(cell.type, f"{path}{instance}.")
            else:
                by_instance[_plain(path + instance)] = style.part_of(module_name)

    visit(top, "")
    parts = dict.fromkeys((*style.parts, *by_instance.values()))
    cells: dict[str, Counter[str]] = {part: Counter() for part in parts}
    for name, cell in flat.modules[top].cells.items():
        if _plain(name) not in by_instance:
            raise ToolError(
                f"yosys: flattening must add no cell, but {name} ({cell.type}) is of no part; "
                "report this with the design"
            )
        cells[by_instance[_plain(name)]][cell.type] += 1
    return {part: count_cells(counter) for part, counter in cells.items()}
