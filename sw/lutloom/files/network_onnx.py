"""The lowered network as an ONNX file: every integer of the network within, and its graph.

A file is accepted only if its graph is the one :func:`write_network` makes of the integers it
holds, so whatever runs the graph runs the network.  :mod:`lutloom.files.onnx_graph` draws it.

Example
-------
>>> write_network(network, "network.onnx")
>>> network_digest(read_network("network.onnx")) == network_digest(network)
True
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray
from onnx import helper

from lutloom.errors import InvalidFileError, InvalidNetworkError
from lutloom.files.atomic import write_bytes
from lutloom.files.bounded import LAYERS_MAX, NEURONS_MAX, read_bytes
from lutloom.files.onnx_graph import FORMAT, build_model
from lutloom.ir import (
    FAN_IN_MAX,
    UNUSED,
    LutLayer,
    Network,
    ThermometerEncoder,
    VoteHead,
    verify,
)

FILE_SIZE_MAX_BYTES = 1 << 30
"""Largest network file that is read."""

_VOTES_MAX = 4 * NEURONS_MAX
_THRESHOLDS_MAX = 255


def _packed_tables(dense: NDArray[np.uint8], fan_in: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Pack ``uint8[n, 2**slots]`` to words, without the repeats over unused address bits."""
    bits = np.uint64(1) << (fan_in != UNUSED).sum(axis=1).astype(np.uint64)
    table = np.zeros(len(dense), dtype=np.uint64)
    for a, column in enumerate(dense.T):
        table |= (column.astype(np.uint64) & np.uint64(a < bits)) << np.uint64(a)
    return table


def write_network(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network as ONNX, all or nothing, the same bytes for the same network.

    Graph input ``images`` uint8[n, height, width]; outputs ``class`` int64[n] and
    ``scores`` int32[n, n_classes].

    Parameters
    ----------
    network : Network
    path : path

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule or is too large for a file.
    InvalidFileError
        If the system refuses to write.
    """
    verify(network)
    for what, limit, count in (
        ("neurons", NEURONS_MAX, network.n_neurons),
        ("layers", LAYERS_MAX, len(network.layers)),
        ("votes", _VOTES_MAX, network.head.n_votes),
    ):
        if count > limit:
            raise InvalidNetworkError(
                f"network: must have at most {limit} {what}, not {count}; make it smaller"
            )
    write_bytes(path, build_model(network).SerializeToString(deterministic=True))


class _Tensors:
    """Give initialisers by name, checked against a type and sizes before they are copied."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.by_name = {tensor.name: tensor for tensor in model.graph.initializer}
        if not all(isinstance(name, str) for name in self.by_name):  # bytes: protobuf let it pass
            raise InvalidNetworkError("initialisers: names must be UTF-8 text, but one is not")

    def take(self, name: str, dtype: str, sizes: tuple[int | None, ...]) -> NDArray[Any]:
        if name not in self.by_name:
            raise InvalidNetworkError(f"{name}: must be in the file, but is missing")
        tensor, wanted = self.by_name[name], np.dtype(dtype).newbyteorder("<")
        shape, expected = tuple(tensor.dims), helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        fits = len(shape) == len(sizes) and all(
            0 <= held <= _VOTES_MAX if size is None else held == size
            for held, size in zip(shape, sizes, strict=False)
        )
        if tensor.data_type != expected or not fits:
            raise InvalidNetworkError(
                f"{name}: must be {np.dtype(dtype)} of sizes {sizes}, "
                f"not type {tensor.data_type} of sizes {shape}"
            )
        if len(tensor.raw_data) != math.prod(shape) * wanted.itemsize:
            raise InvalidNetworkError(
                f"{name}: must have {math.prod(shape)} numbers inside the file, not "
                f"{len(tensor.raw_data)} bytes"
            )
        return np.frombuffer(tensor.raw_data, dtype=wanted).reshape(shape)


def _read_layer(tensors: _Tensors, name: str) -> LutLayer:
    dims = tuple(tensors.by_name[f"{name}.fan_in"].dims)
    n, slots = dims if len(dims) == 2 else (-1, -1)
    if not (1 <= n <= NEURONS_MAX and 0 <= slots <= FAN_IN_MAX):
        raise InvalidNetworkError(
            f"{name}: must have 1..{NEURONS_MAX} neurons of fan-in 0..{FAN_IN_MAX}, "
            f"not sizes {dims}"
        )
    fan_in = tensors.take(f"{name}.fan_in", "i4", (n, slots))
    dense = tensors.take(f"{name}.table", "u1", (n, 1 << slots))
    origin = tensors.take(f"{name}.origin", "i4", (n,))
    return LutLayer(fan_in=fan_in, table=_packed_tables(dense, fan_in), origin=origin)


def _read(model: onnx.ModelProto) -> Network:
    properties = {entry.key: entry.value for entry in model.metadata_props}
    if properties.get("format") != FORMAT:
        raise InvalidNetworkError(
            f"metadata: format must be {FORMAT!r}, not {properties.get('format')!r}"
        )
    tensors = _Tensors(model)
    n_layers = sum(name.endswith(".fan_in") for name in tensors.by_name)
    names = [f"layer{index + 1}" for index in range(n_layers)]
    if n_layers > LAYERS_MAX or any(f"{name}.fan_in" not in tensors.by_name for name in names):
        raise InvalidNetworkError(
            f"layers: must be numbered 1..{LAYERS_MAX} without a gap, not {n_layers} otherwise"
        )
    sides = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    if len(sides) != 2:
        raise InvalidNetworkError(f"images: must have height and width, not {sides}")
    thresholds = tensors.take("encoder.thresholds", "u1", (None, 1))[:, 0]
    if thresholds.size > _THRESHOLDS_MAX:
        raise InvalidNetworkError(
            f"encoder.thresholds: must be at most {_THRESHOLDS_MAX}, not {thresholds.size}"
        )
    encoder = ThermometerEncoder(sides[0], sides[1], thresholds)
    layers = tuple(_read_layer(tensors, name) for name in names)
    if sum(layer.n_neurons for layer in layers) > NEURONS_MAX:
        raise InvalidNetworkError(f"layers: must have at most {NEURONS_MAX} neurons, not more")
    count = tensors.take("vote.count", "i8", (None,))
    source = tensors.take("vote.source", "i4", (None,))
    if (count < 0).any() or (count > source.size).any() or count.sum() != source.size:
        raise InvalidNetworkError(f"vote.count: must add up to the {source.size} votes")
    head = VoteHead(
        source=source,
        class_index=np.repeat(np.arange(count.size, dtype=np.int32), count),
        bias=tensors.take("vote.bias", "i4", (count.size, 1))[:, 0],
    )
    return verify(Network(encoder, layers, head))


def read_network(path: str | os.PathLike[str]) -> Network:
    """Read a network back, exactly the one that was written.

    Parameters
    ----------
    path : path

    Returns
    -------
    Network
        Verified.

    Raises
    ------
    InvalidFileError
        If the file is missing, too large, no ONNX, of another maker, changed after writing, or
        its graph is not the one its integers make.
    """
    data = read_bytes(path, FILE_SIZE_MAX_BYTES)
    try:
        model = onnx.ModelProto.FromString(data)
        network = _read(model)
    except DecodeError as error:
        raise InvalidFileError(
            f"{path}: must be an ONNX file, but does not parse; "
            "check that it is the right file and wholly copied"
        ) from error
    except (InvalidNetworkError, IndexError, ValueError) as error:
        raise InvalidFileError(
            f"{path}: {error}; give an unchanged file of 'lutloom lower'"
        ) from error
    held = model.SerializeToString(deterministic=True)  # unknown fields too
    if build_model(network).SerializeToString(deterministic=True) != held:
        raise InvalidFileError(
            f"{path}: must be the graph Lutloom writes for its integers, not a changed one; "
            "give an unchanged file of 'lutloom lower'"
        )
    return network
