"""Which pin of the package each bit of a design's ports is on, and ports named by it.

The table comes from what nextpnr says it placed, where nextpnr chose the pins, or from a board's
constraint file.  It is all that is known of a bitstream from outside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lutloom.errors import ToolError
from lutloom.flow.netlist import Module, Netlist, Port

PinTable = dict[str, tuple[str, ...]]
"""Package pins by port; bit 0 first."""

_IO_SUFFIX = re.compile(r"(.+?)(?:\[(\d+)\])?\$(?:sb|tr)_io")


def pin_table(io_cells: Mapping[str, str]) -> PinTable:
    """Sort IO cells by the port they belong to.

    Parameters
    ----------
    io_cells : mapping of str to str
        Package pin by the name nextpnr gives the cell: ``i__payload[3]$sb_io``.

    Returns
    -------
    PinTable

    Raises
    ------
    ToolError
        If a bit of a port has no pin.
    """
    found: dict[str, dict[int, str]] = {}
    for name, pin in io_cells.items():
        if match := _IO_SUFFIX.fullmatch(name):
            found.setdefault(match[1], {})[int(match[2] or 0)] = pin
    for port, bits in found.items():
        if sorted(bits) != list(range(len(bits))):
            raise ToolError(
                f"placement, port {port}: every bit must have a pin, not only {sorted(bits)}; "
                "place and route again"
            )
    return {port: tuple(bits[k] for k in range(len(bits))) for port, bits in sorted(found.items())}


def name_ports(netlist: Netlist, pins: PinTable, top: str) -> Netlist:
    """Give an unpacked netlist the ports of the design.

    Parameters
    ----------
    netlist : Netlist
        One module, ports by package pin.
    pins : PinTable
    top : str
        What the module is to be called.

    Returns
    -------
    Netlist
        Pins of no port are left out.

    Raises
    ------
    ToolError
        If a pin is not used in the bitstream, or a port has pins of both directions.
    """
    (module,) = netlist.modules.values()
    ports: dict[str, Port] = {}
    for name, its_pins in pins.items():
        missing = [pin for pin in its_pins if pin not in module.ports]
        if missing:
            raise ToolError(
                f"bitstream, port {name}: pin {missing[0]} must be used, but it is not; "
                "give the pins this bitstream was made for"
            )
        directions = {module.ports[pin].direction for pin in its_pins}
        if len(directions) > 1:
            raise ToolError(
                f"bitstream, port {name}: its pins must be all inputs or all outputs, not both; "
                "give the pins this bitstream was made for"
            )
        bits = tuple(module.ports[pin].bits[0] for pin in its_pins)
        ports[name] = Port(direction=directions.pop(), bits=bits)
    return Netlist(modules={top: Module(ports=ports, cells=module.cells)})
