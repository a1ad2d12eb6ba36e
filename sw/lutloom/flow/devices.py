"""The chips: what they hold and how nextpnr is told about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lutloom.errors import InvalidRecipeError
from lutloom.flow.tools import ToolName

FpgaFamily = Literal["ice40", "ecp5"]


@dataclass(frozen=True, slots=True)
class Device:
    """Describe one chip in one package.

    Parameters
    ----------
    name : str
        What the command line calls it.
    title : str
        What the data sheet calls it.
    family : {"ice40", "ecp5"}
    lut4, ff, bram, pins, dsp, spram : int
        What it holds.  A logic cell of iCE40 is a LUT4 with a carry and a flip-flop; ECP5 has one
        LUT4 and one flip-flop to each place.  A multiplier is an SB_MAC16 or a MULT18X18D.
    arguments : tuple of str
        Device, package and speed as nextpnr is told.
    clock_target_hz : int
        What the placer aims at; a miss is no failure.
    """

    name: str
    title: str
    family: FpgaFamily
    lut4: int
    ff: int
    bram: int
    pins: int
    arguments: tuple[str, ...]
    clock_target_hz: int
    dsp: int = 0
    spram: int = 0

    @property
    def place_and_route(self) -> ToolName:
        """The tool that places and routes it."""
        return "nextpnr-ice40" if self.family == "ice40" else "nextpnr-ecp5"

    @property
    def chip(self) -> str:
        """What the chip database calls it: ``8k``, ``5k``, ``LFE5U-25F``."""
        if self.family == "ice40":
            return self.name[-2:]
        return f"LFE5U-{self.name.upper()[:2]}F"

    @property
    def package(self) -> str:
        """The package, as nextpnr is told."""
        return self.arguments[self.arguments.index("--package") + 1]


def _ice40(
    name: str, title: str, lut4: int, bram: int, pins: int, package: str, mhz: int,
    dsp: int = 0, spram: int = 0,
) -> Device:  # fmt: skip
    return Device(
        name, title, "ice40", lut4, lut4, bram, pins,
        (f"--{name}", "--package", package), mhz * 1_000_000, dsp, spram,
    )  # fmt: skip


def _ecp5(
    name: str, lut4: int, bram: int, pins: int, package: str, dsp: int, speed: str = "6"
) -> Device:
    return Device(
        name, f"LFE5U-{name[:2]}F-{speed}{package}", "ecp5", lut4, lut4, bram, pins,
        (f"--{name[:3]}", "--package", package, "--speed", speed), 200_000_000, dsp,
    )  # fmt: skip


DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        _ice40("hx8k", "iCE40HX8K-CT256", 7680, 32, 206, "ct256", 150),
        _ice40("up5k", "iCE40UP5K-SG48", 5280, 30, 39, "sg48", 40, dsp=8, spram=4),
        _ecp5("25k", 24288, 56, 197, "CABGA256", dsp=28),
        _ecp5("45k", 43848, 108, 203, "CABGA381", dsp=72),
        _ecp5("85k", 83640, 208, 205, "CABGA381", dsp=156),
        _ecp5("25k-csfbga285", 24288, 56, 118, "CSFBGA285", dsp=28, speed="8"),
    )
}


def find_device(name: str) -> Device:
    """Find a chip by the name the command line uses.

    Parameters
    ----------
    name : str

    Returns
    -------
    Device

    Raises
    ------
    InvalidRecipeError
        If there is none of that name.
    """
    if name not in DEVICES:
        raise InvalidRecipeError(
            f"device: must be one of {', '.join(DEVICES)}, not {name!r}; correct 'device'"
        )
    return DEVICES[name]


def larger_devices(device: Device, lut4: int, ff: int) -> list[str]:
    """Name the chips that have room for what does not fit one, smallest first.

    Parameters
    ----------
    device : Device
    lut4, ff : int
        What is needed.

    Returns
    -------
    list of str
    """
    return [
        other.name
        for other in sorted(DEVICES.values(), key=lambda other: other.lut4)
        if other.lut4 >= lut4 and other.ff >= ff and other.lut4 > device.lut4
    ]
