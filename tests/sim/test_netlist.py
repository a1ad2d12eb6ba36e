"""Netlists simulated in many lanes: the cells, whole designs of both families, planted faults."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lutloom import ir
from lutloom.emit import emit_rtlil
from lutloom.errors import MismatchError, ToolError
from lutloom.flow import synthesise
from lutloom.flow.netlist import Cell, Module, Netlist, Port, read_netlist
from lutloom.flow.synth import FLAT_JSON
from lutloom_hw.options import PipelineOptions
from lutloom_sim.netlist import NetlistSimulator
from lutloom_sim.netlist_run import simulate_netlist

ONE_CLOCK = {"clk": Port(direction="input", bits=(2,))}


def design(cells: dict[str, Cell], inputs: dict[str, int], outputs: dict[str, int]) -> Netlist:
    ports = {
        **ONE_CLOCK,
        **{name: Port(direction="input", bits=(bit,)) for name, bit in inputs.items()},
        **{name: Port(direction="output", bits=(bit,)) for name, bit in outputs.items()},
    }
    return Netlist(modules={"top": Module(ports=ports, cells=cells)})


def cell(kind: str, pins: dict[str, int | str], **parameters: object) -> Cell:
    return Cell(type=kind, connections={p: (b,) for p, b in pins.items()}, parameters=parameters)


def exhaust(simulator: NetlistSimulator, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Drive every combination, one a lane; give wires and combinations ``[n, inputs]``."""
    values = np.array(list(itertools.product((0, 1), repeat=len(names))), dtype=np.uint8)
    words = ir.pack_images(values)
    wires = simulator.start(words.shape[1])
    for row, name in enumerate(names):
        simulator.drive(wires, name, words[row : row + 1])
    simulator.settle(wires)
    return wires, values


def lanes(simulator: NetlistSimulator, wires: np.ndarray, port: str, n: int) -> np.ndarray:
    return ir.unpack_images(simulator.read(wires, port), n)[:, 0]


@pytest.mark.parametrize(("kind", "pins", "out", "parameter"), [
    ("SB_LUT4", ["I0", "I1", "I2", "I3"], "O", "LUT_INIT"),
    ("LUT4", ["A", "B", "C", "D"], "Z", "INIT"),
])  # fmt: skip
@pytest.mark.parametrize("table", [0x8000, 0x0001, 0x6996, 0xCAFE])
def test_a_table_is_looked_up(
    kind: str, pins: list[str], out: str, parameter: str, table: int
) -> None:
    bits = {pin: 10 + i for i, pin in enumerate(pins)}
    one = cell(kind, {**bits, out: 20}, **{parameter: f"{table:016b}"})
    simulator = NetlistSimulator(design({"u": one}, bits, {"y": 20}), "top")
    wires, values = exhaust(simulator, pins)
    address = values @ (1 << np.arange(4))
    assert (lanes(simulator, wires, "y", 16) == (table >> address & 1)).all()


def test_a_carry_pair_adds_two_bits() -> None:
    names = ["A0", "B0", "A1", "B1", "CIN"]
    bits = {name: 10 + i for i, name in enumerate(names)}
    init = "1001011010101010"  # what Yosys writes for an adder: B ^ A, carry A where they are equal
    one = cell(
        "CCU2C",
        {**bits, "C0": "0", "C1": "0", "D0": "1", "D1": "1", "S0": 20, "S1": 21, "COUT": 22},
        INIT0=init, INIT1=init, INJECT1_0="NO", INJECT1_1="NO",
    )  # fmt: skip
    outputs = {"s0": 20, "s1": 21, "cout": 22}
    simulator = NetlistSimulator(design({"u": one}, bits, outputs), "top")
    wires, v = exhaust(simulator, names)
    total = v[:, 0] + v[:, 1] + 2 * (v[:, 2].astype(int) + v[:, 3]) + v[:, 4]
    got = sum(lanes(simulator, wires, name, 32).astype(int) << i for i, name in enumerate(outputs))
    assert (got == total).all()


@pytest.mark.parametrize(("kind", "low", "high", "select"), [
    ("PFUMX", "BLUT", "ALUT", "C0"), ("L6MUX21", "D0", "D1", "SD"),
])  # fmt: skip
def test_a_multiplexer_selects(kind: str, low: str, high: str, select: str) -> None:
    bits = {low: 10, high: 11, select: 12}
    one = cell(kind, {**bits, "Z": 20})
    simulator = NetlistSimulator(design({"u": one}, bits, {"y": 20}), "top")
    wires, v = exhaust(simulator, [low, high, select])
    assert (lanes(simulator, wires, "y", 8) == np.where(v[:, 2], v[:, 1], v[:, 0])).all()


def test_ice40_carry_is_the_majority() -> None:
    bits = {"I0": 10, "I1": 11, "CI": 12}
    simulator = NetlistSimulator(
        design({"u": cell("SB_CARRY", {**bits, "CO": 20})}, bits, {"y": 20}), "top"
    )
    wires, v = exhaust(simulator, list(bits))
    assert (lanes(simulator, wires, "y", 8) == (v.sum(axis=1) >= 2)).all()


FLIP_FLOPS = [
    # type, pins beside clock and output, parameters, next(q, pins)
    ("SB_DFF", ["D"], {}, lambda _q, d: d),
    ("SB_DFFE", ["D", "E"], {}, lambda q, d, e: d if e else q),
    ("SB_DFFSR", ["D", "R"], {}, lambda _q, d, r: 0 if r else d),
    ("SB_DFFSS", ["D", "S"], {}, lambda _q, d, s: 1 if s else d),
    ("SB_DFFESR", ["D", "E", "R"], {}, lambda q, d, e, r: (0 if r else d) if e else q),
    ("SB_DFFESS", ["D", "E", "S"], {}, lambda q, d, e, s: (1 if s else d) if e else q),
    ("TRELLIS_FF", ["DI", "LSR"], {"REGSET": "RESET"}, lambda _q, d, r: 0 if r else d),
    ("TRELLIS_FF", ["DI", "LSR"], {"REGSET": "SET"}, lambda _q, d, r: 1 if r else d),
    ("TRELLIS_FF", ["DI", "LSR", "CE"], {"CEMUX": "CE"},
     lambda q, d, r, e: 0 if r else d if e else q),
    ("TRELLIS_FF", ["DI", "LSR", "CE"], {"CEMUX": "INV", "REGSET": "SET"},
     lambda q, d, r, e: 1 if r else q if e else d),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "pins", "parameters", "following"), FLIP_FLOPS)
@pytest.mark.parametrize("held", [0, 1])
def test_flip_flops_hold_load_and_clear(kind, pins, parameters, following, held) -> None:  # type: ignore[no-untyped-def]
    clock = "CLK" if kind == "TRELLIS_FF" else "C"
    bits = {pin: 10 + i for i, pin in enumerate(pins)}
    one = cell(kind, {**bits, clock: 2, "Q": 20}, **parameters)
    simulator = NetlistSimulator(design({"u": one}, bits, {"q": 20}), "top")
    wires, values = exhaust(simulator, pins)
    wires[simulator._at(20)] = np.uint64(2**64 - 1) if held else np.uint64(0)
    simulator.tick(wires)
    expected = [following(held, *row) for row in values.tolist()]
    assert lanes(simulator, wires, "q", len(values)).tolist() == expected


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"u": cell("SB_RAM40_4K", {})}, "cell u: must be one of .*, not SB_RAM40_4K"),
        ({"u": cell("SB_DFF", {"C": 10, "D": 10, "Q": 20})}, "on one clock"),
        ({"u": cell("SB_CARRY", {"I0": 20, "I1": 10, "CI": 10, "CO": 20})}, "loop"),
        ({"u": cell("SB_CARRY", {"I0": 77, "I1": 10, "CI": 10, "CO": 20})}, "have a driver"),
        ({n: cell("SB_CARRY", {"I0": 10, "I1": 10, "CI": 10, "CO": 20}) for n in "uv"}, "one driv"),
        ({"u": cell("CCU2C", {"CIN": 10}, INJECT1_0="MAYBE")}, "INJECT1_0 must be YES or NO"),
    ],
)
def test_what_cannot_be_simulated_is_refused(cells: dict[str, Cell], said: str) -> None:
    with pytest.raises(ToolError, match=said):
        NetlistSimulator(design(cells, {"a": 10}, {"y": 20}), "top")


def test_another_top_is_refused() -> None:
    with pytest.raises(ToolError, match="must have the top module other"):
        NetlistSimulator(design({}, {}, {}), "other")


@pytest.fixture(scope="module", params=["ice40", "ecp5"])
def placed(request, make_case, tmp_path_factory):  # type: ignore[no-untyped-def]
    case = make_case(7, (24, 20), 130, image=(5, 6), thresholds=(60, 128))
    folder: Path = tmp_path_factory.mktemp(request.param)
    options = PipelineOptions(family=request.param)
    synthesise(emit_rtlil(case.network, options, "top"), request.param, folder)
    return case, folder / FLAT_JSON


def test_a_netlist_answers_like_the_network(placed) -> None:  # type: ignore[no-untyped-def]
    case, path = placed
    found = simulate_netlist(path, case.network, case.images, labels=case.labels)
    assert (found.mismatches, found.images, found.engine) == (0, 130, "netlist")
    assert found.accuracy == float((case.expected == case.labels).mean())


def test_one_image_is_enough(placed) -> None:  # type: ignore[no-untyped-def]
    case, path = placed
    assert simulate_netlist(path, case.network, case.images[:1]).mismatches == 0


def altered(path: Path, tmp_path: Path, change) -> Path:  # type: ignore[no-untyped-def]
    netlist = read_netlist(path)
    module = netlist.modules["lutloom_top"]
    cells = change(dict(module.cells))
    module = msgspec.structs.replace(module, cells=cells)
    broken = tmp_path / "flat.json"
    raw = msgspec.json.encode(Netlist(modules={"lutloom_top": module}))
    broken.write_bytes(raw)
    return broken


def test_a_planted_wrong_table_is_caught(placed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    case, path = placed

    def invert_a_layer_s_tables(cells):  # type: ignore[no-untyped-def]
        for name, one in cells.items():
            key = {"SB_LUT4": "LUT_INIT", "LUT4": "INIT"}.get(one.type)
            if key and "layer2" in name:
                table = one.parameters[key].translate(str.maketrans("01", "10"))
                cells[name] = msgspec.structs.replace(one, parameters={key: table})
        return cells

    found = simulate_netlist(
        altered(path, tmp_path, invert_a_layer_s_tables), case.network, case.images
    )
    assert found.mismatches > 0


def test_a_design_that_hangs_is_an_error(placed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    case, path = placed
    valid = read_netlist(path).modules["lutloom_top"].ports["i__valid"].bits[0]

    def cut_valid(cells):  # type: ignore[no-untyped-def]
        for name, one in cells.items():
            pins = {p: ("0",) if b == (valid,) else b for p, b in one.connections.items()}
            cells[name] = msgspec.structs.replace(one, connections=pins)
        return cells

    with pytest.raises(ToolError, match=r"must not hang, but did after .* and 0 of 4 answers"):
        simulate_netlist(altered(path, tmp_path, cut_valid), case.network, case.images)


def test_control_that_depends_on_an_image_is_caught(placed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    case, path = placed
    ports = read_netlist(path).modules["lutloom_top"].ports
    valid, pixel = ports["i__valid"].bits[0], ports["i__payload"].bits[7]

    def let_a_pixel_be_valid(cells):  # type: ignore[no-untyped-def]
        for name, one in cells.items():
            pins = {p: (pixel,) if b == (valid,) else b for p, b in one.connections.items()}
            cells[name] = msgspec.structs.replace(one, connections=pins)
        return cells

    with pytest.raises(MismatchError, match="lanes fell out of step"):
        simulate_netlist(altered(path, tmp_path, let_a_pixel_be_valid), case.network, case.images)
