"""Back-pressure without a clock enable: an image enters only if its answer will have a place."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from lutloom_hw.stage import Block

_QUEUE_LATENCY_CYCLES = 2
_REGISTER_LATENCY_CYCLES = 1


class CreditGate(Block):
    """Count answers in flight and queue those that wait.

    A credit is taken when an image enters and given back when its answer leaves, so the queue
    never overflows however long ``o.ready`` stays low, and the stages between need not stop.

    Parameters
    ----------
    width : int
        Bits of an answer.
    stages_latency_cycles : int
        Clocks the stages between take.
    images_in_flight : int or None
        Images in flight at most; ``None`` takes what one image a clock needs.

    Members
    -------
    i_valid, i_ready : In(1), Out(1)
        The handshake of the image stream; the payload goes straight to the first stage.
    accepted : Out(1)
        An image enters now.
    answer : In(stream.Signature(width, always_ready=True))
        From the last stage.
    o : Out(stream.Signature(width))
        Answers out.

    Latency: ``latency_cycles`` is that of the stages and the queue together.
    Throughput: one image a clock with the default credits.
    """

    i_valid: Signal
    i_ready: Signal
    accepted: Signal
    answer: stream.Interface
    o: stream.Interface

    def __init__(
        self, *, width: int, stages_latency_cycles: int, images_in_flight: int | None = None
    ) -> None:
        through = stages_latency_cycles + _QUEUE_LATENCY_CYCLES
        self.images_in_flight = through + 1 if images_in_flight is None else images_in_flight
        queued = self.images_in_flight > 1
        self.latency_cycles = stages_latency_cycles + (
            _QUEUE_LATENCY_CYCLES if queued else _REGISTER_LATENCY_CYCLES
        )
        self._width = width
        super().__init__(
            {
                "i_valid": In(1),
                "i_ready": Out(1),
                "accepted": Out(1),
                "answer": In(stream.Signature(unsigned(width), always_ready=True)),
                "o": Out(stream.Signature(unsigned(width))),
            }
        )

    def _build(self, m: Module) -> None:
        if self.images_in_flight == 1:
            self._build_single(m)
            return
        # A buffered queue takes two words in a row only from a depth of three.
        depth = max(3, self.images_in_flight)
        m.submodules.queue = queue = SyncFIFOBuffered(width=self._width, depth=depth)
        # One less than the credits left, so that "none left" is the sign alone.
        spare = Signal(
            signed((self.images_in_flight - 1).bit_length() + 1), init=self.images_in_flight - 1
        )
        gives_back = Signal()
        m.d.comb += [
            self.i_ready.eq(spare >= 0),
            self.accepted.eq(self.i_valid & self.i_ready),
            gives_back.eq(self.o.valid & self.o.ready),
            queue.w_data.eq(self.answer.payload),
            queue.w_en.eq(self.answer.valid),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        with m.If(self.accepted & ~gives_back):
            m.d.sync += spare.eq(spare - 1)
        with m.Elif(~self.accepted & gives_back):
            m.d.sync += spare.eq(spare + 1)

    def _build_single(self, m: Module) -> None:
        """Be one register where one image is inside at a time."""
        busy = Signal()
        m.d.comb += [self.i_ready.eq(~busy), self.accepted.eq(self.i_valid & ~busy)]
        with m.If(self.answer.valid):
            m.d.sync += self.o.payload.eq(self.answer.payload)
        m.d.sync += [
            self.o.valid.eq(self.answer.valid | (self.o.valid & ~self.o.ready)),
            busy.eq(Mux(busy, ~(self.o.valid & self.o.ready), self.i_valid)),
        ]
