"""Remove whole layers that hardly matter: every layer less is one clock and all its tables less.

Unlike the passes of :func:`~lutloom.lower.lower` this may change answers, by as much as allowed.

Example
-------
>>> result = eliminate_layers(network, images, labels, accuracy_loss=0.002)  # doctest: +SKIP
>>> result.removed, result.accuracy_before, result.accuracy          # doctest: +SKIP
((7, 3), 0.971, 0.9702)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError, InvalidNetworkError, InvalidRecipeError
from lutloom.ir import (
    UNUSED,
    LutLayer,
    Network,
    VoteHead,
    evaluate_layers,
    pack_images,
    unpack_images,
    verify,
    vote_scores,
)
from lutloom.ir.packed import WORD_BITS
from lutloom.lower.checker import check_images
from lutloom.lower.truth_table import flip, shorten, spread

Signals = NDArray[np.uint64]
"""Bits of all images, ``uint64[n_signals, n_words]``; see :func:`~lutloom.ir.pack_images`."""

_WORDS_AT_ONCE = 128
_ROUNDING = 1e-9
"""Kept out of the number of answers that may be lost: 0.29 of 100 is 29, not 28."""


@dataclass(frozen=True, slots=True, eq=False)
class EliminationResult:
    """Hold the shorter network and what it costs on the images given.

    Parameters
    ----------
    network : Network
        Verified.  Some neurons may be read by none now, or read one signal twice:
        :func:`~lutloom.lower.lower` makes it smaller still.
    removed : tuple of int
        Layers, in the order they went, by their index in the network given.
    accuracies : tuple of float
        Share of right answers after each had gone.
    accuracy_before : float
    images : int
        How many there were.
    """

    network: Network
    removed: tuple[int, ...]
    accuracies: tuple[float, ...]
    accuracy_before: float
    images: int

    @property
    def accuracy(self) -> float:
        """Share of right answers at the end."""
        return self.accuracies[-1] if self.accuracies else self.accuracy_before


def eliminate_layers(
    network: Network,
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    *,
    accuracy_loss: float = 0.001,
    progress: Callable[[float, float, str], None] | None = None,
) -> EliminationResult:
    """Remove layers while answers stay right.

    A neuron of a removed layer is replaced by that one of its inputs, or its complement, that
    agrees with it on most images (the first among equals); the tables that read it absorb the
    complement.  Votes have no tables, so that in the last layer only inputs as they are will do.
    From the back, a layer that costs no right answer goes at once; if none is left, the one that
    costs fewest goes.

    Parameters
    ----------
    network : Network
        Lowered: without constant neurons.
    images : uint8[n, height, width]
        From the training or validation part: layers are chosen on them, so that accuracy on them
        afterwards is no longer held out.
    labels : int[n]
    accuracy_loss : float
        Share of all answers that may become wrong, over all removals together.
    progress : callable, optional
        Told layers removed, layers there were, and the accuracy.

    Returns
    -------
    EliminationResult

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule or has a constant neuron.
    InvalidDataError
        If images and labels do not fit each other or the network.
    InvalidRecipeError
        If ``accuracy_loss`` is no share.
    """
    verify(network)
    _check_no_constants(network)
    _check_labelled(network, images, labels)
    if not 0.0 <= accuracy_loss <= 1.0:
        raise InvalidRecipeError(
            f"layer elimination, accuracy_loss: must be 0..1, not {accuracy_loss}; correct it"
        )
    answers = _Answers(network, images, labels)
    right_before = right = answers.count_right(network, answers.input)
    least = right_before - math.floor(accuracy_loss * len(labels) + _ROUNDING)
    places = list(range(len(network.layers)))
    removed: list[int] = []
    accuracies: list[float] = []
    while places:
        found = _find_layer(network, answers, right)
        if found.right < least:
            break
        network, right = verify(found.network), found.right
        removed.append(places.pop(found.layer))
        accuracies.append(right / len(labels))
        if progress is not None:
            progress(len(removed), len(places) + len(removed), f"accuracy {accuracies[-1]:.4f}")
    return EliminationResult(
        network, tuple(removed), tuple(accuracies), right_before / len(labels), len(labels)
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Hold a removal: which layer, what is left, how many answers are right then."""

    layer: int
    network: Network
    right: int


class _Answers:
    """Hold images, encoded once, and count the right answers of networks."""

    def __init__(
        self, network: Network, images: NDArray[np.uint8], labels: NDArray[np.integer]
    ) -> None:
        self.input: Signals = pack_images(network.encoder.encode(images))
        self._labels = labels
        spare = np.uint64(-len(labels) % WORD_BITS)
        self._real = np.full(self.input.shape[1], ~np.uint64(0))
        self._real[-1] >>= spare

    def count_right(self, network: Network, signals: Signals) -> int:
        """Count right answers of layers that read given signals."""
        last = evaluate_layers(network, signals)[-1] if network.layers else signals
        right = 0
        for start in range(0, last.shape[1], _WORDS_AT_ONCE):
            some = self._labels[start * WORD_BITS : (start + _WORDS_AT_ONCE) * WORD_BITS]
            bits = unpack_images(last[:, start : start + _WORDS_AT_ONCE], len(some))
            right += int((vote_scores(network.head, bits).argmax(axis=1) == some).sum())
        return right

    def count_agreeing(self, first: Signals, second: Signals) -> NDArray[np.int64]:
        """Count for each pair of signals the images on which they are equal, ``int64[n]``."""
        equal = ~(first ^ second) & self._real
        counts: NDArray[np.int64] = np.bitwise_count(equal).sum(axis=1, dtype=np.int64)
        return counts

    def __len__(self) -> int:
        return len(self._labels)


def _find_layer(network: Network, answers: _Answers, right: int) -> _Found:
    """Find the last layer that costs nothing, or the one that costs least."""
    signals = [answers.input, *evaluate_layers(network, answers.input)]
    best: _Found | None = None
    for layer in reversed(range(len(network.layers))):
        shorter = _without_layer(network, layer, signals, answers)
        behind = Network(shorter.encoder, shorter.layers[layer:], shorter.head)
        found = _Found(layer, shorter, answers.count_right(behind, signals[layer]))
        if best is None or found.right > best.right:
            best = found
        if best.right >= right:
            break
    assert best is not None
    return best


def _without_layer(
    network: Network, index: int, signals: list[Signals], answers: _Answers
) -> Network:
    layers, head = list(network.layers), network.head
    is_last = index == len(layers) - 1
    removed = layers.pop(index)
    source, inverted = _nearest_input(
        removed, signals[index], signals[index + 1], answers, may_invert=not is_last
    )
    if is_last:
        head = VoteHead(source[head.source], head.class_index, head.bias)
    else:
        layers[index] = _read_instead(layers[index], source, inverted)
    return Network(network.encoder, tuple(layers), head)


def _nearest_input(
    layer: LutLayer, before: Signals, after: Signals, answers: _Answers, *, may_invert: bool
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Give for each neuron the input nearest to it, and whether its complement is meant."""
    most = np.full(layer.n_neurons, -1, dtype=np.int64)
    nearest = np.zeros(layer.n_neurons, dtype=np.int32)
    inverted = np.zeros(layer.n_neurons, dtype=bool)
    for source in layer.fan_in.T:
        agreeing = answers.count_agreeing(before[source], after)
        for complement in (False, True) if may_invert else (False,):
            count = len(answers) - agreeing if complement else agreeing
            better = (source != UNUSED) & (count > most)
            most[better], nearest[better] = count[better], source[better]
            inverted[better] = complement
    return nearest, inverted


def _read_instead(
    reader: LutLayer, source: NDArray[np.int32], inverted: NDArray[np.bool_]
) -> LutLayer:
    """Let a layer read other signals, some of them as complements."""
    full = spread(reader.table, reader.fan_in_count)
    fan_in = np.where(reader.fan_in == UNUSED, UNUSED, source[reader.fan_in])
    for k, read in enumerate(reader.fan_in.T):
        rows = np.flatnonzero((read != UNUSED) & inverted[read])
        full[rows] = flip(full[rows], k)
    return LutLayer(fan_in, shorten(full, reader.fan_in_count), reader.origin)


def _check_no_constants(network: Network) -> None:
    for index, layer in enumerate(network.layers):
        constant = np.flatnonzero(layer.fan_in_count == 0)
        if constant.size:
            raise InvalidNetworkError(
                f"layer {index + 1}, neuron {constant[0]}: must have an input, but is constant; "
                "lower the network first"
            )


def _check_labelled(
    network: Network, images: NDArray[np.uint8], labels: NDArray[np.integer]
) -> None:
    check_images(network.encoder, images)
    if labels.shape != (len(images),) or not len(images):
        raise InvalidDataError(
            f"labels: must be one for each of at least one image, not {list(labels.shape)} for "
            f"{len(images)}; give the labels of these images"
        )
    if not np.issubdtype(labels.dtype, np.integer) or not (
        labels.min() >= 0 and labels.max() < network.n_classes
    ):
        raise InvalidDataError(
            f"labels: must be integers 0..{network.n_classes - 1}, not {labels.dtype} "
            f"{labels.min()}..{labels.max()}; give the labels of the model's classes"
        )
