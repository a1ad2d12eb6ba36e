"""Codes, levels, codebooks and value shifts from rows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from attention_rows import draw_floats, make_config

from lutloom.attention import seen_keys
from lutloom.attention.binary import BinaryAttention, attend_binary, count_equal_bits
from lutloom.attention.binary_calibrate import (
    CalibratedBinaryAttention,
    calibrate_binary,
    level_table,
)
from lutloom.attention.binary_codes import CodeMap, learn_codes, round_to_powers
from lutloom.attention.calibrate import float_attention
from lutloom.errors import InvalidDataError, InvalidNetworkError, InvalidRecipeError

CONFIG = make_config(n_heads=2, head_size=8, context=16)


@pytest.fixture(scope="module")
def calibrated() -> CalibratedBinaryAttention:
    return calibrate_binary(CONFIG, *draw_floats(CONFIG, 6, 16), code_bits=16)


def test_a_code_says_on_which_side_of_each_hyperplane_a_row_lies() -> None:
    codes = CodeMap(np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 1.0]]), np.array([0.0, 1.0, -2.0]))
    rows = np.array([[[0.0, 0.0], [-0.1, -3.0]], [[4.0, 1.0], [-4.0, -2.5]]])
    assert codes.encode(rows).tolist() == [[0b101, 0b010], [0b111, 0b000]]
    wide = CodeMap(np.ones((64, 2)), np.zeros(64))
    assert codes.bits(rows).shape == (2, 2, 3)
    assert wide.encode(np.ones((1, 2))).tolist() == [2**64 - 1]


def test_coefficients_become_powers_of_two() -> None:
    direction = np.array([[0.9, -0.5, 0.2, 0.05, 0.0, -1.0], [0.0] * 6, [3e-9, 1e-9, 0, 0, 0, 0]])
    assert round_to_powers(direction).tolist() == [
        [1.0, -0.5, 0.25, 0.0, 0.0, -1.0],
        [0.0] * 6,
        [1.0, 0.25, 0.0, 0.0, 0.0, 0.0],
    ]


def share_kept(query: Any, key: Any, codes: Any, code_bits: int) -> float:
    """Share of queries whose true best key is among the two best by codes."""
    kept = []
    for q, k in zip(query, key, strict=True):
        found = count_equal_bits(codes.query.encode(q), codes.key.encode(k), code_bits)
        best = (q @ k.T).argmax(axis=1)
        kept.append(found[np.arange(len(best)), best] >= np.sort(found, axis=1)[:, -2])
    return float(np.mean(kept))


def test_learnt_codes_rank_keys_better_than_random_hyperplanes() -> None:
    rng = np.random.default_rng(0)
    query, key = rng.normal(size=(2, 9, 32, 8))
    stretch = np.array([8.0, 4, 2, 1, 1, 0.5, 0.25, 0.125])
    query, key = query * stretch, key / stretch  # the products are as before
    seen = np.ones((32, 32), dtype=np.bool_)
    learnt = learn_codes(query[:3], key[:3], seen, 24, np.random.default_rng(1), pool=96)
    assert set(np.abs(learnt.query.direction).ravel()) <= {0.0, 0.125, 0.25, 0.5, 1.0}
    directions = rng.normal(size=(24, 8))
    plain = CodeMap(directions, np.zeros(24))
    random = type(learnt)(plain, plain)
    good, poor = (share_kept(query[3:], key[3:], codes, 24) for codes in (learnt, random))
    assert good > poor + 0.1


def test_codes_are_the_same_for_the_same_seed_only() -> None:
    query, key, _ = (part[0] for part in draw_floats(CONFIG, 3, 16))
    seen = seen_keys(CONFIG, 16)
    first, again, other = (
        learn_codes(query, key, seen, 8, np.random.default_rng(seed), pool=32, rounds=2)
        for seed in (0, 0, 1)
    )
    assert (first.key.direction == again.key.direction).all()
    assert (first.key.threshold == again.key.threshold).all()
    assert (first.key.threshold != other.key.threshold).any()


def test_it_runs_the_specification(calibrated: CalibratedBinaryAttention) -> None:
    query, key, value = draw_floats(CONFIG, 3, 12, seed=5)
    integers = calibrated.quantise(query, key, value)
    assert [part.dtype.name for part in integers] == ["uint64", "uint64", "uint8"]
    found = calibrated.run(query, key, value)
    for window in range(3):
        output = attend_binary(calibrated.layer, *(part[:, window] for part in integers))
        worth = output * calibrated.output_scale[:, None, None]
        assert found[:, window] == pytest.approx(worth)


def test_a_value_goes_to_the_nearest_entry(calibrated: CalibratedBinaryAttention) -> None:
    book = calibrated.layer.codebook
    assert book is not None
    _, _, value = draw_floats(CONFIG, 1, 9)
    found = calibrated.quantise_values(1, value[1, 0])
    for row, position in itertools.product(range(9), range(4)):
        wanted = value[1, 0, row, 2 * position : 2 * position + 2] / calibrated.value_scale[1]
        far = [float(((wanted - entry) ** 2).sum()) for entry in book[1, position]]
        assert far[found[row, position]] == min(far)


def test_a_codebook_of_sixteen_points_has_them_all() -> None:
    config = make_config(n_heads=1, mode="set")
    rng = np.random.default_rng(3)
    points = rng.integers(-127, 128, (4, 16, 2))
    points[0, 0] = 127  # so that a step is worth 1
    query, key, _ = draw_floats(config, 4, 16)
    entries = rng.integers(0, 16, (4, 16, 4))
    entries.reshape(-1, 4)[:16] = np.arange(16)[:, None]
    value = points[np.arange(4), entries].reshape(1, 4, 16, 8).astype(float)
    found = calibrate_binary(config, query, key, value, code_bits=8)
    assert found.layer.codebook is not None
    for group, wanted in zip(found.layer.codebook[0], points, strict=True):
        assert {tuple(entry) for entry in group.tolist()} == {tuple(p) for p in wanted.tolist()}


def test_its_mean_is_nearer_to_attention_than_equal_weights_and_random_codes() -> None:
    config = make_config(n_heads=1, head_size=8, context=16)
    rows = draw_floats(config, 12, 16, size=1.5)
    held_out = draw_floats(config, 4, 16, seed=1, size=1.5)
    exact = float_attention(config, *held_out)

    def error(one: CalibratedBinaryAttention) -> float:
        return float(np.square(one.run(*held_out) - exact).mean())

    chosen = calibrate_binary(config, *rows, group_size=0)
    layer = chosen.layer
    flat = BinaryAttention(
        config, 32, layer.n_kept, level_table(0.0)[None], np.zeros_like(layer.value_shift)
    )
    assert error(chosen) < 0.8 * error(CalibratedBinaryAttention(flat, *parts(chosen)))
    assert error(chosen) < np.square(exact).mean()


def parts(calibrated: CalibratedBinaryAttention) -> Any:
    return calibrated.codes, calibrated.value_scale


def test_no_calibration_row_saturates_with_a_shift() -> None:
    query, key, value = draw_floats(CONFIG, 4, 16, size=0.3)
    query[:], key[:] = 1.0, 1.0  # all tie: means are small
    found = calibrate_binary(CONFIG, query, key, value, code_bits=8, n_kept=0, group_size=0)
    assert (found.layer.value_shift >= 0).all()
    output = found.run(query, key, value) / found.output_scale[:, None, None, None]
    shifted = found.layer.value_shift > 0
    assert (np.abs(output[shifted]) < 126.5).all()
    small = calibrate_binary(
        CONFIG, query, key, value * np.tile([1, -1], 4), n_kept=0, group_size=0
    )
    assert small.layer.config == CONFIG


def test_levels_fall_evenly_and_end() -> None:
    assert level_table(0.5).tolist() == [gap // 2 for gap in range(16)] + [8] * 16
    assert not level_table(0.0).any()
    assert level_table(16.0)[:3].tolist() == [0, 8, 8]


def test_heads_are_calibrated_by_themselves(calibrated: CalibratedBinaryAttention) -> None:
    query, key, value = draw_floats(CONFIG, 6, 16)
    query[1] = 7.0
    changed = calibrate_binary(CONFIG, query, key, value, code_bits=16)
    assert (changed.codes[0].key.direction == calibrated.codes[0].key.direction).all()
    assert (changed.layer.level[0] == calibrated.layer.level[0]).all()


def test_one_window_and_a_head_of_zeros_are_no_trouble() -> None:
    query, key, value = draw_floats(CONFIG, 1, 16)
    query[0] = key[1] = value[1] = 0.0
    found = calibrate_binary(CONFIG, query, key, value, code_bits=8)
    assert np.isfinite(found.run(query, key, value)).all()
    assert not found.run(query, key, value)[1].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:1], r"queries: must be \[2, windows, 1..16, 8\], all three alike, not"),
        (lambda rows: rows[:, :0], "all three alike, not"),
        (lambda rows: np.repeat(rows, 2, axis=2), "all three alike, not"),
        (lambda rows: rows * np.nan, "queries: must be finite numbers, but one is not"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    rows = [change(part) for part in draw_floats(CONFIG, 2, 16)]
    with pytest.raises(InvalidDataError, match=message):
        calibrate_binary(CONFIG, *rows)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_kept": 3}, InvalidRecipeError, "n_kept: must be one of 0, 1, 2, 4, 8, not 3"),
        ({"group_size": 3}, InvalidRecipeError, "group_size: must divide the head size 8, or be 0"),
        ({"group_size": -1}, InvalidRecipeError, "group_size: must divide the head size 8, or be"),
        ({"code_bits": 65}, InvalidNetworkError, "code_bits: must be 8..64, not 65"),
        ({"code_bits": 4}, InvalidNetworkError, "code_bits: must be 8..64, not 4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        calibrate_binary(CONFIG, *draw_floats(CONFIG, 2, 16), **change)


def test_a_number_that_is_not_finite_is_not_quantised(
    calibrated: CalibratedBinaryAttention,
) -> None:
    query, key, value = draw_floats(CONFIG, 1, 4)
    key[1, 0, 2, 3] = np.inf
    with pytest.raises(InvalidDataError, match="keys: must be finite numbers, but one is not"):
        calibrated.quantise(query, key, value)


def test_parts_of_other_layers_are_refused(calibrated: CalibratedBinaryAttention) -> None:
    layer, codes, scale = calibrated.layer, calibrated.codes, calibrated.value_scale
    with pytest.raises(InvalidNetworkError, match="codes: must be 2 pairs of 16 hyperplanes of 8"):
        CalibratedBinaryAttention(layer, codes[:1], scale)
    short = tuple(
        type(pair)(CodeMap(pair.query.direction[:9], pair.query.threshold[:9]), pair.key)
        for pair in codes
    )
    with pytest.raises(InvalidNetworkError, match="codes: must be 2 pairs of 16 hyperplanes"):
        CalibratedBinaryAttention(layer, short, scale)
    for wrong in (scale[:1], scale * 0, scale * np.nan):
        with pytest.raises(InvalidNetworkError, match="value_scale: must be 2 numbers above 0"):
            CalibratedBinaryAttention(layer, codes, wrong)
