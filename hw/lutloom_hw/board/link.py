"""A board's end of the serial link: requests in, answers out.

What a design does with a request is the design's; the link finds the requests, refuses what it
does not know, and says what the design is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out, connect

from lutloom_hw.board.frame_receiver import FrameReceiver
from lutloom_hw.board.frame_sender import FrameSender
from lutloom_hw.board.protocol import CRC_BYTES, VERSION, Design, Kind, Refusal
from lutloom_hw.board.uart import UartReceiver, UartTransmitter
from lutloom_hw.stage import Block, bits_for


@dataclass(frozen=True, slots=True)
class Identity:
    """Say what a board runs.

    Parameters
    ----------
    design : Design
    model : int
        The first 32 bits of the network's SHA-256.
    height, width : int
        Of an image.
    n_classes : int
    lanes : int
        Pipelines beside each other.
    clock_hz : int
        Of the design.
    """

    design: Design
    model: int
    height: int
    width: int
    n_classes: int
    lanes: int
    clock_hz: int

    def contents(self) -> bytes:
        """Give the contents of the frame that answers ``IDENTIFY``."""
        fields = (
            (Kind.IDENTITY, 1), (VERSION, 1), (self.design, 1), (self.model, 4), (self.height, 1),
            (self.width, 1), (self.n_classes, 1), (self.lanes, 1), (self.clock_hz, 4),
        )  # fmt: skip
        return b"".join(int(value).to_bytes(size, "big") for value, size in fields)


class Link(Block):
    """Receive one kind of request, beside ``IDENTIFY``, and send the answers.

    Parameters
    ----------
    identity : Identity
    request : Kind
        What the design does.
    request_bytes : int
        Of the request's contents, the kind included.
    answer : Kind
    answer_bytes : int
        Of the answer's contents, the kind not included.
    clocks_per_bit : int
        Of the serial line.

    Members
    -------
    rx : In(1)
    tx : Out(1)
    byte, is_byte, index : Out
        A byte of a request of the design's kind, its place in the frame at least 1; not to be
        trusted before ``requested``.
    requested : Out(1)
        A whole request has come; what it says are the bytes since the one of index 1.
    spoils : In(1)
        The design has no place for this byte: the request it belongs to is refused as ``BUSY``.
    busy : In(1)
        So is a request that ends now.
    answered : In(1)
        ``answer`` is one; it is sent after what is being sent, and the last one counts.
    answer : In(8 * answer_bytes)
        The first byte in the highest bits; must stay until the next.

    Latency, throughput: of the serial line.
    """

    rx: Signal
    tx: Signal
    byte: Signal
    is_byte: Signal
    index: Signal
    requested: Signal
    spoils: Signal
    busy: Signal
    answered: Signal
    answer: Signal

    def __init__(
        self,
        identity: Identity,
        *,
        request: Kind,
        request_bytes: int,
        answer: Kind,
        answer_bytes: int,
        clocks_per_bit: int,
    ) -> None:
        self.identity = identity
        self.request, self.request_bytes = request, request_bytes
        self.answer_kind, self.answer_bytes = answer, answer_bytes
        self.clocks_per_bit = clocks_per_bit
        length_max = request_bytes + CRC_BYTES
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1),
                "byte": Out(8),
                "is_byte": Out(1),
                "index": Out(bits_for(length_max + 1)),
                "requested": Out(1),
                "spoils": In(1),
                "busy": In(1),
                "answered": In(1),
                "answer": In(8 * answer_bytes),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.receiver = receiver = UartReceiver(self.clocks_per_bit)
        m.submodules.frames = frames = FrameReceiver(self.request_bytes + CRC_BYTES)
        connect(m, receiver.o, frames.i)
        m.d.comb += receiver.rx.eq(self.rx)
        refusal, identifies = self._judge(m, frames)
        self._answer(m, refusal, identifies)

    def _judge(self, m: Module, frames: FrameReceiver) -> tuple[Value, Value]:
        """Tell requests; give the reason to refuse one (0: none) and whether it is ``IDENTIFY``."""
        kind, spoilt = Signal(8), Signal()
        refusal, identifies = Signal(3), Signal()
        ours = kind == self.request
        m.d.comb += [
            self.byte.eq(frames.byte),
            self.index.eq(frames.index),
            self.is_byte.eq(frames.is_byte & ours & (frames.index != 0)),
        ]
        with m.If(frames.is_byte & (frames.index == 0)):
            m.d.sync += [kind.eq(frames.byte), spoilt.eq(0)]
        with m.If(self.is_byte & self.spoils):
            m.d.sync += spoilt.eq(1)
        with m.If(frames.ended):
            with m.If(~frames.intact):
                m.d.comb += refusal.eq(Refusal.DAMAGED)
            with m.Elif(ours):
                with m.If(frames.index != self.request_bytes + CRC_BYTES):
                    m.d.comb += refusal.eq(Refusal.LENGTH)
                with m.Elif(spoilt | self.busy):
                    m.d.comb += refusal.eq(Refusal.BUSY)
                with m.Else():
                    m.d.comb += self.requested.eq(1)
            with m.Elif(kind == Kind.IDENTIFY):
                with m.If(frames.index != 1 + CRC_BYTES):
                    m.d.comb += refusal.eq(Refusal.LENGTH)
                with m.Else():
                    m.d.comb += identifies.eq(1)
            with m.Else():
                m.d.comb += refusal.eq(Refusal.UNKNOWN)
        return refusal, identifies

    def _answer(self, m: Module, refusal: Value, identifies: Value) -> None:
        """Send what is to be sent, one frame after the other: the answer before all else."""
        m.submodules.sender = sender = FrameSender()
        m.submodules.transmitter = transmitter = UartTransmitter(self.clocks_per_bit)
        connect(m, sender.o, transmitter.i)
        m.d.comb += self.tx.eq(transmitter.tx)
        waiting = Signal(3)
        reason = Signal(3)
        contents: Sequence[Sequence[int | Value]] = (
            (self.answer_kind, *(self.answer.word_select(k, 8) for k in _down(self.answer_bytes))),
            tuple(self.identity.contents()),
            (Kind.REFUSAL, reason),
        )
        sends, sending, at = Signal(), Signal(2), Signal(range(max(map(len, contents))))
        last = Array(len(some) - 1 for some in contents)[sending]
        m.d.comb += [
            sender.i.valid.eq(sends),
            sender.i.payload.byte.eq(Array(_byte(some, at) for some in contents)[sending]),
            sender.i.payload.last.eq(at == last),
        ]
        done = Signal(3)
        with m.If(~sends):
            m.d.sync += [
                sends.eq(waiting.any()),
                sending.eq(Mux(waiting[0], 0, Mux(waiting[1], 1, 2))),
                at.eq(0),
            ]
        with m.Elif(sender.i.ready):
            m.d.sync += at.eq(at + 1)
            with m.If(sender.i.payload.last):
                m.d.sync += sends.eq(0)
                m.d.comb += done.eq(Cat(sending == k for k in range(len(contents))))
        m.d.sync += waiting.eq(waiting & ~done | Cat(self.answered, identifies, refusal.any()))
        with m.If(refusal.any()):
            m.d.sync += reason.eq(refusal)


def _down(n: int) -> Sequence[int]:
    return range(n - 1, -1, -1)


def _byte(contents: Sequence[int | Value], at: Value) -> Value:
    return Array(Const(some, 8) if isinstance(some, int) else some for some in contents)[at]
