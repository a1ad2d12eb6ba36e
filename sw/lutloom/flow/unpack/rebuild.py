"""A bitstream, unpacked and rebuilt as the netlist it stands for.

Example
-------
>>> netlist = unpack_netlist(Path("build/hx8k/bitstream.bin"), find_device("hx8k"))
>>> named = name_ports(netlist, read_placement(folder / PLACEMENT).pins, "lutloom_top")
"""

from __future__ import annotations

from pathlib import Path

from lutloom.errors import InvalidFileError
from lutloom.flow.bitstream import unpack
from lutloom.flow.devices import Device
from lutloom.flow.netlist import Netlist
from lutloom.flow.unpack.ecp5 import rebuild_ecp5
from lutloom.flow.unpack.ecp5_text import read_ecp5_text
from lutloom.flow.unpack.ice40 import rebuild_ice40
from lutloom.flow.unpack.ice40_text import read_ice40_text


def unpack_netlist(bitstream: Path, device: Device) -> Netlist:
    """Rebuild a netlist from a bitstream and nothing else.

    Parameters
    ----------
    bitstream : Path
        Unpacked beside itself.
    device : Device
        The chip it is for; its package names the ports.

    Returns
    -------
    Netlist
        One module, ``top``; ports of one bit, by package pin.

    Raises
    ------
    InvalidFileError
        If it is missing or for another chip.
    ToolError
        If it cannot be unpacked, or uses something that is not supported.
    """
    if not bitstream.is_file():
        raise InvalidFileError(f"{bitstream}: must be a bitstream; place and route first")
    text = unpack(bitstream, device.family).read_text()
    return rebuild_text(text, device, bitstream.name)


def rebuild_text(text: str, device: Device, name: str = "configuration") -> Netlist:
    """Rebuild a netlist from configuration text.

    Parameters
    ----------
    text : str
        What ``iceunpack`` or ``ecpunpack`` wrote.
    device : Device
    name : str
        What messages call it.

    Returns
    -------
    Netlist

    Raises
    ------
    InvalidFileError
        If it is not such text, or for another chip.
    ToolError
        If it uses something that is not supported.
    """
    if device.family == "ice40":
        ice40 = read_ice40_text(text, name)
        _require_chip(name, device, ice40.device)
        return rebuild_ice40(ice40, device.package)
    ecp5 = read_ecp5_text(text, name)
    _require_chip(name, device, ecp5.device)
    return rebuild_ecp5(ecp5, device.package)


def _require_chip(name: str, device: Device, chip: str) -> None:
    if chip != device.chip:
        raise InvalidFileError(f"{name}: must be for {device.chip}, not {chip}; name its device")
