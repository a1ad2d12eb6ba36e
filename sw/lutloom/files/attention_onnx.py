"""A layer of integer attention as an ONNX file of standard operators, and its run in ONNX Runtime.

The graph computes the very integers of :func:`lutloom.attention.attend`, in int64, from int8
``query``, ``key`` and ``value`` of ``[n_heads, n_positions, head_size]`` with any number of
positions; which keys a query sees is worked out from positions, no mask is stored::

    query, key -> MatMul -> scores -> ReduceMax, Sub -> behind -> Mul, Div -> exponent
    exponent   -> Mod -> Gather(powers);  Div, Min -> Gather(shifts) -> Div -> weights
    weights, value -> MatMul -> mixed;  ReduceSum -> total;  mixed, total -> Div, Min -> output

Whatever is compared is below ``2**31``: beyond, ONNX Runtime's Sign, Min and Max of int64 are wrong
on some processors (microsoft/onnxruntime, pull request 25280; seen here with Sign of 1.31).

Sizes, scales, multipliers and shifts are one JSON string in the file's metadata.  A file is
accepted only if its graph is the one written for them, so whatever runs the graph runs the layer.

Example
-------
>>> write_attention(calibrated, "head.onnx")                         # doctest: +SKIP
>>> OnnxRuntimeAttention("head.onnx").run(query, key, value).dtype   # doctest: +SKIP
dtype('int8')
"""

from __future__ import annotations

import os
from typing import Any

import msgspec
import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from lutloom.attention.calibrate import CalibratedAttention
from lutloom.attention.config import (
    FRACTION_BITS,
    INT8_MAX,
    MULTIPLIER_SHIFT,
    WEIGHT_BITS,
    AttentionConfig,
    IntegerAttention,
)
from lutloom.attention.integer import POWERS
from lutloom.errors import (
    InvalidDataError,
    InvalidFileError,
    InvalidNetworkError,
)
from lutloom.files.atomic import write_bytes
from lutloom.files.bounded import read_bytes
from lutloom.files.onnxruntime_session import import_onnxruntime, open_session
from lutloom.schema import SchemaError, convert

FILE_BYTES_MAX = 1 << 20
"""Largest attention file that is read."""

FORMAT = "lutloom attention 1"
_KEY = "lutloom"
"""The metadata's only entry."""

_OPSET, _IR_VERSION = 18, 9
_LOWEST = -(1 << 30)
"""Below every score, and of 32 bits."""


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    config: AttentionConfig
    multiplier: list[int]
    value_shift: list[int]
    query_scale: list[float]
    key_scale: list[float]
    value_scale: list[float]


def write_attention(calibrated: CalibratedAttention, path: str | os.PathLike[str]) -> None:
    """Write a layer as ONNX, all or nothing, the same bytes for the same layer.

    Parameters
    ----------
    calibrated : CalibratedAttention
    path : path

    Raises
    ------
    InvalidFileError
        If the system refuses to write.
    """
    write_bytes(path, build_attention(calibrated).SerializeToString(deterministic=True))


def read_attention(path: str | os.PathLike[str]) -> CalibratedAttention:
    """Read a layer back, exactly the one that was written.

    Parameters
    ----------
    path : path

    Returns
    -------
    CalibratedAttention

    Raises
    ------
    InvalidFileError
        If the file is missing, too large, no ONNX, of another maker, or its graph is not the one
        its numbers make.
    """
    return _parse(path, read_bytes(path, FILE_BYTES_MAX))


def _parse(path: str | os.PathLike[str], data: bytes) -> CalibratedAttention:
    remedy = "give an unchanged file of 'lutloom attention lower'"
    try:
        model = onnx.ModelProto.FromString(data)
        calibrated = _read_header(model)
    except DecodeError as error:
        raise InvalidFileError(
            f"{path}: must be an ONNX file, but does not parse; "
            "check that it is the right file and wholly copied"
        ) from error
    except (InvalidNetworkError, ValueError, RecursionError) as error:  # JSON nested too deep
        raise InvalidFileError(f"{path}: {error}; {remedy}") from error
    held = model.SerializeToString(deterministic=True)  # unknown fields too
    if build_attention(calibrated).SerializeToString(deterministic=True) != held:
        raise InvalidFileError(
            f"{path}: must be the graph Lutloom writes for its numbers, not a changed one; {remedy}"
        )
    return calibrated


def _read_header(model: onnx.ModelProto) -> CalibratedAttention:
    entries = {entry.key: entry.value for entry in model.metadata_props}
    raw = msgspec.json.decode(entries.get(_KEY, "{}"))
    came = raw.get("format") if isinstance(raw, dict) else None
    if came != FORMAT:
        raise SchemaError(f"metadata: format must be {FORMAT!r}, not {came!r}")
    header = convert(raw, _Header)
    if any(abs(number) >> 32 for number in (*header.multiplier, *header.value_shift)):
        raise SchemaError("metadata: integers must fit in 32 bits, but one does not")
    layer = IntegerAttention(
        header.config, _column(header.multiplier, "i8"), _column(header.value_shift, "i8")
    )
    scales = (header.query_scale, header.key_scale, header.value_scale)
    return CalibratedAttention(layer, *(_column(scale, "f8") for scale in scales))


def _column(values: ArrayLike, dtype: str) -> NDArray[Any]:
    return np.array(values, dtype=np.dtype(dtype))


class _Graph:
    """Collect nodes and initialisers in the order they are made; a node's output has its name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def tensor(self, name: str, values: ArrayLike) -> str:
        array = np.ascontiguousarray(values, dtype="<i8")
        shaped = array.reshape(np.shape(values))  # a number stays one
        self.tensors.append(numpy_helper.from_array(shaped, name))
        return name

    def node(self, operator: str, name: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def wide(self, name: str) -> str:
        return self.node("Cast", f"{name}_wide", name, to=TensorProto.INT64)


def build_attention(calibrated: CalibratedAttention) -> onnx.ModelProto:
    """Build the one ONNX model of a layer: every node and number follows from it.

    Parameters
    ----------
    calibrated : CalibratedAttention

    Returns
    -------
    onnx.ModelProto
        Inputs ``query``, ``key``, ``value`` and output ``output``, all
        int8[n_heads, n_positions, head_size].
    """
    layer, graph = calibrated.layer, _Graph()
    for name, number in (("zero", 0), ("one", 1), ("last", [-1])):
        graph.tensor(name, number)
    key = graph.node("Transpose", "key_columns", graph.wide("key"), perm=[0, 2, 1])
    scores = graph.node("MatMul", "scores", graph.wide("query"), key)
    seen = _add_seen(graph, layer.config)
    weights = _add_weights(graph, scores, seen, layer.multiplier)
    _add_output(graph, weights, layer.value_shift)
    shape: list[str | int | None] = [layer.config.n_heads, "n_positions", layer.config.head_size]
    rows = [
        helper.make_tensor_value_info(name, TensorProto.INT8, shape)
        for name in ("query", "key", "value", "output")
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "lutloom", rows[:3], rows[3:], graph.tensors),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="lutloom",
    )
    header = _Header(
        FORMAT, layer.config, layer.multiplier.tolist(), layer.value_shift.tolist(),
        calibrated.query_scale.tolist(), calibrated.key_scale.tolist(),
        calibrated.value_scale.tolist(),
    )  # fmt: skip
    helper.set_model_props(model, {_KEY: msgspec.json.encode(header, order="sorted").decode()})
    return model


def _add_seen(graph: _Graph, config: AttentionConfig) -> str | None:
    """Add the keys a query sees, bool[n_positions, n_positions]; None: it sees all."""
    if config.mode == "set":
        return None
    size = graph.node("Shape", "size", "query", start=1, end=2)
    count = graph.node("Squeeze", "count", size)
    place = graph.node("Range", "key_place", "zero", count, "one")
    query = graph.node("Unsqueeze", "query_place", place, "last")
    behind = graph.node("Sub", "places_behind", query, place)
    before = graph.node("GreaterOrEqual", "before", behind, "zero")
    if config.pattern == "causal":
        return before
    stride = graph.tensor("stride", config.stride)
    kept = []
    if config.pattern in ("local", "local_strided"):
        kept.append(graph.node("Less", "near", behind, stride))
    if config.pattern in ("strided", "local_strided"):
        rest = graph.node("Mod", "rest", behind, stride)
        kept.append(graph.node("Equal", "on_stride", rest, "zero"))
    if config.pattern == "fixed":
        end = graph.tensor("block_end", config.stride - 1)
        blocks = [
            graph.node("Div", f"{name}_block", at, stride)
            for name, at in (("query", query), ("key", place))
        ]
        kept.append(graph.node("Equal", "own_block", *blocks))
        rest = graph.node("Mod", "rest", place, stride)
        kept.append(graph.node("Equal", "at_end", rest, end))
    pattern = kept[0] if len(kept) == 1 else graph.node("Or", "pattern", *kept)
    return graph.node("And", "seen", before, pattern)


def _add_weights(
    graph: _Graph, scores: str, seen: str | None, multiplier: NDArray[np.int64]
) -> str:
    among = scores
    if seen is not None:
        lowest = graph.tensor("lowest", _LOWEST)
        among = graph.node("Where", "among", seen, scores, lowest)
    highest = graph.node("ReduceMax", "highest", among, "last", keepdims=1)
    behind = graph.node("Sub", "behind_all", highest, scores)
    if seen is not None:
        behind = graph.node("Where", "behind", seen, behind, "zero")
    factor = graph.tensor("multiplier", multiplier[:, None, None])
    scaled = graph.node("Mul", "scaled", behind, factor)
    step = graph.tensor("exponent_step", 1 << MULTIPLIER_SHIFT)
    exponent = graph.node("Div", "exponent", scaled, step)
    fractions = graph.tensor("fractions", 1 << FRACTION_BITS)
    fraction = graph.node("Mod", "fraction", exponent, fractions)
    power = graph.node("Gather", "power", graph.tensor("powers", POWERS), fraction)
    whole = graph.node("Div", "whole_all", exponent, fractions)
    whole = graph.node("Min", "whole", whole, graph.tensor("whole_most", WEIGHT_BITS))
    shifts = graph.tensor("shifts", 1 << np.arange(WEIGHT_BITS + 1))
    shift = graph.node("Gather", "shift", shifts, whole)
    weights = graph.node("Div", "weights_all", power, shift)
    if seen is not None:
        weights = graph.node("Where", "weights", seen, weights, "zero")
    return weights


def _add_output(graph: _Graph, weights: str, value_shift: NDArray[np.int64]) -> None:
    mixed = graph.node("MatMul", "mixed", weights, graph.wide("value"))
    total = graph.node("ReduceSum", "total", weights, "last", keepdims=1)
    factor = graph.tensor("double_factor", 2 << value_shift[:, None, None])
    magnitude = graph.node("Abs", "magnitude", mixed)
    doubled = graph.node("Mul", "doubled", magnitude, factor)
    raised = graph.node("Add", "raised", doubled, total)
    divisor = graph.node("Mul", "divisor", total, graph.tensor("two", 2))
    rounded = graph.node("Div", "rounded", raised, divisor)
    held = graph.node("Min", "held", rounded, graph.tensor("most", INT8_MAX))
    below = graph.node("Less", "below", mixed, "zero")
    signed = graph.node("Where", "signed", below, graph.node("Neg", "negated", held), held)
    graph.node("Cast", "output", signed, to=TensorProto.INT8)


class OnnxRuntimeAttention:
    """Hold an ONNX Runtime session (CPU) on the file of a layer of integer attention.

    The file is first read and checked as Lutloom's own, so that no foreign graph is ever run.

    Parameters
    ----------
    path : path
    threads : int
        Threads of ONNX Runtime; 0 lets it choose.

    Raises
    ------
    MissingExtraError
        If ONNX Runtime is not installed.
    InvalidFileError
        If the file is not a layer of Lutloom or ONNX Runtime refuses it.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 1) -> None:
        import_onnxruntime()  # say that it is missing before anything is read
        data = read_bytes(path, FILE_BYTES_MAX)
        self.calibrated = _parse(path, data)
        self._session = open_session(path, data, threads)

    def run(
        self, query: NDArray[np.int8], key: NDArray[np.int8], value: NDArray[np.int8]
    ) -> NDArray[np.int8]:
        """Attend; see :func:`lutloom.attention.attend`.

        Parameters
        ----------
        query, key, value : int8[n_heads, n_positions, head_size]

        Returns
        -------
        int8[n_heads, n_positions, head_size]

        Raises
        ------
        InvalidDataError
            If a shape, type or number is not what it must be.
        """
        config = self.calibrated.layer.config
        feeds = {"query": query, "key": key, "value": value}
        for name, rows in feeds.items():
            wanted = (config.n_heads, query.shape[1] if query.ndim == 3 else 0, config.head_size)
            fits = rows.dtype == np.int8 and rows.shape == wanted
            if not fits or not 1 <= wanted[1] <= config.context or rows.min() < -INT8_MAX:
                raise InvalidDataError(
                    f"attention, {name}: must be int8[{config.n_heads}, 1..{config.context}, "
                    f"{config.head_size}] of -127..127, all three alike, not {rows.dtype}"
                    f"{list(rows.shape)} or others; quantise again"
                )
        contiguous = {name: np.ascontiguousarray(rows) for name, rows in feeds.items()}
        output: NDArray[np.int8] = self._session.run(["output"], contiguous)[0]
        return output
