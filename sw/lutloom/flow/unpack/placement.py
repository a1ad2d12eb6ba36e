"""What nextpnr placed where: the pins of the ports, and the cell that drives each net.

The pins say how to talk to a bitstream; the drivers say which of its cells to hold against which
neuron.  Neither takes part in rebuilding the netlist.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from lutloom.errors import ToolError
from lutloom.files.atomic import write_json
from lutloom.flow.devices import Device
from lutloom.flow.unpack.ecp5_files import package_pins
from lutloom.flow.unpack.ice40_chip import read_chip
from lutloom.flow.unpack.pins import PinTable, pin_table
from lutloom.schema import read_json

PLACEMENT = "placement.json"
"""The record's file beside the bitstream."""

_DRIVING_PINS = ("O", "F", "Q", "OFX")
_IO_TYPES = ("SB_IO", "TRELLIS_IO")


class _Cell(msgspec.Struct, frozen=True):
    type: str
    connections: dict[str, tuple[int | str, ...]]
    attributes: dict[str, str] = {}


class _Netname(msgspec.Struct, frozen=True):
    bits: tuple[int | str, ...]


class _Module(msgspec.Struct, frozen=True):
    cells: dict[str, _Cell]
    netnames: dict[str, _Netname]


class _Design(msgspec.Struct, frozen=True):
    modules: dict[str, _Module]


class PlacementRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what is kept of a placement.

    Members
    -------
    pins : package pins by port, bit 0 first
    drivers : by net: the place of the cell that drives it and the cell's pin, as ``X5/Y7/lc3/O``
    """

    pins: PinTable
    drivers: dict[str, str]


def io_places(device: Device) -> dict[str, str]:
    """Give the package pin of each IO cell of a device.

    Parameters
    ----------
    device : Device

    Returns
    -------
    dict of str to str
        Pin by the place nextpnr names.

    Raises
    ------
    MissingExtraError, InvalidFileError
        If the chip database is missing.
    """
    if device.family == "ecp5":
        return package_pins(device.chip, device.package)
    pins = read_chip(device.chip).pins[device.package]
    return {f"X{x}/Y{y}/io{z}": pin for pin, (x, y, z) in pins.items()}


def record_placement(written: Path, device: Device) -> Path:
    """Condense what nextpnr's ``--write`` says, and drop its file.

    Parameters
    ----------
    written : Path
        nextpnr's JSON.
    device : Device

    Returns
    -------
    Path
        :data:`PLACEMENT` beside it.

    Raises
    ------
    ToolError
        If it is not what nextpnr writes.
    """
    try:
        design = msgspec.json.decode(written.read_bytes(), type=_Design)
        (module,) = design.modules.values()
    except (msgspec.DecodeError, ValueError) as error:
        raise ToolError(
            f"{written}: must be a placed netlist as nextpnr writes it ({error}); "
            "place and route again"
        ) from None
    pins = io_places(device)
    io_cells = {
        name: pins[cell.attributes["NEXTPNR_BEL"]]
        for name, cell in module.cells.items()
        if cell.type in _IO_TYPES
    }
    record = PlacementRecord(pins=pin_table(io_cells), drivers=dict(sorted(_drivers(module))))
    write_json(written.with_name(PLACEMENT), record)
    return written.with_name(PLACEMENT)


def _drivers(module: _Module) -> Iterator[tuple[str, str]]:
    by_bit = {
        bits[0]: f"{cell.attributes['NEXTPNR_BEL']}/{pin}"
        for cell in module.cells.values()
        for pin, bits in cell.connections.items()
        if pin in _DRIVING_PINS and bits and cell.type not in _IO_TYPES
    }
    for name, net in module.netnames.items():
        if len(net.bits) == 1 and net.bits[0] in by_bit:
            yield name, by_bit[net.bits[0]]


def read_placement(path: Path) -> PlacementRecord:
    """Read a record.

    Parameters
    ----------
    path : Path

    Returns
    -------
    PlacementRecord

    Raises
    ------
    InvalidFileError
        If it is missing or something else.
    """
    return read_json(path, PlacementRecord)
