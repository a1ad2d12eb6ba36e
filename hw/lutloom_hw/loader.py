"""Pixels in, encoded images out: thermometer comparators, a row of shift registers, a capture.

Every beat's pixels are compared with the thresholds as they come, and the bits shift through one
row.  While a row comes in, its own token lets its capture flip-flops follow the shift register, so
that after the row's last beat they hold it.  Only bits that the network uses have flip-flops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.stage import Block
from lutloom_hw.wide import join


class ImageLoader(Block):
    """Collect an image from a stream of pixels and encode it.

    Parameters
    ----------
    encoder : ir.ThermometerEncoder
    used_bits : int32[n_used]
        The bits of an encoded image that anything reads.
    pixels_per_beat : int
        1 to 8.

    Members
    -------
    i : In(stream.Signature(8 * pixels_per_beat))
        Pixels, row by row; the leftmost pixel of a beat in the least significant byte.  Each row
        is padded at its end to whole beats; the padding's value does not matter.
    o : Out(stream.Signature(encoder.n_bits))
        Encoded images; bits that are not used are 0.

    Attributes
    ----------
    beats_per_row, beats_per_image : int

    Latency: ``latency_cycles`` clocks from an image's last beat to ``o.valid``.
    Throughput: one beat a clock.  A beat is held back only where it would overwrite an image that
    has not been taken: the last beat of a first row (with fewer than three beats a row that costs
    up to two clocks an image).
    """

    i: stream.Interface
    o: stream.Interface

    latency_cycles = 2

    def __init__(
        self,
        encoder: ir.ThermometerEncoder,
        used_bits: NDArray[np.int32],
        *,
        pixels_per_beat: int = 4,
    ) -> None:
        self.encoder = encoder
        self.used_bits = np.unique(used_bits)
        self.pixels_per_beat = pixels_per_beat
        self.beats_per_row = -(-encoder.width // pixels_per_beat)
        self.beats_per_image = self.beats_per_row * encoder.height
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(8 * pixels_per_beat))),
                "o": Out(stream.Signature(unsigned(encoder.n_bits))),
            }
        )

    def model(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Encode images with numpy, unused bits 0.

        Parameters
        ----------
        inputs : uint8[n, height, width]

        Returns
        -------
        uint8[n, encoder.n_bits]
        """
        bits = np.zeros((len(inputs), self.encoder.n_bits), dtype=np.uint8)
        bits[:, self.used_bits] = self.encoder.encode(inputs)[:, self.used_bits]
        return bits

    def beats(self, images: NDArray[np.uint8]) -> NDArray[np.uint64]:
        """Cut images into beats, padded with zeros.

        Parameters
        ----------
        images : uint8[n, height, width]

        Returns
        -------
        uint64[n * beats_per_image]
        """
        n, height, width = images.shape
        lanes = self.pixels_per_beat
        padded = np.zeros((n, height, self.beats_per_row * lanes), dtype=np.uint64)
        padded[:, :, :width] = images
        shifts = 8 * np.arange(lanes, dtype=np.uint64)
        words = padded.reshape(-1, lanes) << shifts
        beats: NDArray[np.uint64] = np.bitwise_or.reduce(words, axis=1)
        return beats

    def _build(self, m: Module) -> None:
        height, last_beat = self.encoder.height, self.beats_per_row - 1
        # Token positions 0..height-1: that row is being captured; height: an image waits.
        token = Signal(height + 1, init=1)
        beat = Signal(range(self.beats_per_row))
        ends_row = Signal()
        row_done = Signal()  # the shift register holds a whole row
        accepted = Signal()
        about_to_wait = token[height] | (token[height - 1] & row_done)
        m.d.comb += [
            ends_row.eq(beat == last_beat),
            self.i.ready.eq(~(ends_row & about_to_wait)),
            accepted.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(token[height]),
        ]
        m.d.sync += row_done.eq(accepted & ends_row)
        with m.If(accepted):
            m.d.sync += beat.eq(beat + 1)
            with m.If(ends_row):
                m.d.sync += beat.eq(0)
        with m.If(row_done | (self.o.valid & self.o.ready)):
            m.d.sync += token.eq(token.rotate_left(1))

        columns = self._shift(m, accepted)
        m.d.comb += self.o.payload.eq(self._capture(m, columns, token))

    def _shift(self, m: Module, accepted: Value) -> dict[tuple[int, int], Value]:
        """Shift comparator bits through one row; give the bits of (column, threshold) in use."""
        n_thresholds = self.encoder.n_thresholds
        columns: dict[tuple[int, int], Value] = {}
        used = {
            (int(bit) // n_thresholds % self.encoder.width, int(bit) % n_thresholds)
            for bit in self.used_bits
        }
        for lane in range(self.pixels_per_beat):
            pixel = self.i.payload.word_select(lane, 8)
            for t, threshold in enumerate(self.encoder.thresholds.tolist()):
                taps = {  # how many beats ago the column passed, when the row is whole
                    self.beats_per_row - 1 - column // self.pixels_per_beat: column
                    for column, level in used
                    if level == t and column % self.pixels_per_beat == lane
                }
                if not taps:
                    continue
                shift = Signal(max(taps) + 1, name=f"lane{lane}_level{t}", reset_less=True)
                with m.If(accepted):
                    m.d.sync += shift.eq(Cat(at_least(pixel, threshold), shift))
                columns |= {(column, t): shift[age] for age, column in taps.items()}
        return columns

    def _capture(self, m: Module, columns: dict[tuple[int, int], Value], token: Value) -> Value:
        n_thresholds, width = self.encoder.n_thresholds, self.encoder.width
        image: list[Value] = [Const(0, 1)] * self.encoder.n_bits
        by_row = self.used_bits // (n_thresholds * width)
        for row in range(self.encoder.height):
            bits = self.used_bits[by_row == row].tolist()
            if not bits:
                continue
            captured = Signal(len(bits), name=f"row{row}", reset_less=True)
            taps = [columns[bit // n_thresholds % width, bit % n_thresholds] for bit in bits]
            with m.If(token[row]):
                m.d.sync += captured.eq(Cat(taps))
            for k, bit in enumerate(bits):
                image[bit] = captured[k]
        return join(m, image)


def at_least(value: Value, threshold: int) -> Value:
    """Compare an unsigned value with a constant in one and or or for each bit.

    Parameters
    ----------
    value : Value
        Unsigned.
    threshold : int
        0 to ``2**len(value) - 1``.

    Returns
    -------
    Value
        One bit: ``value >= threshold``.
    """
    result: Any = Const(1, 1)
    for k, bit in enumerate(value):
        result = bit & result if threshold >> k & 1 else bit | result
    return result
