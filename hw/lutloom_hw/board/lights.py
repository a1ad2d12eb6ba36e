"""A class for people: on a row of lights, a coloured light, or seven segments."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from lutloom_hw.board.boards import Lights
from lutloom_hw.stage import Block

_SEGMENTS = (0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F)
"""Digits on seven segments; segment a is the lowest bit."""
_DASH = 0x40
_BLINK_S = 0.25
_N_LIGHTS: dict[Lights, int] = {"leds": 8, "rgb": 3, "digit": 8}


class ClassLights(Block):
    """Show a class.

    ``leds``: the class in binary on the first four, and on the last whether there is one.
    ``rgb``: bits 0, 1 and 2 as red, green and blue, blinking from class 8 on.  ``digit``: segments
    a to g, a dash before the first class and for classes of two digits; the last wire chooses the
    digit's place.

    Parameters
    ----------
    lights : {"leds", "rgb", "digit"}
    digit_width : int
        Bits of a class.
    clock_hz : int

    Members
    -------
    digit : In(digit_width)
    shows : In(1)
    o : Out(8 or 3)
        High is lit.

    Latency: none.
    """

    digit: Signal
    shows: Signal
    o: Signal

    def __init__(self, lights: Lights, *, digit_width: int, clock_hz: int) -> None:
        self.lights = lights
        self.clock_hz = clock_hz
        super().__init__({"digit": In(digit_width), "shows": In(1), "o": Out(_N_LIGHTS[lights])})

    def _build(self, m: Module) -> None:
        if self.lights == "leds":
            binary = Value.cast(self.digit)[:4]
            m.d.comb += self.o.eq(Cat(binary, Const(0, 7 - len(binary)), self.shows))
        elif self.lights == "digit":
            known = Array(Const(segments, 7) for segments in _SEGMENTS)[self.digit]
            is_digit = self.shows & (self.digit < len(_SEGMENTS))
            m.d.comb += self.o.eq(Cat(Mux(is_digit, known, _DASH), Const(0, 1)))
        else:
            count = Signal(range(round(self.clock_hz * _BLINK_S)))
            dark = Signal()
            with m.If(count == round(self.clock_hz * _BLINK_S) - 1):
                m.d.sync += [count.eq(0), dark.eq(~dark)]
            with m.Else():
                m.d.sync += count.eq(count + 1)
            lit = self.shows & ~(dark & (self.digit >= 8))
            m.d.comb += self.o.eq(Mux(lit, Value.cast(self.digit)[:3], 0))
