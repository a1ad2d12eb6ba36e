"""A network as an ONNX graph of standard operators.

Signals are rows (``[bits, images]``).  A layer gathers its inputs, weighs them by 1, 2, 4 … to an
address (MatMulInteger), adds where the neuron's table begins, and gathers from the flat tables:

    images -> Reshape, Transpose, GreaterOrEqual -> bits
    bits   -> Gather(layer1.fan_in) -> MatMulInteger -> Add -> Gather(layer1.table) -> bits …
    bits   -> Gather(vote.source) -> Split(vote.count) -> ReduceSum, Add(vote.bias) -> scores
    scores -> ArgMax(select_last_index=0) -> class

An unused input slot is -1, which ONNX reads as the last row; the table in the file does not depend
on it.  ``layer1.origin`` leads back to the trained model and is read by no node.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lutloom.ir import LutLayer, Network, ThermometerEncoder, VoteHead, network_digest

FORMAT = "lutloom network 1"
"""What ``metadata_props`` says of the file; another format is refused."""

_OPSET, _IR_VERSION = 18, 9


class _Graph:
    """Collect nodes and initialisers in the order they are made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def tensor(self, name: str, values: Any, dtype: str) -> str:
        array = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        name = f"{output}/{operator}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name, **attributes))
        return output


def _dense_tables(layer: LutLayer) -> NDArray[np.uint8]:
    """Spread tables to ``uint8[n, 2**slots]``, repeated over unused address bits."""
    address = np.arange(1 << layer.fan_in.shape[1], dtype=np.uint64)
    own = (np.uint64(1) << layer.fan_in_count.astype(np.uint64)) - np.uint64(1)
    dense = np.empty((layer.n_neurons, address.size), dtype=np.uint8)
    for column, a in zip(dense.T, address, strict=True):
        column[:] = (layer.table >> (a & own)) & np.uint64(1)
    return dense


def _add_encoder(graph: _Graph, encoder: ThermometerEncoder) -> str:
    pixels = graph.tensor("encoder.pixels", [0, encoder.n_pixels], "i8")
    thresholds = graph.tensor("encoder.thresholds", encoder.thresholds[:, None], "u1")
    shape = graph.tensor("encoder.bits", [encoder.n_bits, -1], "i8")
    rows = graph.node("Reshape", ["images", pixels], "encoder.rows")
    columns = graph.node("Transpose", [rows], "encoder.columns", perm=[1, 0])
    levels = graph.node("Unsqueeze", [columns, "axis1"], "encoder.levels")
    passed = graph.node("GreaterOrEqual", [levels, thresholds], "encoder.passed")
    bits = graph.node("Cast", [passed], "encoder.cast", to=TensorProto.UINT8)
    return graph.node("Reshape", [bits, shape], "encoder.out")


def _add_layer(graph: _Graph, layer: LutLayer, name: str, bits: str) -> str:
    slots = layer.fan_in.shape[1]
    fan_in = graph.tensor(f"{name}.fan_in", layer.fan_in, "i4")
    table = graph.tensor(f"{name}.table", _dense_tables(layer), "u1")
    graph.tensor(f"{name}.origin", layer.origin, "i4")
    begins = np.arange(layer.n_neurons, dtype=np.int32)[:, None, None] << slots
    start = graph.tensor(f"{name}.start", begins, "i4")
    inputs = graph.node("Gather", [bits, fan_in], f"{name}.inputs", axis=0)
    if slots:
        weight = graph.tensor(f"{name}.weight", 1 << np.arange(slots)[None, :], "u1")
        address = graph.node("MatMulInteger", [weight, inputs], f"{name}.address")
    else:  # ONNX Runtime 1.31 leaves an empty MatMulInteger undefined; an empty sum is 0
        wide = graph.node("Cast", [inputs], f"{name}.wide", to=TensorProto.INT32)
        address = graph.node("ReduceSum", [wide, "axis1"], f"{name}.address", keepdims=1)
    place = graph.node("Add", [address, start], f"{name}.place")
    flat_place = graph.node("Squeeze", [place, "axis1"], f"{name}.flat_place")
    flat_table = graph.node("Reshape", [table, "flat"], f"{name}.flat_table")
    return graph.node("Gather", [flat_table, flat_place], f"{name}.out", axis=0)


def _add_vote(graph: _Graph, head: VoteHead, bits: str) -> None:
    count = np.bincount(head.class_index, minlength=head.n_classes)
    source = graph.tensor("vote.source", head.source, "i4")
    counts = graph.tensor("vote.count", count, "i8")
    bias = graph.tensor("vote.bias", head.bias[:, None], "i4")
    votes = graph.node("Gather", [bits, source], "vote.votes", axis=0)
    wide = graph.node("Cast", [votes], "vote.wide", to=TensorProto.INT32)
    parts = [f"vote.class{c}" for c in range(head.n_classes)]
    graph.nodes.append(helper.make_node("Split", [wide, counts], parts, "vote.split", axis=0))
    sums = [graph.node("ReduceSum", [part, "axis0"], f"{part}.sum", keepdims=1) for part in parts]
    together = graph.node("Concat", sums, "vote.sums", axis=0)
    rows = graph.node("Add", [together, bias], "vote.rows")
    graph.node("Transpose", [rows], "scores", perm=[1, 0])
    graph.node("ArgMax", ["scores"], "class", axis=1, keepdims=0, select_last_index=0)


def _origin_digest(network: Network) -> str:
    digest = hashlib.sha256()
    for layer in network.layers:
        digest.update(layer.origin.astype("<i4").tobytes())
    return digest.hexdigest()


def build_model(network: Network) -> onnx.ModelProto:
    """Build the one ONNX model of a network: every node and integer follows from it.

    Parameters
    ----------
    network : Network
        Verified.

    Returns
    -------
    onnx.ModelProto
        Input ``images`` uint8[n, height, width]; outputs ``class`` int64[n] and
        ``scores`` int32[n, n_classes].
    """
    graph = _Graph()
    for name, value in (("axis0", 0), ("axis1", 1), ("flat", -1)):
        graph.tensor(name, [value], "i8")
    bits = _add_encoder(graph, network.encoder)
    for index, layer in enumerate(network.layers):
        bits = _add_layer(graph, layer, f"layer{index + 1}", bits)
    _add_vote(graph, network.head, bits)
    size = [network.encoder.height, network.encoder.width]
    image = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", *size])
    answer = helper.make_tensor_value_info("class", TensorProto.INT64, ["n"])
    score = helper.make_tensor_value_info("scores", TensorProto.INT32, ["n", network.n_classes])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "lutloom", [image], [answer, score], graph.tensors),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="lutloom",
    )
    helper.set_model_props(
        model,
        {
            "format": FORMAT,
            "network_digest": network_digest(network),
            "origin_digest": _origin_digest(network),
        },
    )
    return model
