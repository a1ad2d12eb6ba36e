"""Every neuron's table, found again in a bitstream and compared bit for bit.

A neuron is found by the place of its register; what its inputs are is read off the routing, so a
permuted table, a table split over several cells and a wire led elsewhere are all seen for what
they compute.  The netlist is the one rebuilt from the bitstream alone
(:mod:`lutloom.flow.unpack`); only the places come from nextpnr.

Example
-------
>>> found = compare_tables(network, read_netlist(flat), unpacked, record.drivers)
>>> found.tables, found.differ
(2354, 0)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from lutloom import ir
from lutloom.errors import MismatchError
from lutloom.flow.netlist import Bit, Module, Netlist
from lutloom_hw.class_groups import split_classes
from lutloom_sim.netlist_cells import FlipFlop, Lookup, Wire, cell_parts

_FAULTS_MAX = 10
_DEPTH_MAX = 8
"""Tables that may follow each other in one neuron; six inputs take three."""
_CONSTANTS: dict[Wire, bool] = {"0": False, "1": True, "x": False, "z": False}


class TableComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Count the tables of a bitstream that are not the network's.

    Members
    -------
    tables, entries : neurons compared, and the entries of their tables together
    unplaced : neurons the netlist has no register for, since nothing reads them
    differ : neurons whose table is another
    faults : the first few of them in words
    """

    tables: int
    entries: int
    unplaced: int
    differ: int
    faults: tuple[str, ...]


def compare_tables(
    network: ir.Network,
    flat: Netlist,
    unpacked: Netlist,
    drivers: Mapping[str, str],
    *,
    class_groups: int = 0,
) -> TableComparison:
    """Compare every neuron's table with the bitstream's.

    Parameters
    ----------
    network : ir.Network
    flat : Netlist
        The flat netlist that was placed, for the names of its wires.
    unpacked : Netlist
        From :func:`lutloom.flow.unpack.unpack_netlist`.
    drivers : mapping of str to str
        Of the placement's record: where the cell is that drives each wire.
    class_groups : int
        As in the ``PipelineOptions`` of the emission.

    Returns
    -------
    TableComparison

    Raises
    ------
    MismatchError
        If the netlist is not of this network's shape.
    """
    (module,) = flat.modules.values() if len(flat.modules) == 1 else (_only_own(flat),)
    (found,) = unpacked.modules.values()
    places = _Places(module, found, drivers)
    cones = _Cones(found)
    tables = entries = unplaced = 0
    faults = []
    inputs: Sequence[Bit] = ()
    for prefix, number, layer in _layers(network, class_groups):
        if number == 1:
            inputs = _bits(module, f"{prefix}layer1.i__payload")
        neurons = _bits(module, f"{prefix}layer{number}.neurons")
        if len(neurons) != layer.n_neurons:
            raise MismatchError(
                f"netlist, {prefix}layer {number}: must have {layer.n_neurons} neurons, not "
                f"{len(neurons)}; give the netlist of this network"
            )
        columns = zip(
            neurons, layer.fan_in.tolist(), layer.fan_in_count.tolist(), layer.table.tolist(),
            strict=True,
        )  # fmt: skip
        for index, (neuron, taps, count, table) in enumerate(columns):
            register = places.bit(neuron)
            if register is None:
                unplaced += 1
                continue
            sources = [places.bit(inputs[tap]) for tap in taps[:count]]
            fault = cones.fault(register, sources, table)
            tables += 1
            entries += 1 << count
            if fault:
                faults.append(f"{prefix}layer {number}, neuron {index}: {fault}")
        inputs = neurons
    return TableComparison(
        tables=tables,
        entries=entries,
        unplaced=unplaced,
        differ=len(faults),
        faults=tuple(faults[:_FAULTS_MAX]),
    )


def _layers(network: ir.Network, class_groups: int) -> Iterator[tuple[str, int, ir.LutLayer]]:
    """Go through the layers as the hardware has them; each group of classes has its own."""
    if not class_groups:
        parts = [("", network)]
    else:
        groups = enumerate(split_classes(network, class_groups))
        parts = [(f"group{g}.", part) for g, part in groups]
    for prefix, part in parts:
        for number, layer in enumerate(part.layers, start=1):
            yield prefix, number, layer


def _only_own(flat: Netlist) -> Module:
    own = [module for _, module in flat.own_modules()]
    if len(own) != 1:
        raise MismatchError(f"netlist: must be flat, not of {len(own)} modules; give flat.json")
    return own[0]


def _bits(module: Module, ending: str) -> Sequence[Bit]:
    """Find a wire by the end of its path."""
    for name, net in module.netnames.items():
        if name == ending or name.endswith(f".{ending}"):
            return net.bits
    raise MismatchError(
        f"netlist: must have a wire {ending}, but has not; give the netlist of this network"
    )


class _Places:
    """Find a placed wire in the unpacked netlist."""

    def __init__(self, flat: Module, found: Module, drivers: Mapping[str, str]) -> None:
        self._found = found
        self._driver: dict[Bit, str] = {}
        for name, driver in drivers.items():
            bit = self._named(flat, name)
            if bit is not None:
                self._driver[bit] = driver

    @staticmethod
    def _named(flat: Module, name: str) -> Bit | None:
        net = flat.netnames.get(name)
        if net is not None and len(net.bits) == 1:
            return net.bits[0]
        match = re.fullmatch(r"(.+)\[(\d+)\]", name)
        vector = flat.netnames.get(match[1]) if match else None
        if match and vector is not None and int(match[2]) < len(vector.bits):
            return vector.bits[int(match[2])]
        return None

    def bit(self, wire: Bit) -> Bit | None:
        """Give the unpacked netlist's bit; None where nothing was placed."""
        if wire in _CONSTANTS:
            return wire
        place, _, _ = self._driver.get(wire, "").rpartition("/")
        for name in (f"{place}.ff", place, f"{place}.lut"):
            cell = self._found.cells.get(name)
            if cell is not None:
                return next(cell.connections[pin][0] for pin in "QOZ" if pin in cell.connections)
        return None


class _Cones:
    """Work out what tables compute together."""

    def __init__(self, module: Module) -> None:
        parts = [part for name, cell in module.cells.items() if _is_plain(cell.type)
                 for part in cell_parts(name, cell)]  # fmt: skip
        self._lookup = {part.output: part for part in parts if isinstance(part, Lookup)}
        self._register = {part.output: part for part in parts if isinstance(part, FlipFlop)}

    def fault(self, output: Bit, sources: Sequence[Bit | None], table: int) -> str:
        """Say how a neuron's register differs from its table; nothing if it does not."""
        n_entries = 1 << len(sources)
        if None in sources:
            return f"input {sources.index(None)} must come from a cell, but its place is empty"
        everywhere = (1 << n_entries) - 1
        possible, known = everywhere, dict[Wire, int]()
        for wire, value in _CONSTANTS.items():
            known[wire] = everywhere if value else 0
        for place, source in enumerate(sources):
            assert source is not None
            one = sum(1 << a for a in range(n_entries) if a >> place & 1)
            if source in known:  # two inputs from one wire: only equal values are possible
                possible &= ~(known[source] ^ one)
            else:
                known[source] = one
        data: Wire = output
        if output not in _CONSTANTS:
            register = self._register.get(output)
            if register is None:
                return "must be a register, but there is none at its place"
            if (register.enable, register.clear) != ("1", "0"):
                return "its register must have neither enable nor clear, but has"
            data = register.data
        computed = self._evaluate(data, known, everywhere)
        if computed is None:
            return "its table reads a wire that is none of its inputs"
        different = (computed ^ table) & possible & everywhere
        if different:
            return f"{different.bit_count()} of {n_entries} entries differ"
        return ""

    def _evaluate(
        self, wire: Wire, known: dict[Wire, int], everywhere: int, depth: int = 0
    ) -> int | None:
        """Give a wire's value for every address, one bit an address; None if it has no such."""
        if wire in known:
            return known[wire]
        lookup = self._lookup.get(wire)
        if lookup is None or depth == _DEPTH_MAX:
            return None
        reads = [
            self._evaluate(wire, known, everywhere, depth + 1) if _depends(lookup, k) else 0
            for k, wire in enumerate(lookup.inputs)
        ]
        value = 0
        for entry in range(1 << len(reads)):
            if lookup.table >> entry & 1:
                chosen = everywhere
                for k, read in enumerate(reads):
                    if read is None:
                        return None
                    chosen &= read if entry >> k & 1 else ~read
                value |= chosen
        known[wire] = value
        return value


def _is_plain(kind: str) -> bool:
    return kind in ("SB_LUT4", "LUT4", "PFUMX", "L6MUX21", "TRELLIS_FF") or kind.startswith(
        "SB_DFF"
    )


def _depends(lookup: Lookup, place: int) -> bool:
    """Tell whether a table's output depends on an input at all."""
    n_entries = 1 << len(lookup.inputs)
    return any((lookup.table >> a ^ lookup.table >> (a ^ 1 << place)) & 1 for a in range(n_entries))
