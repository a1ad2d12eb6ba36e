"""Pixels in, encoded images out: thermometer comparators, a row of shift registers, a capture.

Every beat's pixels are compared with the thresholds as they come, and the bits shift through one
row.  While a row comes in, its own token lets its capture flip-flops follow the shift register, so
that after the row's last beat they hold it.  Only bits that the network uses have flip-flops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.stage import Block
from lutloom_hw.wide import join

_NEVER = Const(0, 1)


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
        rows_per_rank: int | None = None,
    ) -> None:
        self.rows_per_rank = min(rows_per_rank or encoder.height, encoder.height)
        self.n_ranks = -(-encoder.height // self.rows_per_rank)
        self.latency_cycles = 2 if self.n_ranks == 1 else 5 + self.n_ranks
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
        height = self.encoder.height
        row_done, taken = Signal(), Signal()
        in_rank, in_row = self._place(m, row_done, taken)
        accepted, row_accepted = Signal(), Signal()
        _, ends_row = self._cycle(m, self.beats_per_row, accepted, "beat")
        is_first_row, is_last_row = self._cycle(m, height, row_accepted, "row")
        waits = Signal()  # for an image to be taken
        m.d.comb += [
            taken.eq(self.o.valid & self.o.ready),
            row_done.eq(self._delay(m, row_accepted, 1 + self._early, "ended")),
            # The last beat of a first row would let its row overwrite the image before.
            self.i.ready.eq(~(ends_row & is_first_row & waits)),
            accepted.eq(self.i.valid & self.i.ready),
            row_accepted.eq(accepted & ends_row),
            self.o.valid.eq(self._settle(m, in_rank[-1])),
        ]
        ends_image = (accepted if height == 1 else self.i.valid) & ends_row & is_last_row
        m.d.sync += waits.eq(ends_image | (waits & ~taken))

        columns = self._shift(m, accepted)
        m.d.comb += self.o.payload.eq(self._capture(m, columns, in_rank, in_row))

    def _place(self, m: Module, row_done: Value, taken: Value) -> tuple[Value, Value]:
        """Tell which rank captures rows (behind the last: an image waits), and which of its rows.

        One bit of each is high, so that nothing has to be decoded.
        """
        height, n_rows = self.encoder.height, self.rows_per_rank
        if self.n_ranks == 1:
            place = _ring(m, height + 1, row_done | taken, "place")
            return Cat(Const(1, 1), place[height]), place[:height]
        rows_last = height - (self.n_ranks - 1) * n_rows
        rank_moves = Signal()
        in_rank = _ring(m, self.n_ranks + 1, rank_moves, "in_rank")
        starts_over = taken if rows_last < n_rows else _NEVER  # no row ends while an image waits
        in_row = _ring(m, n_rows, row_done, "in_row", starts_over)
        ends_rank = in_row[n_rows - 1]
        if rows_last < n_rows:
            ends_rank |= in_rank[self.n_ranks - 1] & in_row[rows_last - 1]
        m.d.comb += rank_moves.eq((row_done & ends_rank) | taken)
        return in_rank, in_row

    @property
    def _early(self) -> int:
        """Ranks of registers between the comparators and the shift registers."""
        return 3 if self.n_ranks > 1 else 0

    def _cycle(self, m: Module, n: int, step: Value, name: str) -> tuple[Value, Value]:
        """Count steps modulo ``n``; tell the first and the last by registers."""
        if n == 1:
            return Const(1, 1), Const(1, 1)
        if self._early:
            ring = _ring(m, n, step, name)  # bigger than a counter, but nothing is decoded
            return ring[0], ring[n - 1]
        count = Signal(range(n), name=name)
        later, last = Signal(name=f"{name}_later"), Signal(name=f"{name}_last")
        with m.If(step):
            m.d.sync += [
                count.eq(Mux(last, 0, count + 1)),
                later.eq(~last),
                last.eq(count == n - 2),
            ]
        return ~later, last

    @staticmethod
    def _delay(m: Module, signal: Value, clocks: int, name: str) -> Value:
        for k in range(clocks):
            delayed = Signal(name=f"{name}{k}")
            m.d.sync += delayed.eq(signal)
            signal = delayed
        return signal

    def _settle(self, m: Module, waits: Value) -> Value:
        """Wait until the last rank has captured its rows."""
        settled = waits
        for rank in range(self.n_ranks if self.n_ranks > 1 else 0):
            delayed = Signal(name=f"settles{rank}")
            m.d.sync += delayed.eq(settled & ~(self.o.valid & self.o.ready))
            settled = delayed
        return settled

    def _shift(self, m: Module, accepted: Value) -> dict[tuple[int, int], Value]:
        """Shift comparator bits through one row; give the bits of (column, threshold) in use."""
        n_thresholds = self.encoder.n_thresholds
        columns: dict[tuple[int, int], Value] = {}
        used = {
            (int(bit) // n_thresholds % self.encoder.width, int(bit) % n_thresholds)
            for bit in self.used_bits
        }
        accepted = self._delay(m, accepted, self._early, "shifts")
        for lane in range(self.pixels_per_beat):
            pixel: Value = self.i.payload.word_select(lane, 8)
            if self._early:
                raw = Signal(8, name=f"lane{lane}", reset_less=True)
                m.d.sync += raw.eq(pixel)
                pixel = raw
            for t, threshold in enumerate(self.encoder.thresholds.tolist()):
                taps = {  # how many beats ago the column passed, when the row is whole
                    self.beats_per_row - 1 - column // self.pixels_per_beat: column
                    for column, level in used
                    if level == t and column % self.pixels_per_beat == lane
                }
                if not taps:
                    continue
                bit = self._compare(m, pixel, threshold, f"lane{lane}_level{t}")
                shift = Signal(max(taps) + 1, name=f"lane{lane}_level{t}", reset_less=True)
                with m.If(accepted):
                    m.d.sync += shift.eq(Cat(bit, shift))
                columns |= {(column, t): shift[age] for age, column in taps.items()}
        return columns

    def _compare(self, m: Module, pixel: Value, threshold: int, name: str) -> Value:
        """Compare with a threshold; where there are ranks, halves of the bits in one of them."""
        if not self._early:
            return at_least(pixel, threshold)
        upper, lower = threshold >> 4, threshold & 15
        halves, compared = (
            Signal(3, name=f"{name}_halves", reset_less=True),
            Signal(name=f"{name}_compared", reset_less=True),
        )
        decided = lower == 0 or upper == 15  # by the upper half alone, or never
        above = Const(0, 1) if decided else at_least(pixel[4:], upper + 1)
        m.d.sync += [
            halves.eq(Cat(above, at_least(pixel[4:], upper), at_least(pixel[:4], lower))),
            compared.eq(halves[0] | (halves[1] & halves[2])),
        ]
        return compared

    def _capture(
        self, m: Module, columns: dict[tuple[int, int], Value], in_rank: Value, in_row: Value
    ) -> Value:
        n_thresholds, width = self.encoder.n_thresholds, self.encoder.width
        image: list[Value] = [Const(0, 1)] * self.encoder.n_bits
        by_row = self.used_bits // (n_thresholds * width)
        for rank in range(self.n_ranks):
            first = rank * self.rows_per_rank
            follows = Cat(in_rank[0] & in_row[k] for k in range(self.rows_per_rank))
            if self.n_ranks > 1:
                columns, in_rank, in_row, follows = self._pass_on(
                    m, columns, in_rank[1:], in_row, follows, rank
                )
            for row in range(first, min(first + self.rows_per_rank, self.encoder.height)):
                bits = self.used_bits[by_row == row].tolist()
                if not bits:
                    continue
                captured = Signal(len(bits), name=f"row{row}", reset_less=True)
                taps = [columns[bit // n_thresholds % width, bit % n_thresholds] for bit in bits]
                with m.If(follows[row - first]):
                    m.d.sync += captured.eq(Cat(taps))
                for k, bit in enumerate(bits):
                    image[bit] = captured[k]
        return join(m, image)

    def _pass_on(
        self,
        m: Module,
        columns: dict[tuple[int, int], Value],
        in_rank: Value,
        in_row: Value,
        follows: Value,
        rank: int,
    ) -> tuple[dict[tuple[int, int], Value], Value, Value, Value]:
        """Give a rank what the rank before has, a clock later."""
        bits = Signal(len(columns), name=f"rank{rank}_bits", reset_less=True)
        m.d.sync += bits.eq(Cat(columns.values()))
        delayed = []
        for name, value in (("in_rank", in_rank), ("in_row", in_row), ("follows", follows)):
            delayed.append(Signal(len(value), name=f"rank{rank}_{name}", reset_less=True))
            m.d.sync += delayed[-1].eq(value)
        later = {key: bits[k] for k, key in enumerate(columns)}
        return later, delayed[0], delayed[1], delayed[2]


def _ring(m: Module, n: int, step: Value, name: str, starts_over: Value = _NEVER) -> Value:
    """Let one high bit of ``n`` go round; it is kept inverted in bit 0, so that all start at 0."""
    if n == 1:
        return Const(1, 1)
    stored = Signal(n, name=name)
    ring = Cat(~stored[0], stored[1:])
    with m.If(starts_over):
        m.d.sync += stored.eq(0)
    with m.Elif(step):
        m.d.sync += stored.eq(ring.rotate_left(1) ^ 1)
    return ring


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
