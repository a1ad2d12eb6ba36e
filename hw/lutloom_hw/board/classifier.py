"""The design that classifies images from a serial line: everything but clock, reset and pads."""

from __future__ import annotations

from typing import Protocol

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect

from lutloom import ir
from lutloom_hw.board.frame_buffer import FrameBuffer
from lutloom_hw.board.link import Identity, Link
from lutloom_hw.board.protocol import BAUD, Design, Kind
from lutloom_hw.stage import Block, bits_for

_HEADER_BYTES = 2
_CLOCKS_BITS = 24


class Classifier(Protocol):
    """Be anything that takes a pixel a beat and answers with classes."""

    i: stream.Interface
    o: stream.Interface
    network: ir.Network


class ClassifierBoard(Block):
    """Classify the images that come over the serial line.

    Parameters
    ----------
    classifier : Classifier
        With one pixel a beat.
    clock_hz : int
        Of the design's clock; a multiple of the baud rate, four times it or more.

    Members
    -------
    rx, tx : In(1), Out(1)
        The serial line, of :data:`~lutloom_hw.board.protocol.BAUD`.
    digit, shows : Out(class width), Out(1)
        The last class, for lights, and whether there is one.

    Latency: an image's bytes on the line, then ``2 * n_pixels`` clocks, the classifier's, and the
    answer's bytes.
    Throughput: the line's.
    """

    rx: Signal
    tx: Signal
    digit: Signal
    shows: Signal

    def __init__(self, classifier: Classifier, *, clock_hz: int) -> None:
        network = classifier.network
        self.classifier = classifier
        self.n_pixels = network.encoder.n_pixels
        identity = Identity(
            design=Design.CLASSIFIER,
            model=int(ir.network_digest(network)[:8], 16),
            height=network.encoder.height,
            width=network.encoder.width,
            n_classes=network.n_classes,
            lanes=1,
            clock_hz=clock_hz,
        )
        self.link = Link(
            identity,
            request=Kind.CLASSIFY,
            request_bytes=_HEADER_BYTES + self.n_pixels,
            answer=Kind.CLASS,
            answer_bytes=2 + _CLOCKS_BITS // 8,
            clocks_per_bit=clock_hz // BAUD,
        )
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1),
                "digit": Out(bits_for(network.n_classes - 1)),
                "shows": Out(1),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.link = link = self.link
        m.submodules.frame_buffer = buffer = FrameBuffer(self.n_pixels)
        m.submodules.classifier = classifier = self.classifier
        connect(m, buffer.o, classifier.i)
        sequence, answers_to = Signal(8), Signal(8)
        waits, clocks = Signal(), Signal(_CLOCKS_BITS)
        is_pixel = link.is_byte & (link.index >= _HEADER_BYTES)
        m.d.comb += [
            link.rx.eq(self.rx),
            self.tx.eq(link.tx),
            link.busy.eq(waits),
            link.spoils.eq(is_pixel & ~buffer.free),
            buffer.write.eq(is_pixel),
            buffer.address.eq(link.index - _HEADER_BYTES),
            buffer.pixel.eq(link.byte),
            buffer.start.eq(link.requested),
            classifier.o.ready.eq(1),
            link.answer.eq(Cat(clocks, _as_byte(self.digit), answers_to)),
        ]
        with m.If(link.is_byte & (link.index == 1)):
            m.d.sync += sequence.eq(link.byte)
        m.d.sync += link.answered.eq(classifier.o.valid)
        with m.If(link.requested):
            m.d.sync += [waits.eq(1), answers_to.eq(sequence)]
        with m.Elif(classifier.o.valid):
            m.d.sync += [
                waits.eq(0),
                self.digit.eq(classifier.o.payload),
                self.shows.eq(1),
            ]
        with m.If(buffer.streams):
            m.d.sync += clocks.eq(1)
        with m.Elif(waits & ~classifier.o.valid):
            m.d.sync += clocks.eq(Mux(clocks.all(), clocks, clocks + 1))


def _as_byte(value: Value) -> Value:
    return Cat(value, Const(0, 8 - len(value)))
