"""The memories and multipliers a netlist may hold, and the settings their models know.

The models (``models/ice40_blocks.v``, ``models/ecp5_blocks.v``) serve simulation alone: SAT does
not reach a memory of some thousand bits.  They know the settings that Yosys gives attention's
memories and multipliers, and a netlist with any other is refused.
"""

from __future__ import annotations

from pathlib import Path

from lutloom.flow.cell_kind import CellKind
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Module
from lutloom.flow.results import Resources

_MODELS = Path(__file__).with_name("models")

_BIT = ("0", "1")
_WORD = tuple(f"{value:032b}" for value in (0, 1))
_WIDTHS = tuple(f"{width:032b}" for width in (9, 18, 36))


def _numbered(name: str, n: int) -> str:
    return " ".join(f"{name}{k}" for k in range(n))


_DP16KD = CellKind(
    inputs=" ".join(
        f"{_numbered(f'DI{side}', 18)} {_numbered(f'AD{side}', 14)} "
        f"CE{side} OCE{side} CLK{side} WE{side} RST{side} {_numbered(f'CS{side}', 3)}"
        for side in "AB"
    ),
    outputs=f"{_numbered('DOA', 18)} {_numbered('DOB', 18)}",
    cost=Resources(bram=1),
    contents="INITVAL_",
    settings={
        "DATA_WIDTH_A": _WIDTHS,
        "DATA_WIDTH_B": _WIDTHS,
        "REGMODE_A": ("NOREG",),
        "REGMODE_B": ("NOREG",),
        "RESETMODE": ("SYNC", "ASYNC"),
        "ASYNC_RESET_RELEASE": ("SYNC", "ASYNC"),
        "CSDECODE_A": ("0b000",),
        "CSDECODE_B": ("0b000",),
        "WRITEMODE_A": ("NORMAL", "READBEFOREWRITE"),
        "WRITEMODE_B": ("NORMAL", "READBEFOREWRITE"),
        "CLKAMUX": ("CLKA",),
        "CLKBMUX": ("CLKB",),
        "GSR": ("DISABLED",),
    },
    constant={"RSTA": "0", "RSTB": "0", "WEB": "0"}
    | {f"CS{side}{k}": "0" for side in "AB" for k in range(3)},
)

_MULT18X18D = CellKind(
    inputs=f"{_numbered('A', 18)} {_numbered('B', 18)} {_numbered('C', 18)} "
    "SIGNEDA SIGNEDB SOURCEA SOURCEB",
    outputs=_numbered("P", 36),
    cost=Resources(dsp=1),
    constant={"SOURCEA": "0", "SOURCEB": "0"} | {f"C{k}": "0" for k in range(18)},
)

_SB_RAM40_4K = CellKind(
    inputs="RCLK RCLKE RE RADDR WCLK WCLKE WE WADDR MASK WDATA",
    outputs="RDATA",
    cost=Resources(bram=1),
    contents="INIT_",
    settings={
        "READ_MODE": ("00", "01", "10", "11"),
        "WRITE_MODE": ("00", "01", "10", "11"),
    },
)

_SB_SPRAM256KA = CellKind(
    inputs="ADDRESS DATAIN MASKWREN WREN CHIPSELECT CLOCK STANDBY SLEEP POWEROFF",
    outputs="DATAOUT",
    cost=Resources(spram=1),
    constant={"STANDBY": "0", "SLEEP": "0", "POWEROFF": "1"},
)

_SB_MAC16 = CellKind(
    inputs="CLK CE C A B D AHOLD BHOLD CHOLD DHOLD IRSTTOP IRSTBOT ORSTTOP ORSTBOT OLOADTOP "
    "OLOADBOT ADDSUBTOP ADDSUBBOT OHOLDTOP OHOLDBOT CI ACCUMCI SIGNEXTIN",
    outputs="O CO ACCUMCO SIGNEXTOUT",
    cost=Resources(dsp=1),
    settings={
        "NEG_TRIGGER": ("0",),
        "A_REG": _BIT,
        "B_REG": _BIT,
        "C_REG": _BIT,
        "D_REG": _BIT,
        "A_SIGNED": _WORD,
        "B_SIGNED": _WORD,
        "TOP_8x8_MULT_REG": _BIT,
        "BOT_8x8_MULT_REG": _BIT,
        "PIPELINE_16x16_MULT_REG1": _BIT,
        "PIPELINE_16x16_MULT_REG2": ("0",),
        "TOPOUTPUT_SELECT": ("11",),
        "BOTOUTPUT_SELECT": ("11",),
        "TOPADDSUB_LOWERINPUT": ("10",),
        "BOTADDSUB_LOWERINPUT": ("10",),
        "TOPADDSUB_UPPERINPUT": ("1",),
        "BOTADDSUB_UPPERINPUT": ("1",),
        "TOPADDSUB_CARRYSELECT": ("11",),
        "BOTADDSUB_CARRYSELECT": ("00",),
        "MODE_8x8": ("0",),
    },
    constant=dict.fromkeys(["AHOLD", "BHOLD", "IRSTTOP", "IRSTBOT"], "0") | {"CE": "1"},
)

BLOCK_KINDS: dict[FpgaFamily, dict[str, CellKind]] = {
    "ice40": {
        "SB_RAM40_4K": _SB_RAM40_4K,
        "SB_SPRAM256KA": _SB_SPRAM256KA,
        "SB_MAC16": _SB_MAC16,
    },
    "ecp5": {"DP16KD": _DP16KD, "MULT18X18D": _MULT18X18D},
}


def block_models(family: FpgaFamily) -> str:
    """Give the models of a family's memories and multipliers as Verilog.

    Parameters
    ----------
    family : {"ice40", "ecp5"}

    Returns
    -------
    str
    """
    return (_MODELS / f"{family}_blocks.v").read_text()


def holds_blocks(module: Module) -> str:
    """Say what a module holds that SAT does not reach: ``a memory``, ``a multiplier`` or nothing.

    Parameters
    ----------
    module : Module
        Of a netlist.

    Returns
    -------
    str
    """
    kinds = {name: kind for some in BLOCK_KINDS.values() for name, kind in some.items()}
    held = [kinds[cell.type] for cell in module.cells.values() if cell.type in kinds]
    if any(kind.cost.bram or kind.cost.spram for kind in held):
        return "a memory"
    return "a multiplier" if held else ""
