"""A synthesised netlist, clock by clock, on thousands of image streams at once.

Every wire is a row of bits, one bit a lane; every lane is a copy of the design with a stream of
its own.  Ten thousand images through the loader's 196 clocks each take seconds, not minutes, and
no Verilog is involved: the netlist is read as nextpnr reads it.  It needs numpy alone; where there
is a C++ compiler, :mod:`lutloom_sim.lanes` does the same many times faster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import ToolError
from lutloom.flow.netlist import Netlist
from lutloom_sim.netlist_cells import FlipFlop, Lookup, Wire, cell_parts
from lutloom_sim.netlist_order import find_top, order_lookups, require_clock

Words = NDArray[np.uint64]
"""uint64[n, n_words]: bit ``i % 64`` of word ``i // 64`` is lane ``i``."""

_BLOCK_BYTES = 1 << 20
_ZERO, _ONE = 0, 1
_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True, slots=True)
class _Tables:
    """Hold tables that depend on nothing of their own level."""

    output: NDArray[np.intp]
    inputs: NDArray[np.intp]
    masks: Words
    """uint64[n, 16]: all ones where the table's entry is set."""


@dataclass(frozen=True, slots=True)
class _Registers:
    """Hold all flip-flops; the last three are all ones or zeros."""

    output: NDArray[np.intp]
    data: NDArray[np.intp]
    enable: NDArray[np.intp]
    clear: NDArray[np.intp]
    value: Words
    enable_first: Words
    start: Words


class NetlistSimulator:
    """Simulate the top module of a flat netlist in many lanes.

    Parameters
    ----------
    netlist : Netlist
        Without hierarchy.
    top : str
    clock : str
        The clock's port; every flip-flop must be on it.

    Attributes
    ----------
    n_lookups, n_flip_flops : int

    Raises
    ------
    ToolError
        If a cell is not known, a wire has no driver or two, or tables form a loop.
    """

    def __init__(self, netlist: Netlist, top: str, clock: str = "clk") -> None:
        module = find_top(netlist, top)
        self._ports = {name: port.bits for name, port in module.ports.items()}
        self._index: dict[Wire, int] = {"0": _ZERO, "1": _ONE, "x": _ZERO, "z": _ZERO}
        parts = [part for name, cell in module.cells.items() for part in cell_parts(name, cell)]
        lookups = [part for part in parts if isinstance(part, Lookup)]
        flip_flops = [part for part in parts if isinstance(part, FlipFlop)]
        self.n_lookups, self.n_flip_flops = len(lookups), len(flip_flops)
        if len(lookups) + len(flip_flops) < len(parts):
            raise ToolError("netlist: memories need the compiled simulator; install a C++ compiler")
        require_clock(flip_flops, self._ports[clock][0])
        known: set[Wire] = {flip_flop.output for flip_flop in flip_flops}
        for port in module.ports.values():
            for bit in port.bits:
                self._at(bit)  # an input nothing reads has a place, too
            known |= set(port.bits) if port.direction == "input" else set()
        self._levels = [self._tables(level) for level in order_lookups(lookups, known)]
        self._registers = self._arrange(flip_flops)
        self.n_wires = max(self._index.values()) + 1

    def _at(self, wire: Wire) -> int:
        return self._index.setdefault(wire, len(self._index) - 2)

    def _tables(self, lookups: list[Lookup]) -> _Tables:
        inputs = np.zeros((len(lookups), 4), dtype=np.intp)
        masks = np.zeros((len(lookups), 16), dtype=np.uint64)
        for row, lookup in enumerate(lookups):
            inputs[row, : len(lookup.inputs)] = [self._at(wire) for wire in lookup.inputs]
            table = np.array([lookup.table >> a & 1 for a in range(1 << len(lookup.inputs))])
            masks[row] = np.resize(table, 16).astype(np.uint64) * _ONES  # spare inputs are 0
        output = np.array([self._at(lookup.output) for lookup in lookups], dtype=np.intp)
        return _Tables(output, inputs, masks)

    def _arrange(self, flip_flops: list[FlipFlop]) -> _Registers:
        def wires(name: str) -> NDArray[np.intp]:
            return np.array([self._at(getattr(f, name)) for f in flip_flops], dtype=np.intp)

        def flags(name: str) -> Words:
            values = np.array([getattr(f, name) for f in flip_flops], dtype=np.uint64)
            return values[:, None] * _ONES

        return _Registers(
            wires("output"), wires("data"), wires("enable"), wires("clear"),
            flags("value"), flags("enable_first"), flags("start"),
        )  # fmt: skip

    def start(self, n_words: int) -> Words:
        """Give the wires of all lanes at the start: flip-flops at their first value.

        Parameters
        ----------
        n_words : int
            Lanes, 64 to a word.

        Returns
        -------
        uint64[n_wires, n_words]
        """
        wires = np.zeros((self.n_wires, n_words), dtype=np.uint64)
        wires[_ONE] = _ONES
        wires[self._registers.output] = self._registers.start
        return wires

    def drive(self, wires: Words, port: str, values: Words) -> None:
        """Set an input port: ``uint64[n_bits, n_words]``, bit 0 first."""
        for row, bit in enumerate(self._ports[port]):
            wires[self._at(bit)] = values[row]

    def read(self, wires: Words, port: str) -> Words:
        """Read a port: ``uint64[n_bits, n_words]``, bit 0 first."""
        return wires[[self._at(bit) for bit in self._ports[port]]]

    def settle(self, wires: Words) -> None:
        """Evaluate all tables, level by level."""
        for level in self._levels:
            step = max(1, _BLOCK_BYTES // (16 * wires.shape[1]))
            for start in range(0, level.output.size, step):
                some = slice(start, start + step)
                a, b, c, d = (wires[level.inputs[some, k]] for k in range(4))
                masks = level.masks[some, :, None]
                entries = [masks[:, i] ^ ((masks[:, i] ^ masks[:, i + 1]) & a)
                           for i in range(0, 16, 2)]  # fmt: skip
                for signal in (b, c, d):
                    entries = [
                        low ^ ((low ^ high) & signal)
                        for low, high in zip(entries[0::2], entries[1::2], strict=True)
                    ]
                wires[level.output[some]] = entries[0]

    def tick(self, wires: Words) -> None:
        """Let one rising edge of the clock pass; :meth:`settle` first."""
        r = self._registers
        enable = wires[r.enable]
        clear = wires[r.clear] & (enable | ~r.enable_first)
        load = enable & ~clear
        kept = wires[r.output] & ~(load | clear)
        wires[r.output] = kept | (wires[r.data] & load) | (r.value & clear)
