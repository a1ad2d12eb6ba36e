"""An ECP5 configuration as a netlist of Yosys's cells, its ports the pins of a package.

The netlist is what the used output pins read, back to the input pins: tables (LUT4), the
multiplexers that join them (PFUMX, L6MUX21), carry chains (CCU2C) and flip-flops (TRELLIS_FF).
Clock buffers and pins dissolve into wires.  Cells are called by their place as nextpnr writes it
(``X11/Y4/SLICEA.K0``, ``X11/Y4/SLICEB.FF1``), so that anything found can be looked up.

Example
-------
>>> netlist = rebuild_ecp5(read_ecp5_text(text), "CABGA256")
>>> netlist.modules["top"].ports["P2"].direction
'input'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lutloom.errors import ToolError
from lutloom.flow.netlist import Bit, Cell, Module, Netlist, Port
from lutloom.flow.unpack.ecp5_files import package_pins
from lutloom.flow.unpack.ecp5_routing import Ecp5Routing, Wire, place_of
from lutloom.flow.unpack.ecp5_text import Ecp5Configuration, Ecp5Tile
from lutloom.flow.unpack.ice40 import FIRST_BIT, TOP

_ALL_ONES = "1" * 16
_PAD = re.compile(r"JPADDI([A-D])_PIO")


def rebuild_ecp5(configuration: Ecp5Configuration, package: str) -> Netlist:
    """Rebuild the netlist a configuration stands for.

    Parameters
    ----------
    configuration : Ecp5Configuration
    package : str
        Whose pins name the ports: ``CABGA256``, ...

    Returns
    -------
    Netlist
        Ports of one bit, by pin; an IO cell without a pin is called by its place.

    Raises
    ------
    InvalidRecipeError
        If the chip has no such package.
    MissingExtraError, InvalidFileError
        If the chip database is missing.
    ToolError
        If something is used that has no counterpart here; named with its place.
    """
    return _Rebuilder(configuration, package).netlist()


@dataclass(frozen=True, slots=True)
class _Slice:
    """Hold one of the four slices of a logic tile."""

    x: int
    y: int
    number: int
    tile: Ecp5Tile

    @property
    def name(self) -> str:
        return f"X{self.x}/Y{self.y}/SLICE{self.letter}"

    @property
    def letter(self) -> str:
        return "ABCD"[self.number]

    def enum(self, key: str, default: str) -> str:
        return self.tile.enums.get(f"SLICE{self.letter}.{key}", default)

    @property
    def is_carry(self) -> bool:
        return self.enum("MODE", "LOGIC") == "CCU2"


class _Rebuilder:
    def __init__(self, configuration: Ecp5Configuration, package: str) -> None:
        self._pins = package_pins(configuration.device, package)
        self._routing = Ecp5Routing(configuration)
        self._tiles = configuration.tiles
        self._cells: dict[str, Cell] = {}
        self._bits: dict[Wire, int] = {}
        self._waiting: list[Wire] = []
        self._slices: dict[tuple[int, int, int], _Slice] = {}
        for name, tile in configuration.tiles.items():
            if name.endswith(":PLC2"):
                for number in range(4):
                    self._add_slice(_Slice(*place_of(name), number, tile))

    def _add_slice(self, one: _Slice) -> None:
        self._slices[one.x, one.y, one.number] = one
        if one.is_carry:  # the bits that pick F5 and FX elsewhere mean something else here
            for place in (2 * one.number, 2 * one.number + 1):
                output = one.x, one.y, f"F{place}"
                self._routing.divert(output, (one.x, one.y, f"F{place}_SLICE"))

    def netlist(self) -> Netlist:
        """Do it all."""
        ports = dict(self._ports())
        while self._waiting:
            self._add_driver(self._waiting.pop())
        return Netlist(modules={TOP: Module(ports=ports, cells=self._cells)})

    # Wires.

    def _bit(self, wire: Wire) -> Bit | None:
        """Give what is read from a wire; None where nothing leads to it."""
        origin = self._routing.origin(wire)
        if origin is None or isinstance(origin, str):
            return origin
        if origin not in self._bits:
            self._bits[origin] = FIRST_BIT + len(self._bits)
            self._waiting.append(origin)
        return self._bits[origin]

    def _need(self, one: _Slice, name: str, unconnected: str | None = None) -> Bit:
        wire = one.x, one.y, name
        bit = self._bit(wire)
        if bit is not None:
            return bit
        if unconnected is not None and self._routing.arc(wire) is None:
            return unconnected
        x, y, last = self._routing.last(wire)
        raise ToolError(
            f"bitstream, {one.name}, wire {name}: must lead from a cell that drives it, not from "
            f"{last} at R{y}C{x}; only tables, carries, flip-flops, clock buffers and plain pins "
            "are supported"
        )

    def _output(self, wire: Wire) -> Bit:
        """Give the bit a cell drives, whether it is read or not."""
        return self._bits.setdefault(wire, FIRST_BIT + len(self._bits))

    # Cells.

    def _add(self, name: str, kind: str, pins: dict[str, Bit], **parameters: str) -> None:
        connections: dict[str, tuple[Bit, ...]] = {pin: (bit,) for pin, bit in pins.items()}
        self._cells[name] = Cell(type=kind, connections=connections, parameters=parameters)

    def _add_driver(self, wire: Wire) -> None:
        """Make the cell that drives a wire which is read."""
        x, y, name = wire
        if _PAD.fullmatch(name):
            return
        output = name.removesuffix("_SLICE")
        if output.startswith("FCO"):
            number = "ABCD".index(output[3:] or "D")
        elif output[-1].isdigit():
            number = int(output[-1]) // 2
        else:
            number = "ABCD".index(output[-1])
        one = self._slices.get((x, y, number)) or _Slice(x, y, number, Ecp5Tile())
        if one.enum("MODE", "LOGIC") not in ("LOGIC", "CCU2"):
            raise ToolError(f"bitstream, {one.name}: distributed memory is not supported")
        if output.startswith("Q"):
            self._add_flip_flop(one, int(output[1]), wire)
        elif output[:-1] == "F5":
            self._add(
                f"{one.name}.PFUMX", "PFUMX",
                {"ALUT": self._need(one, f"F{2 * number + 1}_SLICE"),
                 "BLUT": self._need(one, f"F{2 * number}_SLICE"),
                 "C0": self._pick(one, "M", 2 * number), "Z": self._bits[wire]},
            )  # fmt: skip
        elif output[:-1] == "FX":
            self._add(
                f"{one.name}.L6MUX21", "L6MUX21",
                {"D0": self._need(one, f"FXA{one.letter}"),
                 "D1": self._need(one, f"FXB{one.letter}"),
                 "SD": self._pick(one, "M", 2 * number + 1), "Z": self._bits[wire]},
            )  # fmt: skip
        elif one.is_carry:
            self._add_carry(one)
        elif output.startswith("FCO"):
            raise ToolError(f"bitstream, {one.name}: only a carry chain may drive a carry")
        else:
            self._add_table(one, int(output[1]), wire)

    def _pick(self, one: _Slice, pin: str, place: int) -> Bit:
        """Give a table's or multiplexer's input: a wire, or 1 where it is tied to it."""
        if one.enum(f"{pin}{place % 2}MUX", pin) == "1":
            return "1"
        return self._need(one, f"{pin}{place}", "1")

    def _table(self, one: _Slice, place: int) -> str:
        return one.tile.words.get(f"SLICE{one.letter}.K{place % 2}.INIT", _ALL_ONES)

    def _add_table(self, one: _Slice, place: int, wire: Wire) -> None:
        pins = {pin: self._pick(one, pin, place) for pin in "ABCD"}
        self._add(
            f"{one.name}.K{place % 2}", "LUT4", {**pins, "Z": self._bits[wire]},
            INIT=self._table(one, place),
        )  # fmt: skip

    def _add_carry(self, one: _Slice) -> None:
        if f"{one.name}.CCU2C" in self._cells:
            return
        x, y, first = one.x, one.y, 2 * one.number
        pins: dict[str, Bit] = {
            f"{pin}{k}": self._pick(one, pin, first + k) for k in (0, 1) for pin in "ABCD"
        }
        inward = "FCI_SLICE" if one.number == 0 else f"FCI{one.letter}_SLICE"
        outward = "FCO_SLICE" if one.number == 3 else f"FCO{one.letter}_SLICE"
        pins["CIN"] = self._carry_in(one, inward)
        pins["COUT"] = self._output((x, y, outward))
        for k in (0, 1):
            pins[f"S{k}"] = self._output((x, y, f"F{first + k}_SLICE"))
        self._add(
            f"{one.name}.CCU2C", "CCU2C", pins,
            INIT0=self._table(one, first), INIT1=self._table(one, first + 1),
            INJECT1_0=one.enum("CCU2.INJECT1_0", "YES"),
            INJECT1_1=one.enum("CCU2.INJECT1_1", "YES"),
        )  # fmt: skip

    def _carry_in(self, one: _Slice, wire: str) -> Bit:
        """Give the carry of the slice before; 0 where that has none."""
        origin = self._routing.origin((one.x, one.y, wire))
        if isinstance(origin, tuple):
            x, y, name = origin
            before = self._slices.get((x, y, "ABCD".index(name[3:-6] or "D")))
            if before is not None and before.is_carry:
                return self._need(one, wire)
        return "0"

    def _add_flip_flop(self, one: _Slice, place: int, wire: Wire) -> None:
        k = place % 2
        name = f"{one.name}.FF{k}"
        pins: dict[str, Bit] = {"Q": self._bits[wire]}
        if one.enum(f"REG{k}.SD", "1") == "1":
            pins["DI"] = self._need(one, f"DI{place}")
        else:
            pins["DI"] = self._pick(one, "M", place)
        clock = self._shared(one, "CLK")
        if clock is None or one.tile.enums.get(f"{clock}.CLKMUX", "CLK") != "CLK":
            raise ToolError(f"bitstream, {name}: a flip-flop must be on a rising edge of a clock")
        pins["CLK"] = self._need(one, clock)
        enable = one.enum("CEMUX", "CE")
        if enable in ("CE", "INV"):
            pins["CE"] = self._need(one, f"CE{one.number}", "1")
        elif enable == "0":
            pins["CE"], enable = "0", "CE"
        clear = self._shared(one, "LSR")
        pins["LSR"] = "0"
        if clear is not None:
            pins["LSR"] = self._clear(one, name, clear, k)
        self._add(
            name, "TRELLIS_FF", pins,
            GSR="DISABLED", CEMUX=enable, CLKMUX="CLK", LSRMUX="LSR", SRMODE="LSR_OVER_CE",
            REGSET=one.enum(f"REG{k}.REGSET", "SET"),
        )  # fmt: skip

    def _shared(self, one: _Slice, what: str) -> str | None:
        """Tell which of a tile's two clocks or resets a slice takes."""
        source = self._routing.arc((one.x, one.y, f"MUX{what}{one.number}"))
        return None if source is None else source[2]

    def _clear(self, one: _Slice, name: str, wire: str, k: int) -> Bit:
        bit = self._need(one, wire)
        if one.tile.enums.get(f"{wire}.SRMODE", "LSR_OVER_CE") != "LSR_OVER_CE":
            raise ToolError(f"bitstream, {name}: an asynchronous reset is not supported")
        if one.enum(f"REG{k}.LSRMODE", "LSR") != "LSR":
            raise ToolError(f"bitstream, {name}: loading by a reset is not supported")
        if one.tile.enums.get(f"{wire}.LSRMUX", "LSR") == "LSR":
            return bit
        inverse = one.x, one.y, f"inverse of {wire}"
        if inverse not in self._bits:
            pins: dict[str, Bit] = {
                "A": bit, "B": "0", "C": "0", "D": "0", "Z": self._output(inverse)
            }  # fmt: skip
            self._add(f"X{one.x}/Y{one.y}/{wire}.inverter", "LUT4", pins, INIT=f"{0x5555:016b}")
        return self._bits[inverse]

    # Pins.

    def _ports(self) -> Iterator[tuple[str, Port]]:
        for place, types in sorted(self._pads().items()):
            x, y, letter = place
            cell = f"X{x}/Y{y}/PIO{letter}"
            name = self._pins.get(cell, cell)
            directions = {kind.partition("_")[0] for kind in types}
            if "BIDIR" in directions:
                raise ToolError(f"bitstream, pin {name}: a pin of both directions is not supported")
            if "OUTPUT" in directions:
                bit = self._bit((x, y, f"PADDO{letter}_PIO"))
                if bit is None:
                    raise ToolError(
                        f"bitstream, pin {name}: must be driven by a plain wire; registered and "
                        "double-rate outputs are not supported"
                    )
                yield name, Port(direction="output", bits=(bit,))
            elif "INPUT" in directions:
                wire = x, y, f"JPADDI{letter}_PIO"
                yield name, Port(direction="input", bits=(self._output(wire),))

    def _pads(self) -> dict[tuple[int, int, str], set[str]]:
        """Gather the types of IO cells; the bits of one lie in several tiles."""
        found: dict[tuple[int, int, str], set[str]] = {}
        for name, tile in self._tiles.items():
            kind = name.partition(":")[2]
            for key, value in tile.enums.items():
                match = re.fullmatch(r"PIO([A-D])\.BASE_TYPE", key)
                if match and value != "NONE":
                    found.setdefault(_pad_place(*place_of(name), kind, match[1]), set()).add(value)
        return found


def _pad_place(x: int, y: int, kind: str, letter: str) -> tuple[int, int, str]:
    """Find the IO cell that a tile beside it configures."""
    if kind.startswith(("PIOT", "PICT")):
        return x - (letter == "B"), 0, letter
    if "PICB" in kind:
        return x - (letter == "B"), y, letter
    if kind.startswith(("PICL0", "PICR0")):
        return x, y, letter
    if kind.startswith(("PICL1", "PICR1")):
        return x, y - 1, letter
    return x, y - 2, letter
