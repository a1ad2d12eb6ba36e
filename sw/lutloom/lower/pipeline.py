"""Run the passes to a fixed point and check each one before the next may build on it.

Example
-------
>>> result = lower(read_model("model.safetensors"), images)
>>> result.network.n_neurons, all(step.answers_equal for step in result.passes)
(3107, True)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidNetworkError
from lutloom.files.model_state import ModelState, check_model
from lutloom.ir import Network, network_digest, scores, verify
from lutloom.lower.absorb_buffers import absorb_buffers
from lutloom.lower.absorb_inverters import absorb_inverters
from lutloom.lower.checker import AnswerChecker, check_images, compare_scores, random_images
from lutloom.lower.drop_dead_neurons import drop_dead_neurons
from lutloom.lower.drop_idle_inputs import drop_idle_inputs
from lutloom.lower.fold_constants import fold_constants
from lutloom.lower.merge_equal_neurons import merge_equal_neurons
from lutloom.lower.tabulate import tabulate
from lutloom.lower.trained_scores import trained_scores

Pass = Callable[[Network], Network]
"""A pure function; its name is the pass's name."""

PASSES: tuple[Pass, ...] = (
    drop_idle_inputs,
    fold_constants,
    absorb_inverters,
    merge_equal_neurons,
    drop_dead_neurons,
    absorb_buffers,
)
"""One round; rounds repeat until none of them changes the network."""

ROUNDS_MAX = 64
"""Rounds after which lowering stops even if something still changes; a few are usual."""

_RANDOM_IMAGES = 4096
_RANDOM_WORK = 1 << 29
_TRAINED_WORK = 1 << 22


@dataclass(frozen=True, slots=True)
class PassRecord:
    """Record what one run of a pass did and that it was checked.

    Parameters
    ----------
    name : str
    changed : bool
    layers_before, layers_after : int
    neurons_before, neurons_after : int
    inputs_before, inputs_after : int
        Connected inputs of all neurons.
    verified : bool
        The rules of the representation hold.
    answers_equal : bool
        The class of every image checked is that of the network lowering began with.
    """

    name: str
    changed: bool
    layers_before: int
    layers_after: int
    neurons_before: int
    neurons_after: int
    inputs_before: int
    inputs_after: int
    verified: bool
    answers_equal: bool


@dataclass(frozen=True, slots=True, eq=False)
class LoweringResult:
    """Hold the lowered network and the record of every pass.

    Parameters
    ----------
    network : Network
        Lowered.
    reference : Network
        The one lowering began with.
    passes : tuple of PassRecord
    images_checked : int
        Given images every pass was checked on, beside random ones.
    random_images_checked : int
    """

    network: Network
    reference: Network
    passes: tuple[PassRecord, ...]
    images_checked: int
    random_images_checked: int


def _record(name: str, before: Network, after: Network) -> PassRecord:
    def n_inputs(network: Network) -> int:
        return sum(int(layer.fan_in_count.sum()) for layer in network.layers)

    return PassRecord(
        name=name,
        changed=network_digest(before) != network_digest(after),
        layers_before=len(before.layers),
        layers_after=len(after.layers),
        neurons_before=before.n_neurons,
        neurons_after=after.n_neurons,
        inputs_before=n_inputs(before),
        inputs_after=n_inputs(after),
        verified=True,
        answers_equal=True,
    )


def _verify_after(name: str, network: Network) -> Network:
    try:
        return verify(network)
    except InvalidNetworkError as error:
        raise InvalidNetworkError(f"after pass {name}: {error}") from error


def _start(source: ModelState | Network, images: NDArray[np.uint8], seed: int) -> Network:
    """Verify or tabulate; tables are compared with the sums and counters they come from."""
    if isinstance(source, Network):
        return verify(source)
    network = _verify_after("tabulate", tabulate(check_model(source)))
    count = max(16, min(256, _TRAINED_WORK // network.n_neurons))
    for kind, some in (
        ("image", images[:count]),
        ("random image", random_images(network.encoder, count, seed)),
    ):
        compare_scores("tabulate", kind, trained_scores(source, some), scores(network, some))
    return network


def lower(
    source: ModelState | Network,
    images: NDArray[np.uint8] | None = None,
    *,
    passes: tuple[Pass, ...] = PASSES,
    seed: int = 0,
) -> LoweringResult:
    """Lower a trained state or a network to the smallest network the passes reach.

    After each pass that changes anything, the rules of the representation are verified, and scores
    on the given and on random images are compared with those of the start.

    Parameters
    ----------
    source : ModelState or Network
    images : uint8[n, height, width], optional
        Every one must keep its class.
    passes : tuple of callables
        One round; repeated until nothing changes, at most :data:`ROUNDS_MAX` times.
    seed : int
        Of the random images.

    Returns
    -------
    LoweringResult

    Raises
    ------
    InvalidNetworkError, InvalidDataError
        If the source or the images break a rule.
    MismatchError
        If a pass changes an answer; names the pass.
    """
    if images is None:
        images = np.empty((0, source.encoder.height, source.encoder.width), dtype=np.uint8)
    check_images(source.encoder, images)
    reference = network = _start(source, images, seed)
    records = []
    if isinstance(source, ModelState):
        records.append(_record("tabulate", network, network))
    n_random = max(256, min(_RANDOM_IMAGES, _RANDOM_WORK // max(1, network.n_neurons)))
    checker = AnswerChecker(reference, images, n_random, seed)
    for _ in range(ROUNDS_MAX):
        changed = False
        for run in passes:
            after = _verify_after(run.__name__, run(network))
            record = _record(run.__name__, network, after)
            if record.changed:
                checker.check(run.__name__, after)
                changed = True
            records.append(record)
            network = after
        if not changed:
            break
    return LoweringResult(network, reference, tuple(records), len(images), n_random)
