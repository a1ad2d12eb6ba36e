from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from lutloom.errors import (
    InvalidDataError,
    InvalidFileError,
    InvalidNetworkError,
    MissingExtraError,
)
from lutloom.files import network_onnx, onnxruntime_session
from lutloom.files.network_onnx import read_network, write_network
from lutloom.files.onnx_graph import build_model
from lutloom.files.onnxruntime_session import OnnxRuntimeClassifier, classify_onnxruntime
from lutloom.ir import (
    UNUSED,
    LutLayer,
    Network,
    ThermometerEncoder,
    VoteHead,
    classify,
    network_digest,
    scores,
)
from lutloom.lower import lower
from lutloom.lower.random_network import random_network

IMAGES = np.random.default_rng(9).integers(0, 256, (70, 4, 5), dtype=np.uint8)


def draw(seed: int) -> Network:
    rng = np.random.default_rng(seed)
    widths = tuple(int(w) for w in rng.integers(1, 30, rng.integers(0, 4)))
    network = random_network(
        seed, widths, fan_in=int(rng.integers(1, 7)), n_classes=int(rng.integers(2, 6)),
        image=(4, 5), thresholds=(50, 100, 200)[: rng.integers(1, 4)], waste=0.4,
    )  # fmt: skip
    kept = np.sort(rng.permutation(network.head.n_votes)[: rng.integers(0, 25)])
    votes = network.head.class_index[kept]
    bias = rng.integers(0, 4, network.n_classes, dtype=np.int32)
    return Network(
        network.encoder, network.layers, VoteHead(network.head.source[kept], votes, bias)
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_network_comes_back_exactly_and_onnxruntime_agrees(seed: int, tmp_path: Path) -> None:
    network, path = draw(seed), tmp_path / "n.onnx"
    write_network(network, path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    back = read_network(path)
    assert network_digest(back) == network_digest(network)
    for held, wanted in zip(back.layers, network.layers, strict=True):
        assert (held.origin == wanted.origin).all()
    classes, votes = OnnxRuntimeClassifier(path, threads=1).run(IMAGES)
    assert classes.dtype == np.int64
    assert votes.dtype == np.int32
    assert (votes == scores(network, IMAGES)).all()
    assert (classes == classify(network, IMAGES)).all()


def test_the_lowered_network_gives_the_same_classes_in_onnxruntime(tmp_path: Path) -> None:
    network = random_network(2, (80, 30), image=(4, 5), waste=0.5)
    write_network(lower(network, IMAGES).network, tmp_path / "n")
    assert (classify_onnxruntime(tmp_path / "n", IMAGES) == classify(network, IMAGES)).all()


def test_a_layer_without_any_input_is_read_and_run(tmp_path: Path) -> None:
    layer = LutLayer(np.empty((3, 0)), [1, 0, 1], [0, 1, 2])  # type: ignore[arg-type]
    head = VoteHead([0, 1, 2], [0, 1, 1], [0, 0])  # type: ignore[arg-type]
    network = Network(ThermometerEncoder(4, 5, np.array([9], np.uint8)), (layer,), head)
    write_network(network, tmp_path / "n")
    assert network_digest(read_network(tmp_path / "n")) == network_digest(network)
    _, votes = OnnxRuntimeClassifier(tmp_path / "n").run(IMAGES)
    assert (votes == [1, 1]).all()


def test_ties_go_to_the_lowest_class(tmp_path: Path) -> None:
    network = random_network(3, (4,), image=(4, 5), n_classes=4)
    head = VoteHead([], [], [0, 7, 3, 7])  # type: ignore[arg-type]
    write_network(Network(network.encoder, network.layers, head), tmp_path / "n")
    assert set(classify_onnxruntime(tmp_path / "n", IMAGES).tolist()) == {1}


def test_names_lead_back_and_operators_are_standard() -> None:
    network = draw(4)
    model = build_model(network)
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for index, layer in enumerate(network.layers):
        name = f"layer{index + 1}"
        assert (tensors[f"{name}.fan_in"] == layer.fan_in).all()
        assert (tensors[f"{name}.origin"] == layer.origin).all()
        for row, table, count in zip(
            tensors[f"{name}.table"], layer.table.tolist(), layer.fan_in_count, strict=True
        ):
            assert row[: 1 << count].tolist() == [table >> a & 1 for a in range(1 << count)]
    assert {node.domain for node in model.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    for i in range(3):
        write_network(draw(7), tmp_path / str(i))
    assert len({(tmp_path / str(i)).read_bytes() for i in range(3)}) == 1


NETWORK = random_network(11, (12, 6), n_classes=3, image=(4, 5), thresholds=(50, 200))


def tensor_named(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(t for t in model.graph.initializer if t.name == name)


def set_tensor(name: str, values: np.ndarray) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor_named(model, name).CopyFrom(numpy_helper.from_array(values, name))

    return change


def flip_table_bit(model: onnx.ModelProto) -> None:
    tensor = tensor_named(model, "layer1.table")
    tensor.raw_data = bytes([tensor.raw_data[0] ^ 1]) + tensor.raw_data[1:]


def put_a_two_into_a_table(model: onnx.ModelProto) -> None:
    tensor = tensor_named(model, "layer1.table")
    tensor.raw_data = b"\x02" + tensor.raw_data[1:]


def rewire_a_node(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if "layer2.fan_in" in n.input)
    node.input[0] = "encoder.out"


def prefer_the_last_of_equals(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "ArgMax")
    next(a for a in node.attribute if a.name == "select_last_index").i = 1


def add_a_node(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["images"], ["copy"]))


def point_outside(model: onnx.ModelProto) -> None:
    tensor = tensor_named(model, "layer1.table")
    entry = onnx.StringStringEntryProto(key="location", value="/etc/passwd")
    tensor.external_data.append(entry)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")


def drop(name: str) -> Callable[[onnx.ModelProto], None]:
    return lambda model: model.graph.initializer.remove(tensor_named(model, name))


def resize(name: str, *dims: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        del tensor_named(model, name).dims[:]
        tensor_named(model, name).dims.extend(dims)

    return change


GRAPH = "must be the graph Lutloom writes for its integers"
TAMPERED: list[tuple[Callable[[onnx.ModelProto], None], str]] = [
    (flip_table_bit, GRAPH),
    (put_a_two_into_a_table, GRAPH),
    (rewire_a_node, GRAPH),
    (prefer_the_last_of_equals, GRAPH),
    (add_a_node, GRAPH),
    (lambda m: m.ClearField("producer_name"), GRAPH),
    (lambda m: m.MergeFromString(b"\xc2\x3e\x01x") and None, GRAPH),
    (set_tensor("layer1.origin", np.zeros(12, np.int32)), GRAPH),
    (set_tensor("layer1.start", np.zeros((12, 1, 1), np.int32)), GRAPH),
    (set_tensor("layer1.table", np.zeros((12, 16), np.int8)), "layer1.table: must be uint8"),
    (set_tensor("layer1.fan_in", np.full((12, 4), 99, np.int32)), "layer 1, neuron 0: fan-in must"),
    (set_tensor("vote.count", np.array([1, 2, 2])), "vote.count: must add up to the 6 votes"),
    (set_tensor("vote.count", np.array([-1, 3, 4])), "vote.count: must add up to the 6 votes"),
    (set_tensor("vote.count", np.array([1 << 62, 1 << 62, 6])), "vote.count: must add up"),
    (set_tensor("encoder.thresholds", np.ones((300, 1), np.uint8)), "must be at most 255, not 300"),
    (point_outside, "layer1.table: must have 192 numbers inside the file, not 0 bytes"),
    (drop("layer1.table"), "layer1.table: must be in the file, but is missing"),
    (drop("layer1.fan_in"), "layers: must be numbered 1..1024 without a gap"),
    (drop("vote.bias"), "vote.bias: must be in the file"),
    (resize("layer1.fan_in", 1 << 40, 4), "layer1: must have 1..4000000 neurons of fan-in 0..6"),
    (resize("layer1.fan_in", 12, 7), "of fan-in 0..6"),
    (resize("layer1.fan_in", 48), "of fan-in 0..6"),
    (resize("layer1.origin", -12), "layer1.origin: must be int32 of sizes"),
    (resize("vote.source", 1 << 50), "vote.source: must be int32"),
    (resize("vote.source", 1 << 20), "must have 1048576 numbers inside the file"),
    (lambda m: m.ClearField("metadata_props"), "format must be 'lutloom network 1', not None"),
    (lambda m: m.graph.ClearField("input"), "list index"),
    (lambda m: m.graph.input[0].ClearField("type"), "images: must have height and width"),
]


@pytest.mark.parametrize("index", range(len(TAMPERED)))
def test_a_changed_file_is_refused_with_one_line(index: int, tmp_path: Path) -> None:
    change, message = TAMPERED[index]
    model, path = build_model(NETWORK), tmp_path / "n.onnx"
    change(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InvalidFileError, match=message) as caught:
        read_network(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidFileError, match=message):
        classify_onnxruntime(path, IMAGES)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    data = build_model(NETWORK).SerializeToString()
    (tmp_path / "n").write_bytes(data.replace(b"layer1.fan_in", b"layer1.fan_\xff\xff"))
    with pytest.raises(InvalidFileError, match="names must be UTF-8 text"):
        read_network(tmp_path / "n")


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    graph = helper.make_graph([], "g", [], [])
    foreign = helper.make_model(graph, ir_version=9)
    for name, data, message in (
        ("text", b"this is not ONNX", "does not parse"),
        ("foreign", foreign.SerializeToString(), "format must be"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidFileError, match=message):
            read_network(tmp_path / name)


@pytest.mark.parametrize(
    ("cap", "value", "message"),
    [
        ("NEURONS_MAX", 17, "must have at most 17 neurons, not 18"),
        ("LAYERS_MAX", 1, "must have at most 1 layers, not 2"),
        ("_VOTES_MAX", 5, "must have at most 5 votes, not 6"),
    ],
)
def test_caps_hold_for_writing_and_reading(
    cap: str, value: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_network(NETWORK, tmp_path / "before")
    monkeypatch.setattr(network_onnx, cap, value)
    with pytest.raises(InvalidNetworkError, match=message):
        write_network(NETWORK, tmp_path / "n")
    assert not (tmp_path / "n").exists()
    with pytest.raises(InvalidFileError):
        read_network(tmp_path / "before")


def test_the_size_cap_holds_before_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_network(NETWORK, tmp_path / "n")
    monkeypatch.setattr(network_onnx, "FILE_SIZE_MAX_BYTES", 999)
    with pytest.raises(InvalidFileError, match=r"must be 1..999 bytes long"):
        read_network(tmp_path / "n")


def test_an_invalid_network_is_not_written(tmp_path: Path) -> None:
    layer = LutLayer([[UNUSED, 0]], [0], [0])  # type: ignore[arg-type]
    with pytest.raises(InvalidNetworkError, match="unused slots must come last"):
        write_network(Network(NETWORK.encoder, (layer,), NETWORK.head), tmp_path / "n")
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    write_network(NETWORK, tmp_path / "n")
    for images in (IMAGES[:, :3], IMAGES.astype(np.int32)):
        with pytest.raises(InvalidDataError, match="images: must be uint8 of 4x5 pixels, not"):
            classify_onnxruntime(tmp_path / "n", images)
    assert classify_onnxruntime(tmp_path / "n", IMAGES[:0]).shape == (0,)


def test_batches_join_up(tmp_path: Path) -> None:
    write_network(NETWORK, tmp_path / "n")
    session = OnnxRuntimeClassifier(tmp_path / "n")
    session.batch = 32
    assert (session.run(IMAGES)[1] == scores(NETWORK, IMAGES)).all()


def test_a_missing_onnxruntime_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_network(NETWORK, tmp_path / "n")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lutloom\[onnxruntime\]'"):
        classify_onnxruntime(tmp_path / "n", IMAGES)


def test_a_graph_onnxruntime_refuses_gives_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_network(NETWORK, tmp_path / "n")

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nat line 3")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with pytest.raises(InvalidFileError, match="it says 'no such operator'; report this"):
        onnxruntime_session.OnnxRuntimeClassifier(tmp_path / "n")
