"""What stands between a design and a board: clock, reset, pads and lights."""

from __future__ import annotations

from typing import Any, Protocol

from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.lib import io

from lutloom_hw.board.boards import BoardKind
from lutloom_hw.board.clocking import add_clock
from lutloom_hw.board.lights import ClassLights


class BoardDesign(Protocol):
    """Be a design that a shell puts on a board."""

    rx: Signal
    tx: Signal
    digit: Signal
    shows: Signal


class Shell(Elaboratable):
    """Put a design on a board: only instances and wires.

    Parameters
    ----------
    design : BoardDesign
    board : BoardKind
    """

    def __init__(self, design: BoardDesign, board: BoardKind) -> None:
        self.design = design
        self.board = board

    def elaborate(self, platform: Any) -> Module:
        """Connect the design to the board's pads.

        Parameters
        ----------
        platform : amaranth.build.Platform
            Of the board.

        Returns
        -------
        Module
        """
        m = Module()
        add_clock(m, platform)
        m.submodules.design = design = self.design
        uart = platform.request("uart", 0, dir="-")
        m.submodules.pad_rx = rx = io.Buffer("i", uart.rx)
        m.submodules.pad_tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [design.rx.eq(rx.i), tx.o.eq(design.tx)]
        m.submodules.lights = lights = ClassLights(
            self.board.lights, digit_width=len(design.digit), clock_hz=self.board.clock_hz
        )
        m.d.comb += [lights.digit.eq(design.digit), lights.shows.eq(design.shows)]
        for k, port in enumerate(_light_ports(platform, self.board)):
            m.submodules[f"pad_light{k}"] = pad = io.Buffer("o", port)
            m.d.comb += pad.o.eq(lights.o[k])
        return m


def _light_ports(platform: Any, board: BoardKind) -> list[Any]:
    if board.lights == "leds":
        return [platform.request("led", k, dir="-") for k in range(8)]
    if board.lights == "rgb":
        rgb = platform.request("rgb_led", 0, dir="-")
        return [rgb.r, rgb.g, rgb.b]
    segments = platform.request("display_7seg", 0, dir="-")
    place = platform.request("display_7seg_digit", 0, dir="-")
    return [*(getattr(segments, name) for name in "abcdefg"), place]
