from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load, save

from lutloom.errors import InvalidFileError, InvalidNetworkError
from lutloom.files import model_state
from lutloom.files.model_state import LayerState, ModelState, model_digest, read_model, write_model
from lutloom.ir import ThermometerEncoder

RNG = np.random.default_rng(8)
TABLE = LayerState("table", RNG.integers(0, 24, (20, 4)), RNG.normal(size=(20, 16)))
SUMS = LayerState(
    "activation_first",
    RNG.integers(0, 20, (9, 3)),
    weight=RNG.random((9, 3)),
    polarity_in=RNG.choice([-1, 1], (9, 3)),
    threshold=RNG.normal(size=9),
)
SMALL = LayerState("table", RNG.integers(0, 9, (6, 6)), RNG.integers(-8, 8, (6, 64), np.int8))
ENCODER = ThermometerEncoder(3, 4, np.array([100, 200], np.uint8))
STATE = ModelState(ENCODER, 3, (TABLE, SUMS, SMALL), {"seed": "8", "recipe": "tiny\n"})


def test_a_state_comes_back_exactly(tmp_path: Path) -> None:
    write_model(STATE, tmp_path / "m.safetensors")
    back = read_model(tmp_path / "m.safetensors")
    assert model_digest(back) == model_digest(STATE)
    assert dict(back.metadata) == dict(STATE.metadata)
    assert (back.n_classes, back.n_neurons, back.votes_per_class) == (3, 35, 2)
    for held, wanted in zip(back.layers, STATE.layers, strict=True):
        assert held.kind == wanted.kind
        assert held.tensors.keys() == wanted.tensors.keys()
        for name, array in wanted.tensors.items():
            assert held.tensors[name].dtype == array.dtype
            assert (held.tensors[name] == array).all()


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    backwards = ModelState(ENCODER, 3, STATE.layers, dict(reversed(STATE.metadata.items())))
    for i, state in enumerate([STATE, backwards] * 4):
        write_model(state, tmp_path / str(i))
    assert len({(tmp_path / str(i)).read_bytes() for i in range(8)}) == 1


def test_the_digest_names_everything_learnt_and_nothing_else() -> None:
    counter = np.array(TABLE.counter)
    counter[3, 5] += 1
    others = [
        ModelState(ENCODER, 3, (replace(TABLE, counter=counter), SUMS, SMALL)),
        ModelState(ENCODER, 2, STATE.layers),
        ModelState(ThermometerEncoder(4, 3, ENCODER.thresholds), 3, STATE.layers),
        ModelState(ENCODER, 3, (TABLE, replace(SUMS, polarity_in=np.ones((9, 3))), SMALL)),
    ]
    assert len({model_digest(state) for state in [STATE, *others]}) == 5
    assert model_digest(ModelState(ENCODER, 3, STATE.layers)) == model_digest(STATE)


def with_layer(index: int, **columns: Any) -> ModelState:
    layers = list(STATE.layers)
    layers[index] = replace(layers[index], **columns)
    return ModelState(ENCODER, 3, tuple(layers))


BROKEN: dict[str, Callable[[], ModelState]] = {
    "layer 1: kind must be table or activation_first": lambda: with_layer(0, kind="conv"),
    "layer 1: fan-in must be 1..6, not 7": lambda: with_layer(0, fan_in=np.zeros((20, 7))),
    "layer 1: fan_in must have a row": lambda: with_layer(0, fan_in=np.zeros(20)),
    "layer 2: every input must be connected": lambda: with_layer(1, fan_in=-np.ones((9, 3))),
    "layer 2, neuron 0: fan-in must point at outputs 0..19": lambda: with_layer(
        1, fan_in=np.full((9, 3), 20)
    ),
    "layer 1: arrays must be": lambda: with_layer(0, counter=np.zeros((20, 15))),
    "layer 2: arrays must be": lambda: with_layer(1, threshold=None),
    "layer 3: arrays must be": lambda: with_layer(2, threshold=np.zeros(6)),
    "layer 1: counter must be finite": lambda: with_layer(0, counter=np.full((20, 16), np.nan)),
    "layer 2: weight must be finite": lambda: with_layer(1, weight=np.full((9, 3), np.inf)),
    "layer 2: weights must not be negative": lambda: with_layer(1, weight=-np.ones((9, 3))),
    r"layer 2: polarities must be \+1 or -1": lambda: with_layer(1, polarity_in=np.zeros((9, 3))),
    "model: must have 1..1024 layers, not 0": lambda: ModelState(ENCODER, 3, ()),
    "layer 3: neurons must be a multiple of the 4 classes": lambda: ModelState(
        ENCODER, 4, STATE.layers
    ),
    "layer 3: neurons must be a multiple of the 0 classes": lambda: ModelState(
        ENCODER, 0, STATE.layers
    ),
    "vote: classes must be 2..100, not 1": lambda: ModelState(ENCODER, 1, STATE.layers),
    "encoder: image height must be 1..64": lambda: ModelState(
        ThermometerEncoder(99, 4, ENCODER.thresholds), 3, STATE.layers
    ),
    "encoder: thresholds must rise": lambda: ModelState(
        ThermometerEncoder(3, 4, np.array([9, 9], np.uint8)), 3, STATE.layers
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_rule_is_named_and_nothing_written(message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidNetworkError, match=message):
        write_model(BROKEN[message](), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_too_many_neurons_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_model(STATE, tmp_path / "m")
    monkeypatch.setattr(model_state, "NEURONS_MAX", 34)
    with pytest.raises(InvalidNetworkError, match="must have at most 34 neurons, not 35"):
        write_model(STATE, tmp_path / "n")
    with pytest.raises(InvalidFileError, match="must have"):
        read_model(tmp_path / "m")


def header_of(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    header = msgspec.json.decode(data[8 : 8 + int.from_bytes(data[:8], "little")])
    inner: dict[str, Any] = msgspec.json.decode(header["__metadata__"]["lutloom"])
    return inner


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "lutloom model 9", "header: format must be 'lutloom model 1'"),
        ("digest", "0" * 64, "tensors: digest must be 0000"),
        ("height", 2, "layer 1, neuron"),
        ("height", "3", "Expected `int`, got `str`"),
        ("height", 1 << 70, "image height must be 1..64 pixels"),
        ("layers", [], "header: must name 1..1024 layers, not 0"),
        ("layers", ["table"] * 3, "tensors must be those of its layers, not missing"),
        ("layers", ["conv"] * 3, "Invalid enum value 'conv'"),
        ("metadata", {"a": 1}, "Expected `str`, got `int`"),
        ("extra", 1, "unknown field `extra`"),
    ],
)
def test_a_changed_header_is_refused(key: str, value: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    write_model(STATE, path)
    header = header_of(path) | {key: value}
    if value == 1 << 70:
        text = msgspec.json.encode(header | {key: 77}).replace(b"77", str(value).encode(), 1)
    else:
        text = msgspec.json.encode(header)
    path.write_bytes(save(load(path.read_bytes()), {"lutloom": text.decode()}))
    with pytest.raises(InvalidFileError, match=message) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("layer1.counter", np.zeros((20, 16), np.float64), "must be F32 or I8, not F64"),
        ("layer1.fan_in", np.zeros((20, 4), np.int64), "must be I32, not I64"),
        ("layer1.counter", np.zeros((20, 16), np.float32), "copy the file again"),
        ("layer2.threshold", np.zeros((9, 1), np.float32), "must have 1 sizes"),
        ("layer2.threshold", np.zeros(0, np.float32), "must have 1 sizes within 1..4000000"),
        ("encoder.thresholds", np.zeros(300, np.uint8), "must have 1..255 thresholds, not 300"),
        ("layer4.fan_in", np.zeros((2, 2), np.int32), r"unknown \['layer4.fan_in'\]"),
    ],
)
def test_changed_tensors_are_refused(
    name: str, array: np.ndarray, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "m"
    write_model(STATE, path)
    header = msgspec.json.encode(header_of(path)).decode()
    path.write_bytes(save(load(path.read_bytes()) | {name: array}, {"lutloom": header}))
    with pytest.raises(InvalidFileError, match=message):
        read_model(path)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    for name, data in (
        ("text", b"hello, this is not a model"),
        ("other", save({"w": np.zeros(3, np.float32)})),
        ("header", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidFileError, match="must be"):
            read_model(tmp_path / name)
    with pytest.raises(InvalidFileError, match="must exist"):
        read_model(tmp_path / "missing")


def test_the_size_cap_holds_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(STATE, tmp_path / "m")
    monkeypatch.setattr(model_state, "FILE_SIZE_MAX_BYTES", 100)
    with pytest.raises(InvalidFileError, match=r"must be 1..100 bytes long"):
        read_model(tmp_path / "m")
