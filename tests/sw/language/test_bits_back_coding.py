"""Bits back: what rotations carried comes back bit for bit, and the model is the same."""

from __future__ import annotations

import contextlib
import zlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sliced_models import arrays, from_arrays, make_sliced, off
from small_transformer import make_transformer

from lutloom.errors import InvalidFileError, InvalidNetworkError, InvalidRecipeError
from lutloom.language.bits_back import bound_numbers, coding, decode, encode, least_bytes
from lutloom.language.bits_back.message import Message, uniform
from lutloom.language.bits_back.symmetry import find_nodes
from lutloom.language.transformer import Transformer

TABLES = "embedding.weight", "head.weight"


def recovered(model: Transformer, back: dict[str, NDArray[np.float16]]) -> bool:
    """Whether the tensors that were written first, and popped as rotations, are there again."""
    first = arrays(model)
    return all(np.array_equal(first[n].view("u2"), back[n].view("u2")) for n in TABLES if n in back)


@pytest.mark.parametrize("exponents", [False, True])
@pytest.mark.parametrize("canonical", ["polar", "eigen"])
@pytest.mark.parametrize("changes", [{}, {"tied": False}, {"n_blocks": 0}, {"n_kv_heads": 1}])
def test_a_model_comes_back(canonical: Any, changes: dict[str, Any], exponents: bool) -> None:
    model = make_sliced(**changes)
    config, notes = model.config, []
    data, report = encode(
        config, arrays(model), canonical=canonical, exponents=exponents,
        progress=lambda *note: notes.append(note[:2]),
    )  # fmt: skip
    back = decode(config, data)
    assert notes[-1] == (len(config.node_widths), len(config.node_widths))
    assert list(back) == list(model.state_dict())
    assert recovered(model, back)
    assert off(from_arrays(config, back), model) < 0.02
    assert report.coded_bits == 8 * len(data)
    assert report.plain_bits == 16 * model.n_parameters
    assert report.bound_bits == 16 * bound_numbers(config)
    assert [node.width for node in report.nodes] == [16] * len(report.nodes)


def test_three_quarters_of_the_bound_are_saved() -> None:
    model = make_sliced()
    report = encode(model.config, arrays(model))[1]
    assert 0.70 < report.saved_bits / report.bound_bits < 0.85
    assert report.parameters == bound_numbers(model.config)
    assert 0 < report.corrections <= report.parameters
    headers = report.popped_bits - report.correction_bits - report.saved_bits
    assert 0 <= headers < 13 * 7 + 100  # of each node; of the checksum and the last word


def test_rounding_is_no_worse_than_fp16_itself() -> None:
    model = make_sliced()
    plain = off(from_arrays(model.config, arrays(model)), model)
    data, _ = encode(model.config, arrays(model, "float32"))
    assert off(from_arrays(model.config, decode(model.config, data)), model) < 3 * plain


def test_the_same_bytes_each_time_and_again_from_what_came_back() -> None:
    model = make_sliced()
    data, _ = encode(model.config, arrays(model))
    assert encode(model.config, arrays(model))[0] == data
    back = decode(model.config, data)
    again = decode(model.config, encode(model.config, back)[0])
    assert recovered(model, again)
    assert off(from_arrays(model.config, again), model) < 0.03


def test_coarse_grids_need_hardly_a_correction_and_fine_ones_gain_more() -> None:
    model = make_sliced()
    reports = [encode(model.config, arrays(model), grid_bits=bits)[1] for bits in (8, 11, 14)]
    assert [report.grid_bits for report in reports] == [(bits,) * 7 for bits in (8, 11, 14)]
    wrong = [report.corrections for report in reports]
    assert wrong[0] <= wrong[1] < wrong[2]
    assert wrong[0] < 9
    assert reports[0].saved_bits < reports[1].saved_bits < reports[2].saved_bits
    chosen = encode(model.config, arrays(model))[1]
    assert chosen.saved_bits > 0.99 * reports[2].saved_bits


def test_without_corrections_the_payload_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_sliced()
    data, report = encode(model.config, arrays(model))
    assert report.corrections

    def forget(*given: Any) -> NDArray[np.int64]:
        numbers = right(*given)
        numbers[0] ^= 1
        return numbers

    right = coding.pop_numbers
    monkeypatch.setattr(coding, "pop_numbers", forget)
    with contextlib.suppress(InvalidFileError):
        assert not recovered(model, decode(model.config, data))


def invariants(tensors: dict[str, NDArray[Any]]) -> list[NDArray[np.float64]]:
    """What each node's readers see of the embedding and of its writers: no rotation changes it."""
    wide = {name: values.astype(np.float64) for name, values in tensors.items()}
    stream, found = np.eye(24), []
    for node in find_nodes(2):
        stream = wide[node.shortcut_in] @ stream
        for reader in node.readers:
            found += [wide[reader] @ stream, *(wide[reader] @ wide[w] for w in node.writers)]
    return found


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from([1, 2, 3, 8, 17, 24]), min_size=5, max_size=5),
    st.integers(0, 9),
    st.sampled_from(["polar", "eigen"]),
    st.sampled_from([None, 7, 12, 18]),
    st.booleans(),
)
def test_any_widths_and_weights_come_back(
    widths: list[int], seed: int, canonical: Any, bits: int | None, exponents: bool
) -> None:
    model = make_transformer(seed=seed, n_blocks=2, node_widths=tuple(widths))
    data, report = encode(
        model.config, arrays(model), canonical=canonical, grid_bits=bits, exponents=exponents
    )
    assert len(data) >= least_bytes(model.config) >= model.n_parameters // 4
    back = decode(model.config, data)
    assert recovered(model, back)
    for found, expected in zip(invariants(back), invariants(arrays(model)), strict=True):
        np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())
    tables = 512 * len(back) * exponents
    assert report.saved_bits > -(13 * 5 + 100 + tables)


def spoil_nothing_is_there(tensors: dict[str, NDArray[Any]]) -> None:
    for values in tensors.values():
        values[:] = 0


def spoil_features_are_dead(tensors: dict[str, NDArray[Any]]) -> None:
    for node in find_nodes(3):
        for name in node.rows:
            tensors[name][-3:] = 0
        for name in node.columns:
            tensors[name][:, -3:] = 0


def spoil_eigenvalues_are_equal(tensors: dict[str, NDArray[Any]]) -> None:
    for name, values in tensors.items():
        if name not in TABLES:
            values[:] = np.eye(*values.shape)


def spoil_weights_are_below_fp16(tensors: dict[str, NDArray[Any]]) -> None:
    for name, values in tensors.items():
        if name not in TABLES:
            values *= 2.0**-20


@pytest.mark.parametrize("canonical", ["polar", "eigen"])
@pytest.mark.parametrize(
    "spoil",
    [
        spoil_nothing_is_there,
        spoil_features_are_dead,
        spoil_eigenvalues_are_equal,
        spoil_weights_are_below_fp16,
    ],
)
def test_ill_conditioned_models_come_back_and_cost_nothing(canonical: Any, spoil: Any) -> None:
    tensors = arrays(make_sliced(), "float32")
    spoil(tensors)
    model = from_arrays(make_sliced().config, tensors)
    data, report = encode(model.config, tensors, canonical=canonical)
    back = decode(model.config, data)
    assert recovered(model, back)
    assert report.saved_bits > -(13 * 7 + 100)
    assert all(np.isfinite(values).all() for values in back.values())


def test_a_short_message_leaves_rotations_alone() -> None:
    model = make_transformer(vocabulary=2, n_blocks=0, node_widths=(24,))
    data, report = encode(model.config, arrays(model))
    assert report.grid_bits == (0,)
    assert recovered(model, decode(model.config, data))


def test_damage_is_found() -> None:
    model = make_sliced()
    data, _ = encode(model.config, arrays(model))
    for at in (0, 4, len(data) // 2, len(data) - 1):
        damaged = bytearray(data)
        damaged[at] ^= 16
        with pytest.raises(InvalidFileError, match="must be a checksum and whole words it is of"):
            decode(model.config, bytes(damaged))
    with pytest.raises(InvalidFileError, match="must be a checksum and whole words"):
        decode(model.config, data + b"\0")
    with pytest.raises(InvalidFileError, match=r"there must be [\d,]+ bytes or more for this"):
        decode(model.config, data[: len(data) // 2])
    longer = data[4:] + bytes(4)
    with pytest.raises(InvalidFileError, match="the last word must not be 0, but is"):
        decode(model.config, zlib.crc32(longer).to_bytes(4, "little") + longer)


@pytest.mark.parametrize("seed", range(8))
def test_bytes_of_anything_else_are_refused(seed: int) -> None:
    model = make_sliced()
    noise = np.random.default_rng(seed).bytes(len(encode(model.config, arrays(model))[0]) + 96)
    noise = noise[: len(noise) // 4 * 4 - 1] + b"\1"
    data = zlib.crc32(noise).to_bytes(4, "little") + noise
    with pytest.raises(InvalidFileError, match="the configuration the file was written with"):
        decode(model.config, data)


def test_a_rotation_larger_than_what_tells_it_is_refused() -> None:
    """Else a file of some kilobytes could ask for a matrix of gigabytes."""
    model = make_transformer(
        vocabulary=9, n_blocks=1, n_heads=1, head_size=2, hidden=1, node_widths=(1, 24, 1)
    )
    tensors = arrays(model)
    data, report = encode(model.config, tensors, grid_bits=12)
    assert report.grid_bits == (0, 0, 0)
    assert recovered(model, decode(model.config, data))
    message, nodes = Message(), find_nodes(1)
    for node, bits in ((nodes[1], 12), (nodes[2], 0)):
        for name in (*node.rows, *node.readers):
            message.push_halves(tensors[name], name)
        message.push(np.array([bits]), uniform(32))
        message.push(np.array([0]), uniform(256))
    message.push(np.array([0, 0]), uniform(2))
    forged = message.to_bytes()
    forged = bytes(900) + forged[4:]
    forged = zlib.crc32(forged).to_bytes(4, "little") + forged
    with pytest.raises(
        InvalidFileError, match=r"node blocks\.0\.attention_shortcut\.weight must be as"
    ):
        decode(model.config, forged)
    huge = msgspec.structs.replace(model.config, width=1 << 16, node_widths=(1, 1 << 16, 1))
    with pytest.raises(InvalidFileError, match=r"there must be [\d,]+ bytes or more for this"):
        decode(huge, forged)


def test_another_configuration_is_refused() -> None:
    model = make_sliced()
    data, _ = encode(model.config, arrays(model))
    other = msgspec.structs.replace(model.config, n_kv_heads=1)
    with pytest.raises(InvalidFileError, match="the configuration the file was written with"):
        decode(other, data)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("exit.weight", None, r"bits back, exit\.weight: must be 24 x 16, not missing; give"),
        ("extra", np.zeros(3), "bits back, extra: must be missing, not 3; give the tensors"),
        ("exit.weight", np.zeros((16, 24)), "must be 24 x 16, not 16 x 24"),
        ("exit.weight", np.zeros((24, 16), int), "must be float16 or a wider float, not int64"),
        ("exit.weight", np.full((24, 16), np.nan), r"exit\.weight: must be finite and at most"),
        ("embedding.weight", np.full((61, 24), 1e5), "at most 65,504 in size, but is up to 1000"),
    ],
)
def test_other_tensors_are_refused(name: str, values: NDArray[Any] | None, message: str) -> None:
    model = make_sliced()
    tensors: dict[str, NDArray[Any]] = {**arrays(model)}
    tensors.pop(name, None)
    if values is not None:
        tensors[name] = values
    with pytest.raises(InvalidNetworkError, match=message):
        encode(model.config, tensors)


def test_other_options_and_models_are_refused() -> None:
    whole, sliced = make_transformer(), make_sliced()
    with pytest.raises(InvalidNetworkError, match="bits back: the model must be sliced"):
        encode(whole.config, arrays(whole))
    with pytest.raises(InvalidNetworkError, match="bits back: the model must be sliced"):
        decode(whole.config, b"1234")
    with pytest.raises(InvalidRecipeError, match=r"grid_bits: must be 7\.\.18, not 19; correct it"):
        encode(sliced.config, arrays(sliced), grid_bits=19)
    with pytest.raises(InvalidRecipeError, match="canonical: must be one of polar, eigen, not 'x'"):
        encode(sliced.config, arrays(sliced), canonical="x")  # type: ignore[arg-type]
