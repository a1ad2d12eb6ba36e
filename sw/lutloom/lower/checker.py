"""Compare the answers of a network before and after a pass, on given and on random images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError, MismatchError
from lutloom.ir import (
    Network,
    ThermometerEncoder,
    evaluate_layers,
    pack_images,
    unpack_images,
    vote_scores,
)

_BATCH_BITS = 1 << 27
"""Bits of one step's signals; bounds the memory."""
_KEPT_BITS = 1 << 32
"""Encoded bits that are kept between passes; more are encoded again for each."""


def check_images(encoder: ThermometerEncoder, images: NDArray[np.uint8]) -> None:
    """Check that images are what an encoder takes.

    Parameters
    ----------
    encoder : ThermometerEncoder
    images : uint8[n, height, width]

    Raises
    ------
    InvalidDataError
        If the images are of another type or size.
    """
    wanted = (encoder.height, encoder.width)
    if images.dtype != np.uint8 or images.shape[1:] != wanted:
        raise InvalidDataError(
            f"images: must be uint8 of {wanted[0]}x{wanted[1]} pixels, not {images.dtype} of "
            f"shape {images.shape[1:]}; give images of the model's size"
        )


def random_images(encoder: ThermometerEncoder, count: int, seed: int) -> NDArray[np.uint8]:
    """Draw images in which every grey level the encoder tells apart is equally likely.

    Parameters
    ----------
    encoder : ThermometerEncoder
    count : int
    seed : int

    Returns
    -------
    uint8[count, height, width]
    """
    levels = np.concatenate([[0], encoder.thresholds]).astype(np.uint8)
    return np.random.default_rng(seed).choice(levels, size=(count, encoder.height, encoder.width))


def compare_scores(
    name: str, kind: str, before: NDArray[np.int32], after: NDArray[np.int32]
) -> None:
    """Check that a pass moved all scores by one number, if at all, so that no class changes.

    Parameters
    ----------
    name : str
        The pass.
    kind : str
        What the images are called in the message.
    before, after : int32[n, n_classes]

    Raises
    ------
    MismatchError
        Naming the pass and the first image that differs.
    """
    moved = after - before
    wrong = np.flatnonzero((moved != moved[:1, :1]).any(axis=1))
    if wrong.size:
        at = int(wrong[0])
        raise MismatchError(
            f"pass {name}: {kind} {at} must keep class {before[at].argmax()} and scores "
            f"{before[at].tolist()}, not give class {after[at].argmax()} and scores "
            f"{after[at].tolist()} ({wrong.size} of {len(before)} differ); "
            "report this as a bug of Lutloom and keep the model file"
        )


class _Sample:
    """Hold images, encoded once, and the scores the reference gives them."""

    def __init__(self, kind: str, images: NDArray[np.uint8], reference: Network) -> None:
        self.kind = kind
        self._images = images
        self._encoder = reference.encoder
        widest = max([reference.encoder.n_bits, *(la.n_neurons for la in reference.layers)])
        self._batch = max(64, _BATCH_BITS // widest // 64 * 64)
        self._kept: list[tuple[NDArray[np.uint64], int]] | None = None
        if len(images) * reference.encoder.n_bits <= _KEPT_BITS:
            self._kept = list(self._encode())
        self.reference_scores = self.scores(reference)

    def _encode(self) -> Iterator[tuple[NDArray[np.uint64], int]]:
        for start in range(0, len(self._images), self._batch):
            some = self._images[start : start + self._batch]
            yield pack_images(self._encoder.encode(some)), len(some)

    def scores(self, network: Network) -> NDArray[np.int32]:
        """Score the images, ``int32[n, n_classes]``."""
        parts = [np.empty((0, network.n_classes), dtype=np.int32)]
        for words, count in self._encode() if self._kept is None else self._kept:
            last = evaluate_layers(network, words)[-1] if network.layers else words
            parts.append(vote_scores(network.head, unpack_images(last, count)))
        return np.concatenate(parts)


class AnswerChecker:
    """Remember a reference's scores and hold other networks against them.

    Parameters
    ----------
    reference : Network
    images : uint8[n, height, width]
    n_random : int
        Random images beside them.
    seed : int
    """

    def __init__(
        self, reference: Network, images: NDArray[np.uint8], n_random: int, seed: int
    ) -> None:
        drawn = random_images(reference.encoder, n_random, seed)
        self._samples = (
            _Sample("image", images, reference),
            _Sample("random image", drawn, reference),
        )

    def check(self, name: str, network: Network) -> None:
        """Check that every class is the reference's.

        Parameters
        ----------
        name : str
            The pass that made the network.
        network : Network

        Raises
        ------
        MismatchError
            Naming the pass and the first image that differs.
        """
        for sample in self._samples:
            after = sample.scores(network)
            compare_scores(name, sample.kind, sample.reference_scores, after)
