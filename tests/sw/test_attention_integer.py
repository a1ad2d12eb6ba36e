"""The specification of integer attention against itself, written in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attention_rows import (
    SHAPES,
    draw_calibrated,
    draw_integers,
    extreme_integers,
    loop_attend,
    make_config,
)

from lutloom.attention import IntegerAttention, attend, divide, seen_keys
from lutloom.errors import InvalidDataError, InvalidNetworkError


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_positions", [1, 2, 16])
def test_it_is_the_loops(shape: dict[str, Any], n_positions: int) -> None:
    config = make_config(**shape)
    seen = seen_keys(config, n_positions)
    for seed in range(4):
        layer = draw_calibrated(config, seed).layer
        rows = [draw_integers(config, n_positions, seed)]
        rows += extreme_integers(config, n_positions) if seed == 0 else []
        for some in rows:
            assert attend(layer, *some).ravel().tolist() == loop_attend(layer, some, seen)


def test_the_loops_would_notice() -> None:
    config = make_config()
    layer = draw_calibrated(config).layer
    other = IntegerAttention(config, layer.multiplier, (layer.value_shift + 1) % 8)
    rows = draw_integers(config, 16)
    assert attend(layer, *rows).ravel().tolist() != loop_attend(other, rows, seen_keys(config, 16))


def test_no_order_of_a_set_changes_a_bit() -> None:
    config = make_config(mode="set")
    layer = draw_calibrated(config, 3).layer
    query, key, value = draw_integers(config, 16)
    order = np.random.default_rng(1).permutation(16)
    found = attend(layer, query[:, order], key[:, order], value[:, order])
    assert (found == attend(layer, query, key, value)[:, order]).all()


def test_halves_go_away_from_zero_and_the_ends_hold() -> None:
    numerator = np.array([5, -5, 3, -3, 1270, 1275, 99999, -99999, 0])
    assert divide(numerator, np.full(9, 10)).tolist() == [1, -1, 0, 0, 127, 127, 127, -127, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:, :, :4], r"must be int8\[2, 1..16, 8\], all three alike, not int8"),
        (lambda rows: rows.astype(np.int64), "not int64"),
        (lambda rows: rows[:, :0], "all three alike"),
        (lambda rows: np.repeat(rows, 2, axis=1), "all three alike"),
        (lambda rows: rows[0], "all three alike"),
        (lambda rows: np.full_like(rows, -128), "numbers must be -127..127, not -128"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    config = make_config()
    rows = [change(part) for part in draw_integers(config, 16)]
    with pytest.raises(InvalidDataError, match=message):
        attend(draw_calibrated(config).layer, *rows)


@pytest.mark.parametrize(
    ("multiplier", "shift", "message"),
    [
        ([1, 0], [0, 0], "head 1, multiplier: must be 1..65535, not 0"),
        ([65536, 1], [0, 0], "head 0, multiplier: must be 1..65535, not 65536"),
        ([1, 1], [0, 8], "head 1, value_shift: must be 0..7, not 8"),
        ([1], [0, 0], "multiplier: must be 2 integers, one a head"),
        ([1.5, 1], [0, 0], "multiplier: must be 2 integers, one a head, not float64"),
    ],
)
def test_layers_that_do_not_fit_are_refused(
    multiplier: list[float], shift: list[int], message: str
) -> None:
    with pytest.raises(InvalidNetworkError, match=message):
        IntegerAttention(make_config(), np.array(multiplier), np.array(shift))
