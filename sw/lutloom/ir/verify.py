"""The rules of the intermediate representation, checked after every pass."""

from __future__ import annotations

import numpy as np

from lutloom.errors import InvalidNetworkError
from lutloom.ir.network import FAN_IN_MAX, UNUSED, LutLayer, Network, ThermometerEncoder, VoteHead

IMAGE_SIDE_MAX = 64
"""Largest height or width of an image, in pixels."""
CLASSES_MIN, CLASSES_MAX = 2, 100
"""How many classes a network may tell apart."""


def _require(holds: bool, where: str, rule: str, came: object, remedy: str) -> None:
    if not holds:
        raise InvalidNetworkError(f"{where}: {rule}, not {came}; {remedy}")


def _verify_encoder(encoder: ThermometerEncoder) -> None:
    for name in ("height", "width"):
        side = getattr(encoder, name)
        _require(
            1 <= side <= IMAGE_SIDE_MAX,
            "encoder",
            f"image {name} must be 1..{IMAGE_SIDE_MAX} pixels",
            side,
            "scale the images",
        )
    levels = encoder.thresholds.astype(np.int64)
    rising = levels.size >= 1 and levels[0] >= 1 and bool((np.diff(levels) > 0).all())
    _require(
        rising,
        "encoder",
        "thresholds must rise strictly within 1..255",
        levels.tolist(),
        "sort them and drop repeats",
    )


def _first(bad: np.ndarray) -> int:
    return int(np.flatnonzero(bad)[0])


def _verify_layer(layer: LutLayer, index: int, n_inputs: int) -> None:
    name = f"layer {index + 1}"
    n, slots = layer.fan_in.shape
    _require(
        layer.table.shape == (n,) and layer.origin.shape == (n,),
        name,
        f"table and origin must have one row for each of the {n} rows of fan_in",
        (layer.table.shape, layer.origin.shape),
        "rebuild the layer",
    )
    _require(n >= 1, name, "must have at least one neuron", n, "remove the layer")
    _require(slots <= FAN_IN_MAX, name, f"fan-in must be 0..{FAN_IN_MAX}", slots, "lower 'fan_in'")
    used = layer.fan_in != UNUSED
    gaps = (~used[:, :-1] & used[:, 1:]).any(axis=1)
    if gaps.any():
        at = _first(gaps)
        _require(
            False, f"{name}, neuron {at}", "unused slots must come last",
            layer.fan_in[at].tolist(), "close the gap",
        )  # fmt: skip
    outside = (used & ((layer.fan_in < 0) | (layer.fan_in >= n_inputs))).any(axis=1)
    if outside.any():
        at = _first(outside)
        _require(
            False, f"{name}, neuron {at}", f"fan-in must point at outputs 0..{n_inputs - 1}",
            layer.fan_in[at].tolist(), "rewire the neuron",
        )  # fmt: skip
    entries = np.left_shift(np.int64(1), layer.fan_in_count.astype(np.int64))
    shift = np.minimum(entries, 63).astype(np.uint64)
    overhang = (entries < 64) & ((layer.table >> shift) != 0)
    if overhang.any():
        at = _first(overhang)
        _require(
            False, f"{name}, neuron {at}", f"table must have {int(entries[at])} bits",
            hex(int(layer.table[at])), "mask the table",
        )  # fmt: skip


def _verify_head(head: VoteHead, n_inputs: int) -> None:
    _require(
        CLASSES_MIN <= head.n_classes <= CLASSES_MAX, "vote",
        f"classes must be {CLASSES_MIN}..{CLASSES_MAX}", head.n_classes, "split the task",
    )  # fmt: skip
    _require(
        head.source.shape == head.class_index.shape, "vote",
        "source and class_index must have the same length",
        (head.source.size, head.class_index.size), "rebuild the vote",
    )  # fmt: skip
    for name, values, limit in (
        ("source", head.source, n_inputs),
        ("class_index", head.class_index, head.n_classes),
    ):
        bad = (values < 0) | (values >= limit)
        if bad.any():
            at = _first(bad)
            _require(
                False, f"vote {at}", f"{name} must be 0..{limit - 1}", int(values[at]), "rewire it"
            )
    _require(
        bool((np.diff(head.class_index) >= 0).all()), "vote",
        "class_index must never fall", head.class_index.tolist()[:16], "sort votes by class",
    )  # fmt: skip
    _require(
        bool((head.bias >= 0).all()), "vote", "bias must not be negative",
        head.bias.tolist(), "add the same number to every class",
    )  # fmt: skip


def verify(network: Network) -> Network:
    """Check every rule of the representation and return the network unchanged.

    Parameters
    ----------
    network : Network

    Raises
    ------
    InvalidNetworkError
        Naming the layer, the neuron, the rule, what came and what to do.
    """
    _verify_encoder(network.encoder)
    for index, layer in enumerate(network.layers):
        _verify_layer(layer, index, network.layer_input_size(index))
    _verify_head(network.head, network.layer_input_size(len(network.layers)))
    return network
