"""Frames out of bytes: flags found, escapes undone, the CRC checked."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.crc import Processor
from amaranth.lib.crc.catalog import CRC16_XMODEM
from amaranth.lib.wiring import In, Out

from lutloom_hw.board.protocol import CRC_BYTES, ESCAPE, FLAG, TURN
from lutloom_hw.stage import Block, bits_for


class FrameReceiver(Block):
    """Find frames in a stream of bytes; a flag begins anew, whatever came before.

    Parameters
    ----------
    length_max : int
        Bytes of the longest frame, CRC included; longer ones count as this and one.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
        Bytes off the line.
    byte, is_byte : Out(8), Out(1)
        A byte of a frame, CRC included; escapes are undone.
    index : Out(range(length_max + 2))
        The byte's place in its frame; where ``ended`` is high, the frame's length.
    ended : Out(1)
        A frame that is not empty has ended.
    intact : Out(1)
        Where ``ended`` is high: its CRC is right.

    Latency: none.  Throughput: a byte a clock.

    References
    ----------
    RFC 1662, PPP in HDLC-like Framing.
    """

    i: stream.Interface
    byte: Signal
    is_byte: Signal
    index: Signal
    ended: Signal
    intact: Signal

    def __init__(self, length_max: int) -> None:
        self.length_max = length_max
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(8), always_ready=True)),
                "byte": Out(8),
                "is_byte": Out(1),
                "index": Out(bits_for(length_max + 1)),
                "ended": Out(1),
                "intact": Out(1),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.crc = crc = Processor(CRC16_XMODEM(data_width=8))
        escaped = Signal()
        length = Signal.like(self.index)
        is_flag, is_escape = Signal(), Signal()
        m.d.comb += [
            is_flag.eq(self.i.valid & (self.i.payload == FLAG)),
            is_escape.eq(self.i.valid & (self.i.payload == ESCAPE)),
            self.is_byte.eq(self.i.valid & ~is_flag & ~is_escape),
            self.byte.eq(Mux(escaped, self.i.payload ^ TURN, self.i.payload)),
            self.index.eq(length),
            self.ended.eq(is_flag & ((length != 0) | escaped)),
            self.intact.eq(crc.match_detected & ~escaped & (length > CRC_BYTES)),
            crc.start.eq(is_flag),
            crc.data.eq(self.byte),
            crc.valid.eq(self.is_byte),
        ]
        with m.If(self.i.valid):
            m.d.sync += escaped.eq(is_escape)
        with m.If(is_flag):
            m.d.sync += length.eq(0)
        with m.Elif(self.is_byte & (length <= self.length_max)):
            m.d.sync += length.eq(length + 1)
