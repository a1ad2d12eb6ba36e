"""Contents into frames: flags around them, escapes in them, the CRC behind them."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.crc import Processor
from amaranth.lib.crc.catalog import CRC16_XMODEM
from amaranth.lib.wiring import In, Out

from lutloom_hw.board.protocol import ESCAPE, FLAG, TURN
from lutloom_hw.stage import Block

ContentByte = data.StructLayout({"byte": unsigned(8), "last": unsigned(1)})
"""A byte of a frame's contents, and whether it is the last."""


class FrameSender(Block):
    """Frame contents for the line.

    Members
    -------
    i : In(stream.Signature(ContentByte))
        Contents; a frame begins with the first byte and ends with a last one.
    o : Out(stream.Signature(8))
        Bytes for the line.

    Latency: none.  Throughput: a byte a clock; a frame has five bytes more than its contents, and
    one more for each escape.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(ContentByte)),
                "o": Out(stream.Signature(unsigned(8))),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.crc = crc = Processor(CRC16_XMODEM(data_width=8))
        byte = Signal(8)  # what is sent next, before escaping
        escaped = Signal()
        goes, must_escape = Signal(), Signal()
        m.d.comb += [
            goes.eq(self.o.valid & self.o.ready),
            must_escape.eq(~escaped & ((byte == FLAG) | (byte == ESCAPE))),
            self.o.payload.eq(Mux(must_escape, ESCAPE, Mux(escaped, byte ^ TURN, byte))),
            crc.data.eq(byte),
        ]
        sent = goes & ~must_escape
        with m.FSM():
            with m.State("begin"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(FLAG)]
                m.d.comb += crc.start.eq(1)
                with m.If(goes):
                    m.next = "contents"
            with m.State("contents"):
                m.d.comb += [
                    self.o.valid.eq(self.i.valid),
                    byte.eq(self.i.payload.byte),
                    self.i.ready.eq(self.o.ready & ~must_escape),
                    crc.valid.eq(sent),
                ]
                with m.If(sent & self.i.payload.last):
                    m.next = "crc high"
            with m.State("crc high"):
                m.d.comb += [self.o.valid.eq(1), byte.eq(crc.crc[8:])]
                with m.If(sent):
                    m.next = "crc low"
            with m.State("crc low"):
                m.d.comb += [self.o.valid.eq(1), byte.eq(crc.crc[:8])]
                with m.If(sent):
                    m.next = "end"
            with m.State("end"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(goes):
                    m.next = "begin"
        with m.If(goes):
            m.d.sync += escaped.eq(must_escape)
