"""An iCE40 configuration as a netlist of Yosys's cells, its ports the pins of a package.

Every set logic cell becomes an SB_LUT4, an SB_CARRY and an SB_DFF as far as it has them, every
memory that is read an SB_RAM40_4K.  Global buffers and pins dissolve into wires.  Bits of the
netlist are nextpnr's numbers of wires plus :data:`FIRST_BIT`, cells are called by their place as
nextpnr writes it (``X5/Y7/lc3.lut``), so that anything found can be looked up.

Example
-------
>>> netlist = rebuild_ice40(read_ice40_text(text), "ct256")
>>> netlist.modules["top"].ports["J3"].direction
'input'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidRecipeError, ToolError
from lutloom.flow.netlist import Bit, Cell, Module, Netlist, Port
from lutloom.flow.unpack.ice40_chip import Ice40Chip, Place, read_chip
from lutloom.flow.unpack.ice40_routing import NOWHERE, follow, read_switches, wire_name
from lutloom.flow.unpack.ice40_text import Ice40Configuration

TOP = "top"
"""The only module of an unpacked netlist."""

FIRST_BIT = 2
"""Bits 0 and 1 look like constants; wires come after them."""

_LUT_BITS = (4, 14, 15, 5, 6, 16, 17, 7, 3, 13, 12, 2, 1, 11, 10, 0)
"""Where entry ``i`` of a table is among the twenty bits of a logic cell."""
_CARRY, _FLIP_FLOP, _SET, _ASYNCHRONOUS = 8, 9, 18, 19
_PLAIN_INPUT, _PLAIN_OUTPUT = 0b01, 0b0110


def rebuild_ice40(configuration: Ice40Configuration, package: str) -> Netlist:
    """Rebuild the netlist a configuration stands for.

    Parameters
    ----------
    configuration : Ice40Configuration
    package : str
        Whose pins name the ports: ``ct256``, ``sg48``, ...

    Returns
    -------
    Netlist
        Ports of one bit, by pin; an IO cell without a pin is called by its place.

    Raises
    ------
    InvalidRecipeError
        If the chip has no such package.
    ToolError
        If something is used that has no counterpart here; named with its place.
    """
    chip = read_chip(configuration.device)
    if package not in chip.pins:
        raise InvalidRecipeError(
            f"package: must be one of {', '.join(chip.pins)} for {chip.name}, not {package!r}; "
            "correct it"
        )
    return _Rebuilder(configuration, chip, package).netlist()


@dataclass(slots=True)
class _Logic:
    """Hold the twenty bits of one logic cell."""

    x: int
    y: int
    z: int
    bits: NDArray[np.bool_]

    @property
    def table(self) -> int:
        return sum(int(self.bits[at]) << entry for entry, at in enumerate(_LUT_BITS))

    @property
    def name(self) -> str:
        return f"X{self.x}/Y{self.y}/lc{self.z}"

    def wire(self, what: str) -> tuple[int, int, str]:
        return self.x, self.y, f"lutff_{self.z}/{what}"


@dataclass(slots=True)
class _Pad:
    """Hold the type of one IO cell."""

    place: Place
    input: int
    output: int


@dataclass
class _Rebuilder:
    configuration: Ice40Configuration
    chip: Ice40Chip
    package: str
    cells: dict[str, Cell] = field(default_factory=dict)
    constants: dict[int, str] = field(default_factory=dict)
    driven: set[int] = field(default_factory=set)

    def netlist(self) -> Netlist:
        """Do it all."""
        self.source = read_switches(self.chip, self.configuration)
        logic = list(self._logic())
        pads = list(self._pads())
        memories = list(self._memories())
        self._join(logic, pads)
        self.origin = follow(self.chip, self.source)
        self._drive(logic, pads, memories)
        for one in logic:
            self._add_logic(one)
        for x, y in memories:
            self._add_memory(x, y)
        ports = self._ports(pads)
        return Netlist(modules={TOP: Module(ports=ports, cells=self.cells)})

    # What is configured.

    def _named(self, x: int, y: int, name: str) -> NDArray[np.bool_]:
        spots = self.chip.named_bits[self.configuration.kinds[x, y]][name]
        rows, columns = zip(*spots, strict=True)
        return self.configuration.bits[y, x, rows, columns]

    def _number(self, x: int, y: int, names: list[str]) -> int:
        return sum(int(self._named(x, y, name).any()) << k for k, name in enumerate(names))

    def _tiles(self, kind: str) -> Iterator[tuple[int, int]]:
        for tile in sorted(self.configuration.kinds):
            if self.configuration.kinds[tile] == kind:
                yield tile

    def _logic(self) -> Iterator[_Logic]:
        for x, y in self._tiles("logic"):
            for z in range(8):
                bits = self._named(x, y, f"LC_{z}")
                if bits.any():
                    yield _Logic(x, y, z, bits)

    def _pads(self) -> Iterator[_Pad]:
        for x, y in self._tiles("io"):
            for z in range(2):
                names = [f"IOB_{z}.PINTYPE_{k}" for k in range(6)]
                number = self._number(x, y, names)
                if number:
                    yield _Pad((x, y, z), number & 0b11, number >> 2)

    def _memories(self) -> Iterator[tuple[int, int]]:
        for x, y in self._tiles("ramb"):
            if self._named(x, y, "RamConfig.PowerUp").any():
                yield x, y

    # What leads where beyond the switches, and what drives it.

    def _join(self, logic: list[_Logic], pads: list[_Pad]) -> None:
        """Let signals pass through what only passes them on."""
        wires, source = self.chip.wires, self.source
        for one in logic:
            lookup = wires.get(one.wire("lout"))
            if lookup is not None and not one.bits[_FLIP_FLOP]:
                source[lookup] = wires[one.wire("out")]
        for pad in pads:
            if pad.output == _PLAIN_OUTPUT:
                x, y, z = pad.place
                source[wires[x, y, f"io_{z}/D_IN_0"]] = wires[x, y, f"io_{z}/D_OUT_0"]
        for number, network in enumerate(self.chip.networks):
            wire = next(w for (_, _, n), w in wires.items() if n == f"glb_netwk_{number}")
            x, y, z = network.pad
            fabric = wires[*network.buffer, "fabout"]
            if network.pad_bit in self.configuration.extra:
                source[wire] = wires[x, y, f"io_{z}/D_IN_0"]
            elif source[fabric] != NOWHERE:
                source[wire] = fabric

    def _drive(
        self, logic: list[_Logic], pads: list[_Pad], memories: list[tuple[int, int]]
    ) -> None:
        """Note which wires have a signal of their own."""
        wires = self.chip.wires
        for x, y in self._tiles("logic"):
            carry = wires[x, y, "carry_in_mux"]
            if self.source[carry] == NOWHERE:
                self.constants[carry] = str(int(self._named(x, y, "CarryInSet").any()))
            for z in range(8):
                self.constants[wires[x, y, f"lutff_{z}/out"]] = "0"
        for one in logic:
            output = wires[one.wire("out")]
            if one.bits[_FLIP_FLOP] or one.table:
                del self.constants[output]
                self.driven.add(output)
            if one.bits[_FLIP_FLOP] and one.z < 7:
                self.driven.add(wires[one.wire("lout")])
            if one.bits[_CARRY]:
                self.driven.add(wires[one.wire("cout")])
        for pad in pads:
            x, y, z = pad.place
            if pad.output == 0 and pad.input == _PLAIN_INPUT:
                self.driven.add(wires[x, y, f"io_{z}/D_IN_0"])
        for x, y in memories:
            self.driven |= {self._memory_wire(x, y, f"RDATA_{bit}") for bit in range(16)}

    def _bit(self, wire: int, unconnected: str = "0") -> Bit:
        """Give what a cell reads from a wire."""
        origin = int(self.origin[wire])
        if origin in self.constants:
            return self.constants[origin]
        if origin in self.driven:
            return FIRST_BIT + origin
        if origin == wire:
            return unconnected
        raise ToolError(
            f"bitstream, {wire_name(self.chip, wire)}: must lead from a cell that drives it, not "
            f"from {wire_name(self.chip, origin)}; only logic cells, plain pins, memories and "
            "global buffers are supported"
        )

    # What becomes of it.

    def _add(self, name: str, kind: str, pins: dict[str, Bit], **parameters: str) -> None:
        self.cells[name] = Cell(
            type=kind,
            connections={pin: (bit,) for pin, bit in pins.items()},
            parameters=parameters,
        )

    def _add_logic(self, one: _Logic) -> None:
        wires = self.chip.wires
        inputs = [self._bit(wires[one.wire(f"in_{k}")]) for k in range(4)]
        output = FIRST_BIT + wires[one.wire("out")]
        registered = bool(one.bits[_FLIP_FLOP])
        lookup = output
        if registered:
            wire = wires.get(one.wire("lout"))
            lookup = FIRST_BIT + (self.chip.n_wires + one.x * 64 + one.y if wire is None else wire)
        if registered or one.table:
            pins = {f"I{k}": bit for k, bit in enumerate(inputs)}
            self._add(
                f"{one.name}.lut", "SB_LUT4", {**pins, "O": lookup}, LUT_INIT=f"{one.table:016b}"
            )
        if one.bits[_CARRY]:
            before = (one.x, one.y, f"lutff_{one.z - 1}/cout" if one.z else "carry_in_mux")
            self._add(
                f"{one.name}.carry", "SB_CARRY",
                {"I0": inputs[1], "I1": inputs[2], "CI": self._bit(wires[before]),
                 "CO": FIRST_BIT + wires[one.wire("cout")]},
            )  # fmt: skip
        if registered:
            self._add_flip_flop(one, lookup, output)

    def _add_flip_flop(self, one: _Logic, data: Bit, output: Bit) -> None:
        wires, x, y = self.chip.wires, one.x, one.y
        clock = self._bit(wires[x, y, "lutff_global/clk"], "x")
        enable = self._bit(wires[x, y, "lutff_global/cen"], "1")
        clear = self._bit(wires[x, y, "lutff_global/s_r"])
        if clock == "x":
            raise ToolError(f"bitstream, {one.name}: a flip-flop must have a clock; check it")
        pins: dict[str, Bit] = {"C": clock, "D": data, "Q": output}
        kind = "SB_DFF" + ("N" if self._named(x, y, "NegClk").any() else "")
        if enable != "1":
            kind += "E"
            pins["E"] = enable
        if clear != "0":
            letter = "S" if one.bits[_SET] else "R"
            kind += letter if one.bits[_ASYNCHRONOUS] else f"S{letter}"
            pins[letter] = clear
        self._add(f"{one.name}.ff", kind, pins)

    def _memory_wire(self, x: int, y: int, pin: str) -> int:
        """Find a memory's pin in one of its two tiles."""
        below = self.chip.wires.get((x, y, f"ram/{pin}"))
        return self.chip.wires[x, y + 1, f"ram/{pin}"] if below is None else below

    def _add_memory(self, x: int, y: int) -> None:
        def bits(pin: str, count: int) -> tuple[Bit, ...]:
            return tuple(self._bit(self._memory_wire(x, y, f"{pin}_{k}")) for k in range(count))

        name = f"X{x}/Y{y}/ram"
        if self._named(x, y, "NegClk").any() or self._named(x, y + 1, "NegClk").any():
            raise ToolError(f"bitstream, {name}: a memory on the falling edge is not supported")
        modes = [f"RamConfig.CBIT_{k}" for k in range(4)]
        mode = self._number(x, y + 1, modes)
        contents = self.configuration.memories.get((x, y), (0,) * 16)
        output = tuple(FIRST_BIT + self._memory_wire(x, y, f"RDATA_{k}") for k in range(16))
        single = {
            pin: (self._bit(self._memory_wire(x, y, pin), unconnected),)
            for pin, unconnected in (
                ("WCLK", "0"), ("WCLKE", "1"), ("WE", "0"), ("RCLK", "0"), ("RCLKE", "1"),
                ("RE", "0"),
            )
        }  # fmt: skip
        self.cells[name] = Cell(
            type="SB_RAM40_4K",
            connections={
                "RADDR": bits("RADDR", 11), "WADDR": bits("WADDR", 11), "MASK": bits("MASK", 16),
                "WDATA": bits("WDATA", 16), "RDATA": output, **single,
            },
            parameters={
                "WRITE_MODE": f"{mode & 3:032b}",
                "READ_MODE": f"{mode >> 2:032b}",
                **{f"INIT_{k:X}": f"{word:0256b}" for k, word in enumerate(contents)},
            },
        )  # fmt: skip

    def _ports(self, pads: list[_Pad]) -> dict[str, Port]:
        names = {place: pin for pin, place in self.chip.pins[self.package].items()}
        read = {
            bit
            for cell in self.cells.values()
            for bits in cell.connections.values()
            for bit in bits
        }
        ports = {}
        for pad in pads:
            x, y, z = pad.place
            name = names.get(pad.place, f"X{x}/Y{y}/io{z}")
            inward = FIRST_BIT + self.chip.wires[x, y, f"io_{z}/D_IN_0"]
            if pad.output == _PLAIN_OUTPUT:
                bit = self._bit(self.chip.wires[x, y, f"io_{z}/D_OUT_0"])
                ports[name] = Port(direction="output", bits=(bit,))
            elif pad.output == 0 and pad.input == _PLAIN_INPUT:
                if inward in read and not self._is_enabled(pad.place):
                    raise ToolError(f"bitstream, pin {name}: is read, but its input is off")
                ports[name] = Port(direction="input", bits=(inward,))
            else:
                raise ToolError(
                    f"bitstream, pin {name}: must be a plain input or output, not of type "
                    f"{pad.output:04b}{pad.input:02b}; registered, double-rate and three-state "
                    "pins are not supported"
                )
        return ports

    def _is_enabled(self, place: Place) -> bool:
        x, y, z = self.chip.enables[place]
        return bool(self._named(x, y, f"IoCtrl.IE_{z}").any())
