"""The boards: chip, clock, cable and lights, from the descriptions of amaranth-boards.

Example
-------
>>> find_board("icebreaker").title
'iCEBreaker'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from amaranth.build import Attrs, Pins, Resource
from amaranth_boards.ice40_hx8k_b_evn import ICE40HX8KBEVNPlatform
from amaranth_boards.icebreaker import ICEBreakerPlatform
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
from amaranth_boards.resources import Display7SegResource, UARTResource
from amaranth_boards.ulx3s import ULX3S_85F_Platform

from lutloom.errors import InvalidRecipeError

Lights = Literal["leds", "rgb", "digit"]


@dataclass(frozen=True, slots=True)
class BoardKind:
    """Describe a board.

    Parameters
    ----------
    name : str
        What the command line calls it.
    title : str
        What its makers call it.
    device : str
        Its chip, package and speed, as :mod:`lutloom.flow.devices` names them.
    platform : callable
        Makes the platform of amaranth-boards, with what this project adds to it.
    lights : {"leds", "rgb", "digit"}
        Where the class is shown.
    clock_hz : int
        Of its oscillator.
    cable : str
        Which wires are the serial line, in words for a page.
    programmer : str
        What openFPGALoader calls the board.
    """

    name: str
    title: str
    device: str
    platform: Callable[[], Any]
    lights: Lights
    clock_hz: int
    cable: str
    programmer: str


def _icebreaker() -> Any:
    platform = ICEBreakerPlatform()
    # The seven-segment module that is sold with the board, in PMOD1A.
    platform.add_resources(
        [
            Display7SegResource(
                0, a="1", b="2", c="3", d="4", e="7", f="8", g="9", invert=True,
                conn=("pmod", 0), attrs=Attrs(IO_STANDARD="SB_LVCMOS"),
            ),
            Resource(
                "display_7seg_digit", 0, Pins("10", dir="o", conn=("pmod", 0)),
                Attrs(IO_STANDARD="SB_LVCMOS"),
            ),
        ]
    )  # fmt: skip
    return platform


def _orangecrab() -> Any:
    platform = OrangeCrabR0_2_25FPlatform()
    platform.add_resources(
        [UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33"))]
    )
    return platform


BOARDS: dict[str, BoardKind] = {
    board.name: board
    for board in (
        BoardKind(
            "icebreaker", "iCEBreaker", "up5k", _icebreaker, "digit", 12_000_000,
            "the USB cable, second port", "ice40_generic",
        ),
        BoardKind(
            "hx8k", "iCE40-HX8K breakout board", "hx8k", ICE40HX8KBEVNPlatform, "leds", 12_000_000,
            "the USB cable, second port", "ice40_generic",
        ),
        BoardKind(
            "ulx3s", "ULX3S-85F", "85k", ULX3S_85F_Platform, "leds", 25_000_000,
            "the USB cable (US1)", "ulx3s",
        ),
        BoardKind(
            "orangecrab", "OrangeCrab r0.2 25F", "25k-csfbga285", _orangecrab, "rgb", 48_000_000,
            "a 3.3 V serial adapter: its TX to pin 0, its RX to pin 1, and ground", "orangeCrab",
        ),
    )
}  # fmt: skip


def find_board(name: str) -> BoardKind:
    """Find a board by the name the command line uses.

    Parameters
    ----------
    name : str

    Returns
    -------
    BoardKind

    Raises
    ------
    InvalidRecipeError
        If there is none of that name.
    """
    if name not in BOARDS:
        raise InvalidRecipeError(
            f"board: must be one of {', '.join(BOARDS)}, not {name!r}; correct 'board'"
        )
    return BOARDS[name]
