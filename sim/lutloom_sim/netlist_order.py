"""The order in which the tables of a netlist can be evaluated, and what a netlist must be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from lutloom.errors import ToolError
from lutloom.flow.netlist import Bit, Module, Netlist
from lutloom_sim.netlist_cells import FlipFlop, Lookup, Memory, Wire

CONSTANTS: tuple[Wire, ...] = ("0", "1", "x", "z")
"""Wires without a driver."""


def find_top(netlist: Netlist, top: str) -> Module:
    """Give the module to simulate.

    Parameters
    ----------
    netlist : Netlist
    top : str

    Returns
    -------
    Module

    Raises
    ------
    ToolError
        If there is none of that name.
    """
    if top not in netlist.modules:
        raise ToolError(
            f"netlist: must have the top module {top}, not only {', '.join(netlist.modules)};"
            " synthesise it again"
        )
    return netlist.modules[top]


def require_clock(parts: Iterable[FlipFlop | Memory], clock: Bit) -> None:
    """Insist that everything that holds a state is on one clock.

    Parameters
    ----------
    parts : iterable of FlipFlop and Memory
    clock : Bit

    Raises
    ------
    ToolError
        If something is not.
    """
    if any(part.clock != clock for part in parts):
        raise ToolError("netlist: every flip-flop must be on one clock; synthesise it again")


def order_lookups(lookups: Sequence[Lookup], known: set[Wire]) -> list[list[Lookup]]:
    """Sort tables into levels: each reads only known wires and outputs of the levels before it.

    Parameters
    ----------
    lookups : sequence of Lookup
    known : set of Wire
        Inputs, and outputs of flip-flops and memories.

    Returns
    -------
    list of list of Lookup

    Raises
    ------
    ToolError
        If a wire has no driver or two, or tables form a loop.
    """
    driver = {lookup.output: lookup for lookup in lookups}
    if len(driver) < len(lookups) or not known.isdisjoint(driver):
        raise ToolError("netlist: every wire must have one driver; synthesise it again")
    waiting = {
        lookup.output: sum(wire in driver for wire in set(lookup.inputs)) for lookup in lookups
    }
    readers = defaultdict[Wire, list[Lookup]](list)
    for lookup in lookups:
        for wire in set(lookup.inputs):
            if wire in driver:
                readers[wire].append(lookup)
            elif wire not in known and wire not in CONSTANTS:
                raise ToolError(f"netlist: wire {wire} must have a driver; synthesise it again")
    level = [lookup for lookup in lookups if not waiting[lookup.output]]
    levels = []
    while level:
        levels.append(level)
        following = []
        for lookup in level:
            for reader in readers[lookup.output]:
                waiting[reader.output] -= 1
                if not waiting[reader.output]:
                    following.append(reader)
        level = following
    if sum(map(len, levels)) < len(lookups):
        raise ToolError("netlist: tables must not form a loop; synthesise it again")
    return levels
