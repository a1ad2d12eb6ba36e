"""Fixed-point arithmetic against Python's own integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutloom.language.commutative import fixed_point as fp

VALUES = st.integers(-fp.VALUE_MAX, fp.VALUE_MAX)
ONE = 1 << fp.FRACTION_BITS


def nearest(x: Fraction) -> int:
    """Halves up."""
    return math.floor(x + Fraction(1, 2))


def bounded(x: int) -> int:
    return max(-fp.VALUE_MAX, min(fp.VALUE_MAX, x))


@given(n=st.integers(0, 2**62))
def test_square_roots_of_any_number(n: int) -> None:
    assert int(fp.integer_sqrt(torch.tensor(n))) == math.isqrt(n)


def test_square_roots_around_squares() -> None:
    roots = [*range(300), *(2**k + d for k in range(9, 31) for d in (-1, 0, 1)), 2**31]
    n = [r * r + d for r in roots for d in (-1, 0, 1) if 0 <= r * r + d <= 2**62]
    assert fp.integer_sqrt(torch.tensor(n)).tolist() == [math.isqrt(x) for x in n]


def test_a_float_root_alone_would_not_do() -> None:
    n = [r * r - 1 for r in range(2**30, 2**30 + 100)]
    alone = torch.tensor(n).to(torch.float64).sqrt().to(torch.int64)
    assert alone.tolist() != [math.isqrt(x) for x in n]


@given(a=st.integers(-(2**55), 2**55), b=st.integers(1, 2**32), bits=st.integers(1, 40))
def test_roundings(a: int, b: int, bits: int) -> None:
    assert int(fp.divide_round(torch.tensor(a), torch.tensor(b))) == nearest(Fraction(a, b))
    assert int(fp.round_shift(torch.tensor(a), bits)) == nearest(Fraction(a, 2**bits))


def test_fixed_and_back() -> None:
    x = torch.tensor([0.0, 1.0, -0.5, 2.0**-16, 100.25])
    assert fp.to_fixed(x).tolist() == [0, ONE, -ONE // 2, 1, 100 * ONE + ONE // 4]
    assert torch.equal(fp.to_float(fp.to_fixed(x)).float(), x)


@given(st.data())
def test_a_linear_map_is_its_sum(data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 6))
    row = st.lists(VALUES, min_size=width, max_size=width)
    weights = st.lists(st.integers(-fp.WEIGHT_MAX, fp.WEIGHT_MAX), min_size=width, max_size=width)
    x, w = data.draw(row), data.draw(weights)
    exact = sum(a * b for a, b in zip(x, w, strict=True))
    got = fp.linear(torch.tensor([x]), torch.tensor([w]))
    assert got.tolist() == [[bounded(nearest(Fraction(exact, ONE)))]]


@given(st.lists(VALUES, min_size=1, max_size=6), st.data())
def test_a_norm_is_its_formula_in_integers(x: list[int], data: st.DataObject) -> None:
    gain = data.draw(
        st.lists(st.integers(-fp.WEIGHT_MAX, fp.WEIGHT_MAX), min_size=len(x), max_size=len(x))
    )
    root = math.isqrt(16 * sum(a * a for a in x) // len(x) + fp.fixed_epsilon(1e-5))
    expected = [bounded(nearest(Fraction(4 * a * g, root))) for a, g in zip(x, gain, strict=True)]
    got = fp.rms_norm(torch.tensor(x), torch.tensor(gain), fp.fixed_epsilon(1e-5))
    assert got.tolist() == expected


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8))
def test_a_norm_is_near_that_of_floats(x: list[float]) -> None:
    fixed = fp.to_fixed(torch.tensor(x))
    exact = fp.to_float(fixed)
    wanted = exact / torch.sqrt(exact.square().mean() + 1e-5)
    got = fp.to_float(fp.rms_norm(fixed, torch.full_like(fixed, ONE), fp.fixed_epsilon(1e-5)))
    # The root is cut off within 2**-18 of at least 0.003.
    assert (got - wanted).abs().max() <= 2.0**-17 + wanted.abs().max() * 2.0**-18 / 0.003


def test_every_exponential_is_within_half_a_step() -> None:
    x = torch.arange(18 << fp.SCORE_BITS)
    wanted = torch.exp(-x.double() / (1 << fp.SCORE_BITS)) * (1 << fp.EXP_BITS)
    error = (fp.exp_negative(x) - wanted).abs()
    assert error.max() <= 0.5
    assert int(fp.exp_negative(torch.tensor(0))) == 1 << fp.EXP_BITS
    assert not fp.exp_negative(x[fp.EXP_RANGE << fp.SCORE_BITS :]).any()
    coarse = fp.exp_negative(x // 2 * 2)  # the planted fault: every second entry
    assert (coarse - wanted).abs().max() > 0.5


def test_silu_over_its_range() -> None:
    x = torch.arange(-20 * ONE, 20 * ONE, 97)
    got, exact = fp.to_float(fp.silu(x)), fp.to_float(x)
    wanted = exact * torch.sigmoid(exact)
    # The exponent is rounded by 2**-13, of which a quarter and less reaches the sigmoid.
    assert (got - wanted).abs().max() < 2.0**-13 * 0.25 + 20 * 2.0**-20 + 2.0**-16
    assert fp.silu(torch.tensor([0, fp.VALUE_MAX, -fp.VALUE_MAX])).tolist() == [
        0, fp.VALUE_MAX, 0,
    ]  # fmt: skip


def test_the_largest_sums_do_not_overflow() -> None:
    x = torch.full((1, fp.WIDTH_MAX), fp.VALUE_MAX)
    w = torch.full((1, fp.WIDTH_MAX), fp.WEIGHT_MAX)
    assert int(x @ w.T) == fp.VALUE_MAX * fp.WEIGHT_MAX * fp.WIDTH_MAX < 2**55
    assert int(fp.linear(x, w)) == fp.VALUE_MAX
    assert int(fp.linear(x, -w)) == -fp.VALUE_MAX
    assert 16 * fp.VALUE_MAX**2 * fp.WIDTH_MAX < 2**62
    got = fp.rms_norm(x, w[0], fp.fixed_epsilon(0.1))
    assert got.unique().tolist() == [nearest(Fraction(fp.WEIGHT_MAX * 4 * fp.VALUE_MAX, math.isqrt(
        16 * fp.VALUE_MAX**2 + fp.fixed_epsilon(0.1))))]  # fmt: skip


def test_a_wrapped_sum_would_be_seen() -> None:
    term = torch.full((1, 4), 2**62)
    assert int(term.sum()) != 4 * 2**62


@pytest.mark.parametrize("epsilon", [1e-6, 1e-5, 0.1])
def test_a_row_of_zeros_stays_zero(epsilon: float) -> None:
    assert fp.fixed_epsilon(epsilon) > 0
    x = torch.zeros(3, 5, dtype=torch.int64)
    assert not fp.rms_norm(x, torch.full((5,), ONE), fp.fixed_epsilon(epsilon)).any()
