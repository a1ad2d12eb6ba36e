"""One image between the serial line and a classifier: it is classified when all of it is there."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from lutloom_hw.attention.memory import WordMemory
from lutloom_hw.stage import Block, bits_for


class FrameBuffer(Block):
    """Keep an image's pixels, and stream them on command.

    Parameters
    ----------
    n_pixels : int

    Members
    -------
    write : In(1)
        Keep ``pixel`` at ``address``, if that place is free.
    address : In(range(n_pixels))
    pixel : In(8)
    free : Out(1)
        What is at ``address`` is not waiting to be streamed.
    start : In(1)
        Stream the image.
    streams : Out(1)
    o : Out(stream.Signature(8))
        Pixels in order.

    Latency: 2 clocks to the first pixel.  Throughput: a pixel in two clocks.
    """

    write: Signal
    address: Signal
    pixel: Signal
    free: Signal
    start: Signal
    streams: Signal
    o: stream.Interface

    def __init__(self, n_pixels: int) -> None:
        self.n_pixels = n_pixels
        super().__init__(
            {
                "write": In(1),
                "address": In(bits_for(n_pixels - 1)),
                "pixel": In(8),
                "free": Out(1),
                "start": In(1),
                "streams": Out(1),
                "o": Out(stream.Signature(unsigned(8))),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.pixels = pixels = WordMemory(unsigned(8), self.n_pixels)
        at = Signal.like(self.address)
        m.d.comb += [
            self.free.eq(~self.streams | (self.address < at)),
            pixels.write.eq(self.write & self.free),
            pixels.write_address.eq(self.address),
            pixels.write_data.eq(self.pixel),
            pixels.read_address.eq(at),
            self.o.payload.eq(pixels.read_data),
        ]
        with m.If(~self.streams):
            m.d.sync += [self.streams.eq(self.start), at.eq(0)]
        with m.Elif(~self.o.valid):
            m.d.sync += self.o.valid.eq(1)
        with m.Elif(self.o.ready):
            m.d.sync += [
                self.o.valid.eq(0),
                at.eq(at + 1),
                self.streams.eq(at != self.n_pixels - 1),
            ]
