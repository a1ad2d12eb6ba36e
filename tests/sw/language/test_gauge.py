"""Gauges: the same function, and entries that follow from others counted one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sliced_models import arrays, from_arrays, make_sliced, off
from small_transformer import make_config, make_transformer

from lutloom.errors import InvalidNetworkError, InvalidRecipeError
from lutloom.language.bits_back import GaugeKind, bound_numbers, packable, to_gauge
from lutloom.language.bits_back.gauge import symmetric_form, triangular_form

KINDS: tuple[GaugeKind, ...] = ("triangular", "symmetric")
FORMS = {"triangular": triangular_form, "symmetric": symmetric_form}
UNEVEN = (20, 24, 16, 16, 24, 8, 12)

Form = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "changes",
    [{}, {"tied": False}, {"node_widths": UNEVEN}, {"node_widths": UNEVEN[::-1]}, {"n_blocks": 0}],
    ids=str,
)
def test_a_gauge_keeps_the_function_and_its_form(kind: GaugeKind, changes: dict[str, Any]) -> None:
    model = make_transformer(**changes) if "node_widths" in changes else make_sliced(**changes)
    before = arrays(model)
    fixed = to_gauge(model, kind)
    assert off(fixed, model) < 1e-4
    assert all(np.array_equal(before[n], t) for n, t in arrays(model).items())
    for dtype in ("float32", "float16"):
        tensors = arrays(fixed, dtype)
        for name, rule in packable(model.config, kind).items():
            values = rule.pack(tensors[name])
            assert values.shape == (rule.n_kept,)
            np.testing.assert_array_equal(rule.unpack(values), tensors[name])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_implied_is_the_bound(kind: GaugeKind) -> None:
    config = make_sliced().config
    implied = {name: rule.n_implied for name, rule in packable(config, kind).items()}
    assert sum(implied.values()) == bound_numbers(config) == 7 * 16 * 15 // 2
    assert list(implied)[:2] == ["entry.weight", "blocks.0.attention_shortcut.weight"]


@given(st.lists(st.integers(1, 24), min_size=5, max_size=5), st.sampled_from(KINDS))
def test_what_is_implied_is_counted_entry_by_entry(widths: list[int], kind: GaugeKind) -> None:
    config = make_config(n_blocks=2, node_widths=tuple(widths))
    missed = 0
    for rule, before in zip(packable(config, kind).values(), [24, *widths], strict=False):
        below = sum(1 for r in range(rule.rows) for c in range(rule.columns) if r > c)
        assert (rule.n_implied, rule.columns) == (below, before)
        wider = max(0, rule.rows - before)
        missed += wider * (wider - 1) // 2
    implied = sum(rule.n_implied for rule in packable(config, kind).values())
    assert implied == bound_numbers(config) - missed


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 12), st.integers(0, 2**31))
def test_forms_rotate_any_matrix(rows: int, columns: int, rank: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))
    below = np.tri(rows, columns, -1, dtype=bool)
    square = min(rows, columns)
    for form in FORMS.values():
        rotation, found = form(matrix)
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(rows), atol=1e-12)
        np.testing.assert_allclose(rotation @ found, matrix, atol=1e-11)
    triangle = triangular_form(matrix)[1]
    assert np.abs(triangle[below]).max(initial=0.0) < 1e-11
    assert (np.diagonal(triangle) >= 0).all()
    block = symmetric_form(matrix)[1][:square, :square]
    np.testing.assert_array_equal(block, block.T)
    assert np.linalg.eigvalsh(block).min() > -1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_a_gauge_is_left_as_it_is(kind: GaugeKind) -> None:
    """After rounding too, when a symmetric matrix may have lost its last eigenvalue's sign."""
    model = make_sliced()
    once = from_arrays(model.config, arrays(to_gauge(model, kind)))
    twice = to_gauge(once, kind)
    for name, values in once.state_dict().items():
        assert torch.equal(values, twice.state_dict()[name]), name
    assert any(
        not torch.equal(values, twice.state_dict()[name])
        for name, values in model.state_dict().items()
    )


def test_a_gauge_does_not_depend_on_the_rotation_before() -> None:
    one = arrays(to_gauge(make_sliced(orientation="pca"), "symmetric"), "float32")
    other = arrays(to_gauge(make_sliced(orientation="random"), "symmetric"), "float32")
    for name, values in one.items():
        np.testing.assert_allclose(values, other[name], atol=3e-4)


def test_a_kept_shortcut_becomes_the_identity() -> None:
    model = make_sliced(0.0)
    fixed = arrays(to_gauge(model, "symmetric"), "float32")
    for name, values in fixed.items():
        if "shortcut" in name:
            np.testing.assert_allclose(values, np.eye(24), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_out_of_its_gauge_is_refused(kind: GaugeKind) -> None:
    model = make_sliced()
    rule = packable(model.config, kind)["blocks.1.mlp_shortcut.weight"]
    with pytest.raises(
        InvalidNetworkError, match=rf"blocks\.1\.mlp_shortcut\.weight: must be {kind}, but some"
    ):
        rule.pack(arrays(model)[rule.name])
    fixed = arrays(to_gauge(model, kind))[rule.name]
    fixed[9, 4] = np.nextafter(fixed[9, 4], np.float16(1))
    with pytest.raises(InvalidNetworkError, match="bring the model into this gauge first"):
        rule.pack(fixed)


def test_other_shapes_are_refused() -> None:
    rule = packable(make_sliced().config, "triangular")["entry.weight"]
    with pytest.raises(InvalidNetworkError, match=r"entry\.weight: must be 16 x 24, not 24 x 16"):
        rule.pack(np.zeros((24, 16)))
    with pytest.raises(InvalidNetworkError, match="must have 264 entries that are not implied, no"):
        rule.unpack(np.zeros(263))


def test_other_models_and_gauges_are_refused() -> None:
    whole, sliced = make_transformer(), make_sliced()
    with pytest.raises(InvalidNetworkError, match="gauge: the model must be sliced, but its resid"):
        to_gauge(whole, "triangular")
    with pytest.raises(InvalidNetworkError, match="run 'lutloom language slice' first"):
        packable(whole.config, "symmetric")
    with pytest.raises(InvalidRecipeError, match="gauge: must be one of triangular, symmetric, no"):
        to_gauge(sliced, "diagonal")  # type: ignore[arg-type]
