"""What goes into a simulated stream and what comes out, the same for every simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.errors import InvalidDataError, InvalidRecipeError

Payloads = NDArray[np.uint64]
"""uint64[n, n_words]: bit ``b % 64`` of word ``b // 64`` is payload bit ``b``."""

IDLE_LIMIT_CYCLES = 10_000
"""Clocks without a transfer after which a stream counts as hung."""


@dataclass(frozen=True, slots=True)
class StreamRun:
    """Hold what a design answered and how long it took.

    Parameters
    ----------
    payloads : uint64[n_answers, n_words]
        In the order in which they came; bit 0 of word 0 is payload bit 0.
    cycles : int
        Clocks from the end of reset to the last answer.
    first_answer_cycle : int
        The clock, counted from the end of reset, in which the first answer was offered; the first
        beat is offered in clock 0 where nothing stalls.
    seconds : float
        Wall time of the simulation alone.
    """

    payloads: Payloads
    cycles: int
    first_answer_cycle: int
    seconds: float

    @property
    def answers(self) -> NDArray[np.int64]:
        """The payloads as numbers, where one word holds them."""
        (column,) = self.payloads.T
        numbers: NDArray[np.int64] = column.astype(np.int64)
        return numbers


def number_payloads(numbers: NDArray[np.int64]) -> Payloads:
    """Give numbers as payloads of one word.

    Parameters
    ----------
    numbers : int64[n]
        Not negative.

    Returns
    -------
    uint64[n, 1]
    """
    return numbers.astype(np.uint64)[:, None]


def image_beats(
    encoder: ir.ThermometerEncoder, images: NDArray[np.uint8], batch: int = 8192
) -> NDArray[np.uint8]:
    """Encode images into beats for a pipeline, one a beat.

    Parameters
    ----------
    encoder : ir.ThermometerEncoder
    images : uint8[n, height, width]
    batch : int
        Images at a time; bounds the memory.

    Returns
    -------
    uint8[n, ceil(n_bits / 8)]
        Bit ``b % 8`` of byte ``b // 8`` is encoder bit ``b``.
    """
    parts = [np.empty((0, -(-encoder.n_bits // 8)), dtype=np.uint8)]
    for start in range(0, len(images), batch):
        bits = encoder.encode(images[start : start + batch])
        parts.append(np.packbits(bits, axis=1, bitorder="little"))
    return np.concatenate(parts)


def pixel_beats(
    encoder: ir.ThermometerEncoder, images: NDArray[np.uint8], pixels_per_beat: int
) -> NDArray[np.uint8]:
    """Cut images into beats for a top: row-major, each row padded with zeros to whole beats.

    Parameters
    ----------
    encoder : ir.ThermometerEncoder
    images : uint8[n, height, width]
    pixels_per_beat : int

    Returns
    -------
    uint8[n * height * ceil(width / pixels_per_beat), pixels_per_beat]
        Byte ``p`` is the beat's pixel ``p``, the leftmost first.
    """
    padding = -encoder.width % pixels_per_beat
    padded = np.pad(images, ((0, 0), (0, 0), (0, padding)))
    return padded.reshape(-1, pixels_per_beat)


def require_stall_probability(value: float) -> float:
    """Check a stall probability and return it.

    Parameters
    ----------
    value : float

    Raises
    ------
    InvalidRecipeError
        If it is not in [0, 1).
    """
    if not 0.0 <= value < 1.0:
        raise InvalidRecipeError(
            f"simulation, stall_probability: must be 0 to below 1, not {value!r}; lower it"
        )
    return value


def require_images(
    network: ir.Network,
    images: NDArray[np.uint8],
    expected: NDArray[np.int64] | None,
    labels: NDArray[np.integer] | None,
) -> NDArray[np.int64]:
    """Check that images, expected answers and labels fit, and give the expected answers.

    Parameters
    ----------
    network : ir.Network
    images : uint8[n, height, width]
    expected : int64[n] or None
        ``None`` asks the interpreter.
    labels : integers[n] or None

    Returns
    -------
    int64[n]

    Raises
    ------
    InvalidDataError
        If they do not fit.
    """
    shape = (network.encoder.height, network.encoder.width)
    if images.ndim != 3 or images.shape[1:] != shape or images.dtype != np.uint8 or not len(images):
        raise InvalidDataError(
            f"simulation: images must be uint8[n, {shape[0]}, {shape[1]}] with n at least 1, not "
            f"{images.dtype}{list(images.shape)}; give images of the model's size"
        )
    for name, values in (("expected", expected), ("labels", labels)):
        if values is not None and values.shape != (len(images),):
            raise InvalidDataError(
                f"simulation: {name} must have one class for each of {len(images)} images, not "
                f"shape {list(values.shape)}; give as many"
            )
    return ir.classify(network, images) if expected is None else expected
