"""The cells of a netlist as tables of up to four inputs and flip-flops, for simulation in numpy.

Written from the data sheets' words, apart from the Verilog models the proofs use, so that a
mistake in one does not hide in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lutloom.errors import ToolError
from lutloom.flow.netlist import Bit, Cell

Wire = Bit | tuple[str, str]
"""A wire of the module, a constant, or a wire inside a cell, named by the cell."""

_MAJORITY = 0b11101000
_XOR = 0b0110


@dataclass(frozen=True, slots=True)
class Lookup:
    """Describe one table.

    Parameters
    ----------
    output : Wire
    inputs : tuple of Wire
        Up to four; input ``k`` is address bit ``k``.
    table : int
        Bit ``a`` is the output at address ``a``.
    """

    output: Wire
    inputs: tuple[Wire, ...]
    table: int


@dataclass(frozen=True, slots=True)
class FlipFlop:
    """Describe one flip-flop on the rising edge.

    Parameters
    ----------
    output, data, clock : Wire
    enable : Wire
        ``"1"`` where there is none.
    clear : Wire
        Synchronous; takes ``value``.  ``"0"`` where there is none.
    value : bool
        After a clear.
    enable_first : bool
        Whether a clear needs the enable, too.
    start : bool
        Before the first clock.
    """

    output: Wire
    data: Wire
    clock: Wire
    enable: Wire = "1"
    clear: Wire = "0"
    value: bool = False
    enable_first: bool = False
    start: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Describe a memory with one port to write and one to read, both on the rising edge.

    A read in the clock of a write to the same word gives the old word.

    Parameters
    ----------
    output : tuple of Wire
        What was read; holds while nothing is read.  Starts at 0.
    clock : Wire
    write_enables, read_enables : (Wire, Wire)
        Both must be set.
    write_address, read_address : tuple of Wire
    data : tuple of Wire
    mask : tuple of Wire
        Bits that are not written.
    contents : tuple of int
        Every word at the start.
    """

    output: tuple[Wire, ...]
    clock: Wire
    write_enables: tuple[Wire, Wire]
    read_enables: tuple[Wire, Wire]
    write_address: tuple[Wire, ...]
    read_address: tuple[Wire, ...]
    data: tuple[Wire, ...]
    mask: tuple[Wire, ...]
    contents: tuple[int, ...]

    @property
    def inputs(self) -> tuple[Wire, ...]:
        """All wires it reads, in the order the simulator takes them."""
        return (
            *self.write_enables, *self.read_enables, *self.write_address, *self.read_address,
            *self.data, *self.mask,
        )  # fmt: skip


Part = Lookup | FlipFlop | Memory


def cell_parts(name: str, cell: Cell) -> Iterator[Part]:
    """Take a cell apart.

    Parameters
    ----------
    name : str
        The cell's, for wires inside it.
    cell : Cell
        Of iCE40 or ECP5.

    Yields
    ------
    Lookup or FlipFlop

    Raises
    ------
    ToolError
        If the cell is of a type that is not known here.
    """
    make = _CELLS.get(cell.type)
    if make is None:
        raise ToolError(
            f"netlist, cell {name}: must be one of {', '.join(_CELLS)}, not {cell.type};"
            " synthesise for iCE40 or ECP5"
        )
    pins = {pin: bits[0] for pin, bits in cell.connections.items() if bits}
    yield from make(name, pins, {k: str(v).strip() for k, v in cell.parameters.items()})


_Pins = Mapping[str, Bit]
_Settings = Mapping[str, str]
_Maker = Callable[[str, _Pins, _Settings], Iterator[Part]]


def _select(output: Wire, low: Wire, high: Wire, select: Wire) -> Lookup:
    """Give ``high`` where ``select`` is set, else ``low``."""
    return Lookup(output, (low, high, select), 0b11001010)


def _lut(pins: tuple[str, ...], output: str, table: str) -> _Maker:
    def make(name: str, at: _Pins, settings: _Settings) -> Iterator[Part]:
        del name
        yield Lookup(at[output], tuple(at.get(pin, "0") for pin in pins), int(settings[table], 2))

    return make


def _multiplexer(low: str, high: str, select: str) -> _Maker:
    def make(name: str, at: _Pins, settings: _Settings) -> Iterator[Part]:
        del name, settings
        yield _select(at["Z"], at[low], at[high], at[select])

    return make


def _carry(name: str, at: _Pins, settings: _Settings) -> Iterator[Part]:
    del name, settings
    yield Lookup(at["CO"], (at["I0"], at["I1"], at["CI"]), _MAJORITY)


def _carry_pair(name: str, at: _Pins, settings: _Settings) -> Iterator[Part]:
    """Give ECP5's CCU2C: two places of a chain, each a table, its lower quarter the generate.

    A place that injects shows its table without the carry and generates none.
    """
    carry: Wire = at["CIN"]
    for place in ("0", "1"):
        inject = settings.get(f"INJECT1_{place}", "YES")
        if inject not in ("YES", "NO"):
            raise ToolError(
                f"netlist, cell {name}: INJECT1_{place} must be YES or NO; synthesise again"
            )
        table = int(settings[f"INIT{place}"], 2)
        inputs = tuple(at.get(pin + place, "0") for pin in "ABCD")
        propagate, generate = (name, f"propagate{place}"), (name, f"generate{place}")
        yield Lookup(propagate, inputs, table)
        yield Lookup(generate, inputs[:2], table & 0b1111 if inject == "NO" else 0)
        if f"S{place}" in at:
            yield Lookup(at[f"S{place}"], (propagate, carry if inject == "NO" else "0"), _XOR)
        after: Wire = (name, "carry") if place == "0" else at.get("COUT", (name, "end"))
        yield _select(after, generate, carry, propagate)
        carry = after


def _ice40_flip_flop(kind: str) -> _Maker:
    """Make a flip-flop from its name: E enable, SR clear, SS set."""

    def make(name: str, at: _Pins, settings: _Settings) -> Iterator[Part]:
        del name, settings
        yield FlipFlop(
            at["Q"], at["D"], at["C"],
            enable=at["E"] if "E" in kind else "1",
            clear=at["R"] if kind.endswith("R") else at["S"] if kind.endswith("SS") else "0",
            value=kind.endswith("SS"),
            enable_first=True,
        )  # fmt: skip

    return make


def _ecp5_flip_flop(name: str, at: _Pins, settings: _Settings) -> Iterator[Part]:
    enable: Wire = "1"
    if settings.get("CEMUX", "1") == "CE":
        enable = at["CE"]
    elif settings.get("CEMUX") == "INV":
        enable = (name, "enable")
        yield Lookup(enable, (at["CE"],), 0b01)
    yield FlipFlop(
        at["Q"], at["DI"], at["CLK"],
        enable=enable,
        clear=at.get("LSR", "0"),
        value=settings.get("REGSET") == "SET",
        start=settings.get("REGSET") == "SET",
    )  # fmt: skip


_CELLS: dict[str, _Maker] = {
    "SB_LUT4": _lut(("I0", "I1", "I2", "I3"), "O", "LUT_INIT"),
    "SB_CARRY": _carry,
    **{f"SB_DFF{kind}": _ice40_flip_flop(kind) for kind in ("", "E", "SR", "SS", "ESR", "ESS")},
    "LUT4": _lut(("A", "B", "C", "D"), "Z", "INIT"),
    "PFUMX": _multiplexer("BLUT", "ALUT", "C0"),
    "L6MUX21": _multiplexer("D0", "D1", "SD"),
    "CCU2C": _carry_pair,
    "TRELLIS_FF": _ecp5_flip_flop,
}
