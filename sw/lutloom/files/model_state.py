"""The trained state without torch: wiring and counters or weights, in one safetensors file.

Tensors are named ``layer1.fan_in``, ``layer1.counter`` …; everything else stands as one JSON string
in the header, so the same state always gives the same bytes.

Example
-------
>>> state = read_model("build/demo/tiny/model.safetensors")
>>> state.layers[0].kind
'table'
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lutloom.errors import InvalidFileError, InvalidNetworkError
from lutloom.files.atomic import write_bytes
from lutloom.files.bounded import LAYERS_MAX, NEURONS_MAX, check_file
from lutloom.ir import FAN_IN_MAX, UNUSED, LutLayer, Network, ThermometerEncoder, VoteHead, verify

FILE_SIZE_MAX_BYTES = 2 << 30
"""Largest model file that is read."""

_FORMAT = "lutloom model 1"

Kind = Literal["table", "activation_first"]
"""What a layer's neurons learn: a counter an address, or a weight an input."""


def _column(values: Any, dtype: Any) -> NDArray[Any]:
    """View an array as read-only, converted only if it must be."""
    array = np.ascontiguousarray(values, dtype=dtype).view()
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class LayerState:
    """Hold what one layer has learnt.

    Parameters
    ----------
    kind : "table" or "activation_first"
    fan_in : int32[n, k]
        Which output of the previous layer (layer 1: which encoder bit) is input ``k``; 1 to 6.
    counter : float32 or int8[n, 2**k]
        ``table`` only.  The output at address ``a`` is ``counter[a] > 0``; address bit ``k`` is
        input ``k``, bit 0 the least significant.
    weight : float32[n, k]
        ``activation_first`` only; not negative.
    polarity_in : int8[n, k]
        ``activation_first`` only; +1 (excitatory) or -1 (inhibitory).
    threshold : float32[n]
        ``activation_first`` only.  The output is ``sum(weight * polarity_in * x) > threshold``
        over inputs ``x`` of 0 and 1.
    """

    kind: Kind
    fan_in: NDArray[np.int32]
    counter: NDArray[np.float32] | NDArray[np.int8] | None = None
    weight: NDArray[np.float32] | None = None
    polarity_in: NDArray[np.int8] | None = None
    threshold: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fan_in", _column(self.fan_in, np.int32))
        if self.counter is not None:
            kept = np.int8 if np.asarray(self.counter).dtype == np.int8 else np.float32
            object.__setattr__(self, "counter", _column(self.counter, kept))
        for name, dtype in (
            ("weight", np.float32), ("polarity_in", np.int8), ("threshold", np.float32),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _column(value, dtype))

    @property
    def n_neurons(self) -> int:
        """Neurons of the layer."""
        return len(self.fan_in)

    @property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """The arrays this kind of layer holds, by name."""
        names = ("fan_in", "counter", "weight", "polarity_in", "threshold")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True, eq=False)
class ModelState:
    """Hold a trained classifier.

    Neuron ``j`` of the last layer votes for class ``j // votes_per_class``.

    Parameters
    ----------
    encoder : ThermometerEncoder
    n_classes : int
    layers : tuple of LayerState
    metadata : mapping of str to str
        Free notes (recipe, seed, …); no part of the digest.
    """

    encoder: ThermometerEncoder
    n_classes: int
    layers: tuple[LayerState, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def n_neurons(self) -> int:
        """Neurons of all layers together."""
        return sum(layer.n_neurons for layer in self.layers)

    @property
    def votes_per_class(self) -> int:
        """Neurons of the last layer that vote for one class."""
        return self.layers[-1].n_neurons // self.n_classes


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    digest: str
    height: int
    width: int
    n_classes: int
    layers: list[Kind]
    metadata: dict[str, str]


def vote_head(n_neurons: int, n_classes: int) -> VoteHead:
    """Give the trained vote: class-major, the same number of votes for each class.

    Parameters
    ----------
    n_neurons : int
        Neurons of the last layer; a multiple of ``n_classes``.
    n_classes : int

    Returns
    -------
    VoteHead
    """
    classes = np.repeat(np.arange(n_classes, dtype=np.int32), n_neurons // n_classes)
    return VoteHead(
        source=np.arange(classes.size, dtype=np.int32),
        class_index=classes,
        bias=np.zeros(n_classes, dtype=np.int32),
    )


def _require(holds: bool, where: str, rule: str, came: object, remedy: str) -> None:
    if not holds:
        raise InvalidNetworkError(f"{where}: {rule}, not {came}; {remedy}")


def _shapes(kind: Kind, n: int, k: int) -> dict[str, tuple[int, ...]]:
    """Give the shape of each array a kind of layer holds beside its wiring."""
    if kind == "table":
        return {"counter": (n, 1 << k)}
    return {"weight": (n, k), "polarity_in": (n, k), "threshold": (n,)}


def _check_layer(layer: LayerState, where: str) -> None:
    kinds = get_args(Kind)
    _require(layer.kind in kinds, where, f"kind must be {' or '.join(kinds)}",
             repr(layer.kind), "retrain the model")  # fmt: skip
    _require(layer.fan_in.ndim == 2, where, "fan_in must have a row a neuron and a column an input",
             layer.fan_in.shape, "rewire the layer")  # fmt: skip
    _require(1 <= layer.fan_in.shape[1] <= FAN_IN_MAX, where, f"fan-in must be 1..{FAN_IN_MAX}",
             layer.fan_in.shape[1], "lower 'fan_in'")  # fmt: skip
    _require(not (layer.fan_in == UNUSED).any(), where, "every input must be connected",
             UNUSED, "rewire the layer")  # fmt: skip
    wanted = _shapes(layer.kind, *layer.fan_in.shape)
    held = {name: array.shape for name, array in layer.tensors.items() if name != "fan_in"}
    _require(held == wanted, where, f"arrays must be {wanted}", held, "retrain the model")
    for name, array in layer.tensors.items():
        _require(bool(np.isfinite(array).all()), where, f"{name} must be finite numbers",
                 "NaN or infinity", "retrain with a lower learning rate")  # fmt: skip
    if layer.weight is not None and layer.polarity_in is not None:
        _require(bool((layer.weight >= 0).all()), where, "weights must not be negative",
                 layer.weight.min(), "move the sign into polarity_in")  # fmt: skip
        _require(bool((np.abs(layer.polarity_in) == 1).all()), where, "polarities must be +1 or -1",
                 "others", "retrain the model")  # fmt: skip


def check_model(state: ModelState) -> ModelState:
    """Check every rule of a trained state and return it unchanged.

    Parameters
    ----------
    state : ModelState

    Raises
    ------
    InvalidNetworkError
        Naming the layer, the rule, what came and what to do.
    """
    _require(1 <= len(state.layers) <= LAYERS_MAX, "model", f"must have 1..{LAYERS_MAX} layers",
             len(state.layers), "change 'layers'")  # fmt: skip
    for index, layer in enumerate(state.layers):
        _check_layer(layer, f"layer {index + 1}")
    _require(state.n_neurons <= NEURONS_MAX, "model", f"must have at most {NEURONS_MAX} neurons",
             state.n_neurons, "make the layers narrower")  # fmt: skip
    last = state.layers[-1].n_neurons
    _require(state.n_classes >= 1 and last % state.n_classes == 0, f"layer {len(state.layers)}",
             f"neurons must be a multiple of the {state.n_classes} classes", last,
             "give each class as many votes")  # fmt: skip
    wiring = tuple(
        LutLayer(
            fan_in=layer.fan_in,
            table=np.zeros(layer.n_neurons, dtype=np.uint64),
            origin=np.arange(layer.n_neurons, dtype=np.int32),
        )
        for layer in state.layers
    )
    verify(Network(state.encoder, wiring, vote_head(last, state.n_classes)))
    return state


def model_digest(state: ModelState) -> str:
    """Digest encoder, wiring and everything learnt; not the metadata.

    Parameters
    ----------
    state : ModelState

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(_FORMAT.encode() + b"\0")
    sizes = np.array([state.encoder.height, state.encoder.width, state.n_classes], dtype="<i8")
    arrays = [("encoder", sizes), ("thresholds", state.encoder.thresholds)]
    for layer in state.layers:
        arrays += [(f"{layer.kind} {name}", array) for name, array in layer.tensors.items()]
    for name, array in arrays:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little.dtype.str} {little.shape}\0".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def write_model(state: ModelState, path: str | os.PathLike[str]) -> None:
    """Write a trained state as safetensors, all or nothing, the same bytes for the same state.

    Parameters
    ----------
    state : ModelState
    path : path

    Raises
    ------
    InvalidNetworkError
        If the state breaks a rule.
    InvalidFileError
        If the system refuses to write.
    """
    check_model(state)
    header = _Header(
        format=_FORMAT,
        digest=model_digest(state),
        height=state.encoder.height,
        width=state.encoder.width,
        n_classes=state.n_classes,
        layers=[layer.kind for layer in state.layers],
        metadata=dict(sorted(state.metadata.items())),
    )
    tensors = {"encoder.thresholds": np.asarray(state.encoder.thresholds)}
    for index, layer in enumerate(state.layers):
        tensors |= {f"layer{index + 1}.{name}": array for name, array in layer.tensors.items()}
    write_bytes(path, save(tensors, {"lutloom": msgspec.json.encode(header).decode()}))


_DTYPES = {
    "fan_in": {"I32"}, "counter": {"F32", "I8"}, "weight": {"F32"},
    "polarity_in": {"I8"}, "threshold": {"F32"}, "thresholds": {"U8"},
}  # fmt: skip


def _read_header(file: Any) -> _Header:
    text = (file.metadata() or {}).get("lutloom")
    if text is None:
        raise InvalidNetworkError("header: must be that of a Lutloom model, but names none")
    header = msgspec.json.decode(text, type=_Header)
    _require(header.format == _FORMAT, "header", f"format must be {_FORMAT!r}",
             repr(header.format), "use the Lutloom version that wrote it")  # fmt: skip
    _require(1 <= len(header.layers) <= LAYERS_MAX, "header", f"must name 1..{LAYERS_MAX} layers",
             len(header.layers), "check the file")  # fmt: skip
    return header


def _read_tensor(file: Any, name: str, ndim: int) -> NDArray[Any]:
    entry = file.get_slice(name)
    wanted = _DTYPES[name.partition(".")[2]]
    _require(entry.get_dtype() in wanted, name, f"must be {' or '.join(sorted(wanted))}",
             entry.get_dtype(), "check the file")  # fmt: skip
    shape = entry.get_shape()
    bounded = len(shape) == ndim and all(0 < size <= NEURONS_MAX for size in shape)
    _require(bounded, name, f"must have {ndim} sizes within 1..{NEURONS_MAX}",
             shape, "check the file")  # fmt: skip
    return np.asarray(file.get_tensor(name))


def _read_state(file: Any) -> ModelState:
    header = _read_header(file)
    wanted = {"encoder.thresholds"}
    for index, kind in enumerate(header.layers):
        wanted |= {f"layer{index + 1}.{name}" for name in ("fan_in", *_shapes(kind, 0, 0))}
    names = set(file.keys())
    _require(names == wanted, "header", "tensors must be those of its layers",
             f"missing {sorted(wanted - names)[:4]}, unknown {sorted(names - wanted)[:4]}",
             "check the file")  # fmt: skip
    layers = []
    for index, kind in enumerate(header.layers):
        arrays = {
            name: _read_tensor(file, f"layer{index + 1}.{name}", 1 if name == "threshold" else 2)
            for name in ("fan_in", *_shapes(kind, 0, 0))
        }
        layers.append(LayerState(kind=kind, **arrays))
    thresholds = _read_tensor(file, "encoder.thresholds", 1)
    _require(thresholds.size <= 255, "encoder", "must have 1..255 thresholds",
             thresholds.size, "check the file")  # fmt: skip
    encoder = ThermometerEncoder(header.height, header.width, thresholds)
    state = check_model(ModelState(encoder, header.n_classes, tuple(layers), header.metadata))
    _require(model_digest(state) == header.digest, "tensors", f"digest must be {header.digest}",
             model_digest(state), "copy the file again: it was changed after writing")  # fmt: skip
    return state


def read_model(path: str | os.PathLike[str]) -> ModelState:
    """Read a trained state; nothing in the file is run or believed unchecked.

    Parameters
    ----------
    path : path

    Returns
    -------
    ModelState

    Raises
    ------
    InvalidFileError
        If the file is missing, too large, malformed, changed after writing or breaks a rule.
    """
    checked = check_file(path, FILE_SIZE_MAX_BYTES)
    try:
        with safe_open(str(checked), framework="numpy") as file:
            return _read_state(file)
    except InvalidNetworkError as error:
        raise InvalidFileError(f"{path}: {error}") from error
    except (
        SafetensorError, msgspec.MsgspecError, OSError, ValueError, OverflowError, RecursionError
    ) as error:  # fmt: skip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidFileError(
            f"{path}: must be a safetensors file of Lutloom, not one that fails with "
            f"'{reason}'; check that it is the right file and wholly copied"
        ) from error
