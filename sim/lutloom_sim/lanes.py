"""A flat netlist in many lanes, compiled and event by event: millions of clocks, not thousands.

The same answers as :class:`~lutloom_sim.netlist.NetlistSimulator`, and memories besides.  The
program is one and the same for every netlist, so it is compiled once a machine; a netlist is only
tables of numbers to it.  A clock costs what changes in it, so waiting for a serial line is cheap.

Example
-------
>>> simulator = LaneSimulator(read_netlist(path), "top")
>>> state = simulator.start(n_words=8)
>>> heard = simulator.run(state, {"rx": waves}, ("tx",))["tx"]     # uint64[n_clocks, 1, 8]
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import ToolError
from lutloom.flow.netlist import Netlist
from lutloom_sim.build_cache import LOG_NAME, obtain
from lutloom_sim.netlist import Words
from lutloom_sim.netlist_cells import FlipFlop, Lookup, Memory, Wire, cell_parts
from lutloom_sim.netlist_order import find_top, order_lookups, require_clock
from lutloom_sim.tools import Step, find_compiler, run_steps

GROUP_WORDS = 8
"""Words of 64 lanes the program handles at a time."""

_SOURCE = Path(__file__).with_name("lanes.cpp")
_LIBRARY = "lanes.so"
_FLAGS = (
    "-std=gnu++17", "-O2", "-march=native", "-shared", "-fPIC", "-fvisibility=hidden", "-w",
)  # fmt: skip
_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_TIME_LIMIT_S = 600


class _Record(ctypes.Structure):
    """Mirror ``Design`` in ``lanes.cpp``."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in (
            "n_wires", "n_lookups", "n_flip_flops", "n_memories")),
        *((name, ctypes.c_void_p) for name in (
            "lookups", "flip_flops", "memories", "pins", "readers_from", "readers")),
    )  # fmt: skip


class _StateRecord(ctypes.Structure):
    """Mirror ``State`` in ``lanes.cpp``."""

    _fields_ = tuple(
        (name, ctypes.c_void_p)
        for name in (
            "wires", "lookups_due", "flip_flops_due", "following", "chosen", "contents",
        )
    )  # fmt: skip


@dataclass(slots=True)
class LaneState:
    """Hold the wires of all lanes, and what is still to be evaluated.

    Parameters
    ----------
    n_words : int
        Words that count; the last group may hold more.
    wires : uint64[n_groups, n_wires, 8]
    records : tuple of ctypes structures
        One a group, pointing into ``kept``.
    kept : list of arrays
    """

    n_words: int
    wires: NDArray[np.uint64]
    records: tuple[_StateRecord, ...]
    kept: list[NDArray[np.generic]] = field(default_factory=list)


class LaneSimulator:
    """Simulate the top module of a flat netlist in many lanes.

    Parameters
    ----------
    netlist : Netlist
        Without hierarchy.
    top : str
    clock : str
        The clock's port; every flip-flop and memory must be on it.

    Attributes
    ----------
    n_lookups, n_flip_flops, n_memories : int

    Raises
    ------
    ToolError
        If a cell is not known, a wire has no driver or two, tables form a loop, or there is no C++
        compiler.
    """

    def __init__(self, netlist: Netlist, top: str, clock: str = "clk") -> None:
        module = find_top(netlist, top)
        self._library = _load()
        self._ports = {name: port.bits for name, port in module.ports.items()}
        parts = [part for name, cell in module.cells.items() for part in cell_parts(name, cell)]
        self._flip_flops = [part for part in parts if isinstance(part, FlipFlop)]
        self._memories = [part for part in parts if isinstance(part, Memory)]
        inputs = {
            bit for port in module.ports.values() if port.direction == "input" for bit in port.bits
        }
        known = {f.output for f in self._flip_flops} | inputs
        known |= {wire for memory in self._memories for wire in memory.output}
        levels = order_lookups([p for p in parts if isinstance(p, Lookup)], known)
        self._lookups = [lookup for level in levels for lookup in level]
        require_clock((*self._flip_flops, *self._memories), self._ports[clock][0])
        self.n_lookups, self.n_flip_flops = len(self._lookups), len(self._flip_flops)
        self.n_memories = len(self._memories)
        self._index: dict[Wire, int] = {"0": 0, "1": 1, "x": 0, "z": 0}
        for bit in (bit for bits in self._ports.values() for bit in bits):
            self._at(bit)
        self._lay_out()

    def _at(self, wire: Wire) -> int:
        return self._index.setdefault(wire, len(self._index) - 2)

    def _all_at(self, wires: Iterable[Wire]) -> list[int]:
        return [self._at(wire) for wire in wires]

    def _lay_out(self) -> None:
        """Turn the parts into the program's tables."""
        lookups = [
            (*(self._all_at(one.inputs) + [0] * 4)[:4], self._at(one.output), _sixteen(one))
            for one in self._lookups
        ]
        flip_flops = [
            (*self._all_at((f.output, f.data, f.enable, f.clear)), f.value, f.enable_first)
            for f in self._flip_flops
        ]
        memories, pins, contents = [], list[int](), 0
        for memory in self._memories:
            sizes = len(memory.write_address), len(memory.data)
            memories.append((len(pins), *sizes, 1, contents))
            pins += self._all_at((*memory.inputs, *memory.output))
            contents += GROUP_WORDS * 64 * len(memory.contents)
        readers = defaultdict[int, list[int]](list)
        for number, row in enumerate(lookups):
            for wire in {*row[:4]}:
                readers[wire].append(number)
        for number, row in enumerate(flip_flops, start=len(lookups)):
            for wire in {*row[1:4]}:
                readers[wire].append(number)
        self.n_wires = len(self._index) - 2
        ends = np.cumsum([0, *(len(readers[wire]) for wire in range(self.n_wires))])
        order = [reader for wire in range(self.n_wires) for reader in readers[wire]]
        memory_type = np.dtype(
            [("first", "<i4"), ("address", "<i4"), ("data", "<i4"), ("mask", "<i4"), ("at", "<i8")]
        )
        self._tables: list[NDArray[np.generic]] = [
            np.array(lookups, dtype=np.int32).reshape(-1, 6),
            np.array(flip_flops, dtype=np.int32).reshape(-1, 6),
            np.array(memories, dtype=memory_type),
            np.array(pins, dtype=np.int32),
            ends.astype(np.int64),
            np.array(order, dtype=np.int32),
        ]
        counts = (self.n_wires, self.n_lookups, self.n_flip_flops, self.n_memories)
        self._record = _Record(*counts, *(table.ctypes.data for table in self._tables))
        self._contents_size = contents

    def start(self, n_words: int) -> LaneState:
        """Give the wires of all lanes at the start: flip-flops at their first value.

        Parameters
        ----------
        n_words : int
            Lanes, 64 to a word.

        Returns
        -------
        LaneState
        """
        n_groups = -(-n_words // GROUP_WORDS)
        wires = _aligned(n_groups * self.n_wires).reshape(n_groups, self.n_wires, GROUP_WORDS)
        wires[:, 1] = _ONES
        wires[:, [self._at(f.output) for f in self._flip_flops if f.start]] = _ONES
        n_read = sum(len(memory.output) for memory in self._memories)
        first = np.concatenate(
            [np.zeros(0, np.uint16)]
            + [np.tile(np.array(m.contents, np.uint16), 64 * GROUP_WORDS) for m in self._memories]
        )
        kept: list[NDArray[np.generic]] = []
        records = []
        for group in range(n_groups):
            arrays: list[NDArray[np.generic]] = [
                _all_due(self.n_lookups),
                _all_due(self.n_flip_flops),
                _aligned(self.n_flip_flops + n_read + 1),
                np.zeros(self.n_flip_flops + 1, dtype=np.int32),
                first.copy(),
            ]
            kept += arrays
            records.append(
                _StateRecord(wires[group].ctypes.data, *(array.ctypes.data for array in arrays))
            )
        return LaneState(n_words, wires, tuple(records), kept)

    def drive(self, state: LaneState, port: str, values: Words) -> None:
        """Set an input port: ``uint64[n_bits, n_words]``, bit 0 first."""
        padded, driven = _padded(values, len(state.records)), self._wires_of((port,))
        for group, record in enumerate(state.records):
            self._library.lutloom_drive(
                ctypes.byref(self._record), ctypes.byref(record), driven.size,
                driven.ctypes.data, padded[group].ctypes.data,
            )  # fmt: skip

    def read(self, state: LaneState, port: str) -> Words:
        """Read a port: ``uint64[n_bits, n_words]``, bit 0 first."""
        found = state.wires[:, [self._at(bit) for bit in self._ports[port]]]
        flat = found.transpose(1, 0, 2).reshape(len(self._ports[port]), -1)
        return flat[:, : state.n_words]

    def settle(self, state: LaneState) -> None:
        """Evaluate what depends on anything that changed."""
        for record in state.records:
            self._library.lutloom_settle(ctypes.byref(self._record), ctypes.byref(record))

    def tick(self, state: LaneState) -> None:
        """Let one rising edge of the clock pass; :meth:`settle` first."""
        for record in state.records:
            self._library.lutloom_tick(ctypes.byref(self._record), ctypes.byref(record))

    def run(
        self, state: LaneState, inputs: Mapping[str, Words], outputs: Sequence[str]
    ) -> dict[str, Words]:
        """Let many clocks pass, each with inputs of its own, and keep what the outputs show.

        Parameters
        ----------
        state : LaneState
        inputs : mapping of str to uint64[n_clocks, n_bits, n_words]
            By port; at least one.  Other inputs stay as they are.
        outputs : sequence of str
            Ports to read in each clock, before its edge.

        Returns
        -------
        dict of str to uint64[n_clocks, n_bits, n_words]

        Raises
        ------
        ToolError
            If the inputs differ in clocks.
        """
        lengths = {len(values) for values in inputs.values()}
        if len(lengths) != 1:
            raise ToolError(
                "simulation: all inputs must have as many clocks, not "
                f"{sorted(lengths)}; give one value a clock"
            )
        (n_clocks,) = lengths
        driven = self._wires_of(inputs)
        read = self._wires_of(outputs)
        n_groups = len(state.records)
        values = np.concatenate(list(inputs.values()), axis=1, dtype=np.uint64)
        padded = _padded(values, n_groups)
        found = np.zeros((n_groups, n_clocks, read.size, GROUP_WORDS), dtype=np.uint64)
        for group, record in enumerate(state.records):
            self._library.lutloom_run(
                ctypes.byref(self._record), ctypes.byref(record), n_clocks,
                driven.size, driven.ctypes.data, padded[group].ctypes.data,
                read.size, read.ctypes.data, found[group].ctypes.data,
            )  # fmt: skip
        flat = found.transpose(1, 2, 0, 3).reshape(n_clocks, read.size, -1)[..., : state.n_words]
        ends = np.cumsum([len(self._ports[name]) for name in outputs])
        return dict(zip(outputs, np.split(flat, ends[:-1], axis=1), strict=True))

    def _wires_of(self, ports: Iterable[str]) -> NDArray[np.int32]:
        return np.array([self._at(b) for name in ports for b in self._ports[name]], dtype=np.int32)


def _sixteen(lookup: Lookup) -> int:
    """Give the table over four inputs; spare ones are 0."""
    size = 1 << len(lookup.inputs)
    return lookup.table & ((1 << size) - 1)


def _padded(values: Words, n_groups: int) -> NDArray[np.uint64]:
    """Split the last axis into groups and put those first: ``[n_groups, ..., 8]``."""
    wanted = n_groups * GROUP_WORDS
    padding = [(0, 0)] * (values.ndim - 1) + [(0, wanted - values.shape[-1])]
    wide = np.pad(values, padding).reshape(*values.shape[:-1], n_groups, GROUP_WORDS)
    return np.ascontiguousarray(np.moveaxis(wide, -2, 0), dtype=np.uint64)


def _aligned(n_vectors: int) -> NDArray[np.uint64]:
    """Give zeros at an address the program's vectors may have."""
    size = 8 * GROUP_WORDS
    raw = np.zeros(n_vectors * size + size, dtype=np.uint8)
    offset = -raw.ctypes.data % size
    return raw[offset : offset + n_vectors * size].view(np.uint64).reshape(-1, GROUP_WORDS)


def _all_due(count: int) -> NDArray[np.uint64]:
    bits = np.zeros(-(-count // 64) * 64, dtype=np.uint8)
    bits[:count] = 1
    return np.packbits(bits, bitorder="little").view(np.uint64)


@cache
def _load() -> ctypes.CDLL:
    """Compile the program, if this machine has not yet, and load it."""
    compiler = find_compiler()
    ingredients = {
        "product": _LIBRARY,
        "source": _SOURCE.read_text(),
        "compiler": [*compiler.arguments, compiler.identity],
        "flags": list(_FLAGS),
        "processor": _processor(),
    }

    def build(folder: Path) -> None:
        arguments = (*compiler.arguments, *_FLAGS, str(_SOURCE), "-o", _LIBRARY)
        step = Step("C++ compiler", arguments, _LIBRARY)
        run_steps([step], folder, log=folder / LOG_NAME, time_limit_s=_TIME_LIMIT_S)

    entry, _ = obtain(ingredients, build)
    try:
        library = ctypes.CDLL(str(entry / _LIBRARY))
    except OSError as error:
        raise ToolError(
            f"{entry / _LIBRARY}: must load, not fail ({error}); delete the folder"
        ) from None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    both = (pointer, pointer)
    library.lutloom_drive.argtypes = (*both, number, pointer, pointer)
    library.lutloom_settle.argtypes = library.lutloom_tick.argtypes = both
    library.lutloom_run.argtypes = (
        *both, number, number, pointer, pointer, number, pointer, pointer,
    )  # fmt: skip
    for function in ("drive", "settle", "tick", "run"):
        getattr(library, f"lutloom_{function}").restype = None
    return library


def _processor() -> str:
    """Name what code for this very processor depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    flags = sorted({line for line in lines if line.startswith(("flags", "Features"))})
    digest = hashlib.sha256("\n".join(flags).encode()).hexdigest()[:16]
    return f"{platform.machine()} {platform.processor()} {digest}"
