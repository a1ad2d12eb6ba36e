"""The bound is never exceeded, and some rows come near it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from attention_rows import (
    SHAPES,
    Integers,
    draw_floats,
    draw_integers,
    make_calibrated,
    make_config,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom.attention import CalibratedAttention, attend, bound_error, seen_keys
from lutloom.attention.calibrate import calibrate, float_attention
from lutloom.attention.error_bound import measure_error
from lutloom.errors import InvalidDataError


def shares_of_bound(calibrated: CalibratedAttention, rows: Integers) -> np.ndarray:
    """Error over bound of every output, each query's bound by the keys it sees itself."""
    layer, config = calibrated.layer, calibrated.layer.config
    scales = (calibrated.query_scale, calibrated.key_scale, calibrated.value_scale)
    floats = [p * s[:, None, None] for p, s in zip(rows, scales, strict=True)]
    ends = 127 * calibrated.output_scale[:, None, None]
    wanted = np.clip(float_attention(config, *floats), -ends, ends)
    error = np.abs(calibrated.dequantise(attend(layer, *rows)) - wanted)
    n_keys = seen_keys(config, rows[0].shape[1]).sum(axis=1)
    bound = [bound_error(layer, int(n), calibrated.value_scale).total for n in n_keys]
    return error / np.array(bound).T[:, :, None]


@st.composite
def cases(draw: st.DrawFn) -> tuple[CalibratedAttention, Integers]:
    config = make_config(
        head_size=draw(st.sampled_from([8, 16, 64])), context=48, **draw(st.sampled_from(SHAPES))
    )
    multiplier = [round(math.exp(draw(st.floats(0, math.log(65535))))) for _ in range(2)]
    shift = draw(st.lists(st.integers(0, 7), min_size=2, max_size=2))
    n = draw(st.integers(1, 48))
    query, key, value = draw_integers(config, n, draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([1, 1, 4, 16]))  # smaller scores, less is truncated
    key = (key // spread).astype(np.int8)
    if draw(st.booleans()):  # values as far apart as they can be
        value = (np.where(value < 0, -127, 127)).astype(np.int8)
    if draw(st.booleans()):  # the scales next to where the multiplier would change
        calibrated = make_calibrated(config, multiplier, shift)
        edge = 1 + draw(st.sampled_from([-0.499, 0.499])) / np.array(multiplier)
        return CalibratedAttention(
            calibrated.layer, calibrated.query_scale * edge, calibrated.key_scale,
            calibrated.value_scale,
        ), (query, key, value)  # fmt: skip
    return make_calibrated(config, multiplier, shift), (query, key, value)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_the_bound_is_never_exceeded(case: tuple[CalibratedAttention, Integers]) -> None:
    assert shares_of_bound(*case).max() <= 1 + 1e-9


def lone_top(behind: int, n: int) -> Integers:
    """One key ahead, with values at one end; all others ``behind`` steps, at the other end."""
    query, key = np.zeros((2, 1, n, 8), np.int8)
    value = np.full((1, n, 8), -127, np.int8)
    query[:, :, :2] = 64, 1
    key[0, 0, :2], value[0, 0] = divmod(behind, 64), 127
    return query, key, value


def test_rows_that_truncation_hurts_most_come_near() -> None:
    config = make_config(n_heads=1, mode="set", context=512)
    calibrated = make_calibrated(config, [65535], [0])
    best = max(float(shares_of_bound(calibrated, lone_top(b, 512)).max()) for b in (3842, 3900))
    assert 0.75 < best <= 1


def test_a_multiplier_rounded_far_is_covered() -> None:
    config = make_config(n_heads=1, mode="set", context=64)
    for multiplier in (1, 2, 5, 40):
        held = make_calibrated(config, [multiplier], [0])
        for side in (-0.49, 0.49):
            scale = held.query_scale * (1 + side / multiplier)
            other = CalibratedAttention(held.layer, scale, held.key_scale, held.value_scale)
            for behind in (500, 4000, 8127):
                assert shares_of_bound(other, lone_top(behind, 64)).max() <= 1


def test_a_wrong_table_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from lutloom.attention import integer

    config = make_config(n_heads=1, mode="set", context=16)
    calibrated = make_calibrated(config, [3000], [3])
    rows = draw_integers(config, 16)
    rows = (rows[0], (rows[1] // 8).astype(np.int8), (rows[2] // 16).astype(np.int8))
    assert shares_of_bound(calibrated, rows).max() <= 1
    monkeypatch.setattr(integer, "POWERS", np.roll(integer.POWERS, 100))
    assert shares_of_bound(calibrated, rows).max() > 1


def test_each_part_is_its_formula() -> None:
    config = make_config(head_size=16)
    layer = make_calibrated(config, [9000, 1], [0, 3]).layer
    found = bound_error(layer, 100, np.array([1.0, 2.0]))
    assert found.rounding.tolist() == [0.5, 0.125]
    assert found.truncation == pytest.approx([127 * 2 * 99 / 32768, 254 * 2 * 99 / 32768])
    entries = np.array([round(2 ** (15 - f / 256)) / 2 ** (15 - f / 256) for f in range(256)])
    ratio = 2 ** (1 / 256) * entries.max() / entries.min()
    share = 2 * (math.sqrt(ratio) - 1) / (math.sqrt(ratio) + 1)
    assert found.exponent == pytest.approx([127 * share, 254 * share])
    assert found.multiplier[0] == pytest.approx(127 * 2 * math.log(100) / 18000, rel=1e-3)
    ratio = 2 ** (2 * 127**2 * 16 * 0.5 / 2**24)
    assert found.multiplier[1] == pytest.approx(
        254 * 2 * (math.sqrt(ratio) - 1) / (math.sqrt(ratio) + 1)
    )
    assert found.total == pytest.approx(
        found.multiplier + found.exponent + found.truncation + found.rounding
    )


def test_one_key_leaves_the_rounding_only() -> None:
    layer = make_calibrated(make_config(), [9000, 1], [0, 3]).layer
    assert bound_error(layer, 1, np.ones(2)).total.tolist() == [0.5, 0.0625]
    with pytest.raises(InvalidDataError, match="keys must be at least 1, not 0"):
        bound_error(layer, 0, np.ones(2))


def test_what_is_measured_is_within_and_adds_up() -> None:
    config = make_config(context=32)
    rows = draw_floats(config, 3, 32, size=0.6)
    calibrated = calibrate(config, *draw_floats(config, 3, 32, seed=1, size=0.6))
    found = measure_error(calibrated, *rows)
    per_window = [measure_error(calibrated, *(part[:, w] for part in rows)) for w in range(3)]
    for name in ("dequantised", "largest"):
        joined = np.max([getattr(one, name) for one in per_window], axis=0)
        assert getattr(found, name) == pytest.approx(joined)
    assert found.rms**2 == pytest.approx(np.mean([one.rms**2 for one in per_window], axis=0))
    assert (found.tightness <= 1).all()
    assert found.bound == pytest.approx(
        bound_error(calibrated.layer, 32, calibrated.value_scale).total
    )
    assert (found.rms < 0.1 * found.output_rms).all()
