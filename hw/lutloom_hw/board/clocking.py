"""A board's clock and the reset after configuration."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import io
from amaranth.lib.wiring import Component, Out

_SETTLED_S = 15e-6
"""iCE40's block memories read as zeros for some microseconds after configuration."""


class ResetCounter(Component):
    """Hold a reset for some clocks after configuration.

    Parameters
    ----------
    cycles : int

    Members
    -------
    reset : Out(1)
        High for ``cycles`` clocks, then low for ever.
    """

    reset: Signal

    def __init__(self, cycles: int) -> None:
        self.cycles = cycles
        super().__init__({"reset": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """Count up and stay.

        Parameters
        ----------
        platform : object
            Not considered.

        Returns
        -------
        Module
        """
        del platform
        m = Module()
        count, settled = Signal(range(self.cycles)), Signal()
        m.d.comb += self.reset.eq(~settled)
        with m.If(count == self.cycles - 1):
            m.d.sync += settled.eq(1)
        with m.Else():
            m.d.sync += count.eq(count + 1)
        return m


def add_clock(m: Module, platform: Any) -> None:
    """Add the domain ``sync`` on the board's oscillator, in reset until the chip has settled.

    Parameters
    ----------
    m : Module
        Of the design's shell.
    platform : amaranth.build.Platform
    """
    port = platform.request(platform.default_clk, dir="-")
    m.submodules.pad_clock = pad = io.Buffer("i", port)
    m.domains.raw = ClockDomain("raw", reset_less=True)
    m.domains.sync = ClockDomain("sync")
    counter = ResetCounter(round(platform.default_clk_frequency * _SETTLED_S))
    m.submodules.reset_counter = DomainRenamer("raw")(counter)
    m.d.comb += [
        ClockSignal("raw").eq(pad.i),
        ClockSignal("sync").eq(pad.i),
        ResetSignal("sync").eq(counter.reset),
    ]
