"""The ONNX file of integer attention: the same integers, and nothing else is accepted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from attention_rows import (
    SHAPES,
    Integers,
    draw_calibrated,
    draw_integers,
    extreme_integers,
    make_calibrated,
    make_config,
)
from onnx import helper, numpy_helper

from lutloom.attention import CalibratedAttention, attend
from lutloom.errors import InvalidDataError, InvalidFileError, MissingExtraError
from lutloom.files import attention_onnx
from lutloom.files.attention_onnx import (
    OnnxRuntimeAttention,
    build_attention,
    read_attention,
    write_attention,
)


def differing(session: OnnxRuntimeAttention, calibrated: CalibratedAttention, n: int) -> int:
    config = calibrated.layer.config
    rows: list[Integers] = [draw_integers(config, n, seed) for seed in range(2)]
    query, key, value = rows[0]
    rows.append((query // 8, key // 8, value))
    rows += extreme_integers(config, n) if n < 40 else []
    return sum(int((session.run(*some) != attend(calibrated.layer, *some)).sum()) for some in rows)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("head_size", "context"), [(8, 16), (32, 40), (64, 130)])
def test_onnxruntime_gives_the_same_integers(
    shape: dict[str, Any], head_size: int, context: int, tmp_path: Path
) -> None:
    config = make_config(head_size=head_size, context=context, **shape)
    for seed in range(3):
        calibrated = draw_calibrated(config, seed)
        write_attention(calibrated, tmp_path / "a.onnx")
        session = OnnxRuntimeAttention(tmp_path / "a.onnx")
        for n in (1, 2, 3, 5, 16, context):
            assert differing(session, calibrated, n) == 0


def test_every_length_gives_the_same_integers(tmp_path: Path) -> None:
    config = make_config(n_heads=3, context=37, pattern="local_strided", stride=6)
    calibrated = draw_calibrated(config, 5)
    write_attention(calibrated, tmp_path / "a.onnx")
    session = OnnxRuntimeAttention(tmp_path / "a.onnx")
    assert sum(differing(session, calibrated, n) for n in range(1, 38)) == 0


def test_the_ends_of_every_number_give_the_same_integers(tmp_path: Path) -> None:
    config = make_config(n_heads=4, head_size=64, context=512)
    calibrated = make_calibrated(config, [1, 65535, 1, 65535], [0, 0, 7, 7])
    write_attention(calibrated, tmp_path / "a.onnx")
    session = OnnxRuntimeAttention(tmp_path / "a.onnx")
    assert differing(session, calibrated, 512) == 0
    assert differing(session, calibrated, 33) == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_a_layer_comes_back_exactly(shape: dict[str, Any], tmp_path: Path) -> None:
    held = draw_calibrated(make_config(**shape), 9)
    write_attention(held, tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert "Sign" not in {node.op_type for node in model.graph.node}
    assert max(np.prod(tensor.dims) for tensor in model.graph.initializer) == 256
    back = read_attention(tmp_path / "a.onnx")
    assert back.layer.config == held.layer.config
    for name in ("query_scale", "key_scale", "value_scale"):
        assert (getattr(back, name) == getattr(held, name)).all()
    assert (back.layer.multiplier == held.layer.multiplier).all()
    assert (back.layer.value_shift == held.layer.value_shift).all()
    write_attention(back, tmp_path / "b.onnx")
    assert (tmp_path / "b.onnx").read_bytes() == (tmp_path / "a.onnx").read_bytes()


HELD = make_calibrated(make_config(pattern="fixed", stride=4), [3000, 700], [0, 1])


def tensor_named(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(t for t in model.graph.initializer if t.name == name)


def node_named(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(n for n in model.graph.node if n.name == name)


def set_tensor(name: str, values: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        array = np.array(values, dtype=np.int64)
        tensor_named(model, name).CopyFrom(numpy_helper.from_array(array, name))

    return change


def rewire(name: str, index: int, source: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        node_named(model, name).input[index] = source

    return change


def bump_power(model: onnx.ModelProto) -> None:
    powers = numpy_helper.to_array(tensor_named(model, "powers")).copy()
    powers[1] += 40
    set_tensor("powers", powers)(model)


FAULTS: list[Callable[[onnx.ModelProto], None]] = [
    set_tensor("multiplier", [[[2999]], [[690]]]),
    set_tensor("double_factor", [[[2]], [[2]]]),
    set_tensor("exponent_step", 65000),
    set_tensor("two", 1),
    set_tensor("most", 126),
    set_tensor("stride", 5),
    set_tensor("block_end", 2),
    set_tensor("powers", np.full(256, 32768)),
    bump_power,
    rewire("key_block", 0, "query_place"),
    rewire("total", 0, "weights_all"),
    rewire("weights", 2, "one"),
    rewire("below", 0, "zero"),
    rewire("seen", 0, "pattern"),
    rewire("raised", 1, "zero"),
]


@pytest.mark.parametrize("index", range(len(FAULTS)))
def test_a_fault_in_the_graph_is_seen_and_refused(index: int, tmp_path: Path) -> None:
    model = build_attention(HELD)
    FAULTS[index](model)
    session = OnnxRuntimeAttention.__new__(OnnxRuntimeAttention)  # past the check of the file
    session.calibrated = HELD
    session._session = onnxruntime.InferenceSession(model.SerializeToString())
    assert differing(session, HELD, 16) > 0
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    for read in (read_attention, OnnxRuntimeAttention):
        with pytest.raises(InvalidFileError, match="must be the graph Lutloom writes"):
            read(tmp_path / "a.onnx")


def header(**changes: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        raw = json.loads(model.metadata_props[0].value)
        for key, value in changes.items():
            (raw["config"] if key in raw["config"] else raw)[key] = value
        helper.set_model_props(model, {"lutloom": json.dumps(raw)})

    return change


def set_header(text: str) -> Callable[[onnx.ModelProto], None]:
    return lambda model: helper.set_model_props(model, {"lutloom": text})


def add_a_node(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["query"], ["copy"]))


def point_outside(model: onnx.ModelProto) -> None:
    tensor = tensor_named(model, "powers")
    tensor.external_data.append(onnx.StringStringEntryProto(key="location", value="/etc/passwd"))
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")


GRAPH = "must be the graph Lutloom writes for its numbers"
TAMPERED: list[tuple[Callable[[onnx.ModelProto], None], str]] = [
    (add_a_node, GRAPH),
    (point_outside, GRAPH),
    (lambda m: m.ClearField("producer_name"), GRAPH),
    (lambda m: m.MergeFromString(b"\xc2\x3e\x01x") and None, GRAPH),
    (lambda m: m.metadata_props.add(key="more", value="x") and None, GRAPH),
    (header(stride=5), GRAPH),
    (header(value_shift=[0, 2]), GRAPH),
    (header(), GRAPH),  # the same, but spaced otherwise
    (header(multiplier=[3000, 701]), "head 1, multiplier: must be that of its scales, 700, not"),
    (header(multiplier=[3000]), "multiplier: must be 2 integers, one a head"),
    (header(multiplier=[3000, 1 << 70]), "integers must fit in 32 bits, but one does not"),
    (header(multiplier=[3000, 0]), "head 1, multiplier: must be 1..65535, not 0"),
    (header(value_shift=[0, 8]), "head 1, value_shift: must be 0..7, not 8"),
    (header(query_scale=[0.25, -1.0]), "query_scale: must be 2 numbers above 0"),
    (header(query_scale=[0.25]), "query_scale: must be 2 numbers above 0"),
    (header(key_scale=[1e308, 1e308]), "multiplier: must be that of its scales"),
    (header(n_heads=10**9), "n_heads: must be an integer 1..64, not 1000000000"),
    (header(head_size=7), "head_size: must be an integer 8..64, not 7"),
    (header(context=513), "context: must be an integer 1..512, not 513"),
    (header(pattern="diagonal"), "pattern: must be"),
    (header(mode="set"), "pattern must be 'causal' in mode 'set', not 'fixed'"),
    (header(surplus=1), "surplus"),
    (header(format="lutloom attention 2"), "format must be 'lutloom attention 1', not 'lutloom a"),
    (lambda m: m.ClearField("metadata_props"), "format must be 'lutloom attention 1', not None"),
    (set_header("[1]"), "format must be 'lutloom attention 1', not None"),
    (set_header("{"), "JSON is malformed|truncated"),
    (set_header('{"format": "lutloom attention 1"}'), "config"),
    (set_header("[" * 10_000), "; give an unchanged file"),
]


@pytest.mark.parametrize("index", range(len(TAMPERED)))
def test_a_changed_file_is_refused_with_one_line(index: int, tmp_path: Path) -> None:
    change, message = TAMPERED[index]
    model, path = build_attention(HELD), tmp_path / "a.onnx"
    change(model)
    path.write_bytes(model.SerializeToString())
    for read in (read_attention, OnnxRuntimeAttention):
        with pytest.raises(InvalidFileError, match=message) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).endswith("give an unchanged file of 'lutloom attention lower'")
        assert "\n" not in str(caught.value)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    whole = build_attention(HELD).SerializeToString()
    for data, message in (
        (b"this is not ONNX", "does not parse"),
        (whole[:-7], "does not parse"),
        (whole.replace(b"lutloom attention 1", b"lutloom attent\xff\xffn 1"), "."),
        (b"", "bytes long, not 0"),
    ):
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(InvalidFileError, match=message):
            read_attention(tmp_path / "a")
    with pytest.raises(InvalidFileError, match="there is no such file"):
        read_attention(tmp_path / "nothing")


def test_every_changed_byte_is_refused(tmp_path: Path) -> None:
    whole = build_attention(HELD).SerializeToString()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 150, replace=False):
        data = bytearray(whole)
        data[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(InvalidFileError):
            read_attention(tmp_path / "a")


def test_the_size_cap_holds_before_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_attention(HELD, tmp_path / "a")
    monkeypatch.setattr(attention_onnx, "FILE_BYTES_MAX", 999)
    with pytest.raises(InvalidFileError, match=r"must be 1..999 bytes long"):
        read_attention(tmp_path / "a")


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:, :, :4],
        lambda rows: rows.astype(np.int64),
        lambda rows: rows[:, :0],
        lambda rows: np.repeat(rows, 2, axis=1),
        lambda rows: rows[0],
        lambda rows: np.full_like(rows, -128),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: Any, tmp_path: Path) -> None:
    write_attention(HELD, tmp_path / "a")
    session = OnnxRuntimeAttention(tmp_path / "a")
    rows = [change(part) for part in draw_integers(HELD.layer.config, 16)]
    message = r"attention, query: must be int8\[2, 1..16, 8\] of -127..127, all three alike, not "
    with pytest.raises(InvalidDataError, match=message):
        session.run(*rows)


def test_rows_need_not_lie_together(tmp_path: Path) -> None:
    write_attention(HELD, tmp_path / "a")
    query, key, value = (part[:, ::-2] for part in draw_integers(HELD.layer.config, 16))
    found = OnnxRuntimeAttention(tmp_path / "a").run(query, key, value)
    assert (found == attend(HELD.layer, query, key, value)).all()


def test_a_missing_onnxruntime_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_attention(HELD, tmp_path / "a")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lutloom\[onnxruntime\]'"):
        OnnxRuntimeAttention(tmp_path / "a")


def test_a_graph_onnxruntime_refuses_gives_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nat line 3")

    write_attention(HELD, tmp_path / "a")
    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with pytest.raises(InvalidFileError, match="it says 'no such operator'; report this"):
        OnnxRuntimeAttention(tmp_path / "a")
