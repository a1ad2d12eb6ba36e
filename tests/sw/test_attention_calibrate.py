"""Scales, multipliers and value shifts from rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from attention_rows import SHAPES, draw_floats, make_calibrated, make_config

from lutloom.attention import CalibratedAttention, IntegerAttention, attend, seen_keys
from lutloom.attention.calibrate import calibrate, float_attention, multiplier_step
from lutloom.errors import InvalidDataError, InvalidNetworkError

CONFIG = make_config(n_heads=2, head_size=8, context=16)


@pytest.mark.parametrize("shape", SHAPES)
def test_float_attention_is_the_softmax_of_loops(shape: dict[str, Any]) -> None:
    config = make_config(**shape)
    query, key, value = draw_floats(config, 2, 6)
    seen, found = seen_keys(config, 6), float_attention(config, query, key, value)
    for at in np.ndindex(2, 2, 6):
        *window, i = at
        q, k, v = query[at], key[tuple(window)], value[tuple(window)]
        weight = [math.exp(q @ k[j] / 8**0.5) if seen[i, j] else 0.0 for j in range(6)]
        wanted = sum(w * row for w, row in zip(weight, v, strict=True)) / sum(weight)
        assert found[at] == pytest.approx(wanted)


def test_without_a_choice_the_maximum_is_127() -> None:
    rows = draw_floats(CONFIG, 3, 16)
    found = calibrate(CONFIG, *rows, percentiles=(100.0,))
    for part, scale in zip(
        rows, (found.query_scale, found.key_scale, found.value_scale), strict=True
    ):
        assert scale == pytest.approx(np.abs(part).max(axis=(1, 2, 3)) / 127)
    exact = found.query_scale * found.key_scale / math.sqrt(8) * math.log2(math.e) * 2**24
    assert found.layer.multiplier.tolist() == [round(x) for x in exact]


def test_quantising_is_off_by_half_a_step_at_most() -> None:
    rows = draw_floats(CONFIG, 3, 16)
    found = calibrate(CONFIG, *rows, percentiles=(100.0,))
    for part, integers, scale in zip(
        rows, found.quantise(*rows),
        (found.query_scale, found.key_scale, found.value_scale), strict=True,
    ):  # fmt: skip
        steps = scale[:, None, None, None]
        assert integers.dtype == np.int8
        assert (np.abs(integers * steps - part) <= steps * 0.5000001).all()
    worth = found.dequantise(np.full((2, 1, 1), 64, np.int8)).ravel()
    assert worth == pytest.approx(64 / 2.0**found.layer.value_shift * found.value_scale)


def all_errors(rows: Any, percentile: float) -> Any:
    exact = float_attention(CONFIG, *rows)
    found = calibrate(CONFIG, *rows, percentiles=(percentile,))
    return np.square(found.run(*rows) - exact).mean(axis=(1, 2, 3))


def test_the_choice_is_by_error_on_these_rows() -> None:
    query, key, value = draw_floats(CONFIG, 4, 16, seed=2, size=0.5)
    key[0, 0, 15, 0] = value[1, 0, 15, 3] = 30.0  # outliers: one head's keys, another's values
    rows, exact = (query, key, value), float_attention(CONFIG, query, key, value)
    chosen = calibrate(CONFIG, *rows)
    error = np.square(chosen.run(*rows) - exact).mean(axis=(1, 2, 3))
    maximum = all_errors(rows, 100.0)
    assert (error <= maximum).all()
    assert error[0] < maximum[0]
    assert chosen.key_scale[0] < 0.9 * 30 / 127  # the outlier is clipped
    assert chosen.query_scale[1] == pytest.approx(np.abs(query[1]).max() / 127, rel=0.3)


@pytest.mark.parametrize(("size", "shift"), [(1.0, 0), (0.55, 0), (0.4, 1), (0.1, 3), (0.0, 7)])
def test_a_value_shift_is_the_largest_that_keeps_within(size: float, shift: int) -> None:
    config = make_config(n_heads=1, mode="set", context=8)
    query, key = np.zeros((2, 1, 1, 8, 8))
    value = np.ones((1, 1, 8, 8))
    value[0, 0, :, 0] = [1, -1] * 4  # every query sees the mean, 0 of this feature
    value[0, 0, :, 1:] = size = round(size * 127) / 127
    found = calibrate(config, query, key, value, percentiles=(100.0,))
    assert found.layer.value_shift.tolist() == [shift]
    assert np.abs(found.run(query, key, value)[..., 1:] - size).max() <= 0.5 / 127 / 2**shift + 1e-9


def test_no_calibration_row_saturates_with_a_shift() -> None:
    config = make_config(mode="set")
    for seed in range(5):
        query, key, value = draw_floats(config, 2, 16, seed, size=0.3)
        found = calibrate(config, query, key, value, percentiles=(100.0,))
        integers = found.quantise(query, key, value)
        shift = found.layer.value_shift
        assert (shift > 0).any()
        for more, ends in ((0, False), (1, True)):
            layer = IntegerAttention(config, found.layer.multiplier, np.minimum(shift + more, 7))
            outputs = [attend(layer, *(part[:, w] for part in integers)) for w in range(2)]
            reached = (np.abs(np.stack(outputs, axis=1)) == 127).any(axis=(1, 2, 3))
            assert (reached == ends)[shift < 7].all()


def test_heads_are_calibrated_by_themselves() -> None:
    rows = draw_floats(CONFIG, 2, 16)
    whole = calibrate(CONFIG, *rows)
    alone = calibrate(make_config(n_heads=1), *(part[1:] for part in rows))
    for name in ("query_scale", "key_scale", "value_scale"):
        assert getattr(whole, name)[1] == getattr(alone, name)[0]
    assert whole.layer.multiplier[1] == alone.layer.multiplier[0]


def test_a_head_of_zeros_and_tiny_scores_are_no_trouble() -> None:
    query, key, value = draw_floats(CONFIG, 2, 16)
    query[0], key[1] = 0.0, key[1] * 1e-9
    found = calibrate(CONFIG, query, key, value)
    assert (found.layer.multiplier >= 1).all()
    exact = float_attention(CONFIG, query, key, value)
    assert np.abs(found.run(query, key, value) - exact).max() < 0.02 * np.abs(value).max()
    nothing = np.zeros_like(query)
    assert not calibrate(CONFIG, nothing, nothing, nothing).run(query, key, nothing).any()


def test_scores_too_large_name_the_head() -> None:
    query, key, value = draw_floats(CONFIG, 2, 16)
    query[1] *= 1000
    with pytest.raises(InvalidNetworkError) as caught:
        calibrate(CONFIG, query, key, value, where="block 3")
    assert str(caught.value).startswith(
        "block 3, head 1: scores are too large, multiplier must be 1..65535, not "
    )
    assert str(caught.value).endswith("with smaller queries and keys, or leave the head out")


def test_clipping_can_bring_a_multiplier_in_range() -> None:
    query, key, value = draw_floats(make_config(n_heads=1), 8, 16)
    key[0, 0, 0, 0] = 500.0
    config = make_config(n_heads=1)
    with pytest.raises(InvalidNetworkError, match="head 0: scores are too large"):
        calibrate(config, query, key, value, percentiles=(100.0,))
    assert calibrate(config, query, key, value).layer.multiplier[0] <= 65535


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:1], r"queries: must be \[2, windows, 1..16, 8\], all three alike, not"),
        (lambda rows: rows[0], "all three alike, not"),
        (lambda rows: rows[:, :0], "all three alike, not"),
        (lambda rows: np.repeat(rows, 2, axis=2), "all three alike, not"),
        (lambda rows: rows * np.nan, "queries: must be finite numbers, but one is not"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    rows = [change(part) for part in draw_floats(CONFIG, 2, 16)]
    with pytest.raises(InvalidDataError, match=message):
        calibrate(CONFIG, *rows)


def test_a_number_that_is_not_finite_is_not_quantised() -> None:
    query, key, value = draw_floats(CONFIG, 1, 4)
    found = calibrate(CONFIG, query, key, value)
    value[1, 0, 2, 3] = np.inf
    with pytest.raises(InvalidDataError, match="values: must be finite numbers, but one is not"):
        found.quantise(query, key, value)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ([1.0], r"query_scale: must be 2 numbers above 0, one a head, not \[1\]"),
        ([1.0, 0.0], "query_scale: must be 2 numbers above 0"),
        ([1.0, np.inf], "query_scale: must be 2 numbers above 0"),
        ([0.25, 0.26], "head 1, multiplier: must be that of its scales, 104, not 100"),
    ],
)
def test_scales_that_do_not_fit_are_refused(scale: list[float], message: str) -> None:
    held = make_calibrated(CONFIG, [100, 100], [0, 0])
    with pytest.raises(InvalidNetworkError, match=message):
        CalibratedAttention(held.layer, np.array(scale), held.key_scale, held.value_scale)


def test_a_step_is_a_multiplier_of_one() -> None:
    assert 2.0 ** (multiplier_step(16) / 4 / math.log(2) * 2**24) == pytest.approx(2.0)
