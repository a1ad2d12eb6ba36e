"""The parts of bits-back coding by themselves: message, grid, canonical gauges, corrections."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sliced_models import random_rotation

from lutloom.errors import InvalidFileError
from lutloom.language.bits_back.canonical import find_canonical, gram
from lutloom.language.bits_back.cayley import Grid
from lutloom.language.bits_back.corrections import GUARD, Corrections, clip, nearest, pop_numbers
from lutloom.language.bits_back.message import Bell, Message, Uniform


def drawn(grid: Grid, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1 << grid.bits, grid.n_parameters)


@given(st.lists(st.integers(0, 65535), min_size=40), st.integers(7, 18), st.integers(2, 9))
def test_bits_that_nobody_pushed_come_back(words: list[int], bits: int, width: int) -> None:
    message, grid = Message(), Grid(width, bits)
    message.push(np.array(words), Uniform(65536))
    before = message.to_bytes()
    numbers = grid.pop(message)
    assert len(numbers) == width * (width - 1) // 2
    assert ((numbers >= 0) & (numbers < 1 << bits)).all()
    grid.push(message, numbers)
    assert message.to_bytes() == before
    assert Message(before).pop(len(words), Uniform(65536)).tolist() == words


def test_a_bell_is_a_bell() -> None:
    bell = Bell(33, Decimal(16), Decimal("4.5"), escape=True)
    density = np.array([math.exp(-(((k - 16) / 4.5) ** 2) / 2) for k in range(33)])
    np.testing.assert_allclose(bell.bits()[:33], -np.log2(density / density.sum()), atol=0.01)
    assert bell.bits()[33] > 21
    symbols = np.random.default_rng(0).choice(33, 20_000, p=density / density.sum())
    message = Message()
    message.push(symbols, bell)
    assert message.n_bits == pytest.approx(bell.bits()[symbols].sum(), rel=1e-3)


def test_numbers_in_fp16_and_wide_ones() -> None:
    halves = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float16)
    halves[0] = -0.0, 0.0, 65504, 6e-8, np.inf
    wide = np.array([0, 65535, 65536, 2**32 - 1])
    message = Message()
    message.push_halves(halves, "a")
    assert message.n_bits <= 16 * 35 + 32
    message.push_wide(wide)
    assert message.pop_wide(4).tolist() == wide.tolist()
    assert np.array_equal(message.pop_halves((7, 5), "a").view("u2"), halves.view("u2"))
    assert message.empty


@pytest.mark.parametrize("deviation", [1e-6, 0.02, 1.0, 3e4])
def test_exponents_cost_what_they_tell(deviation: float) -> None:
    rng = np.random.default_rng(0)
    with np.errstate(over="ignore"):
        halves = rng.normal(0, deviation, (90, 50)).astype(np.float16)
    counts = np.bincount(halves.view(np.uint16).ravel() >> 10 & 31)
    entropy = -sum(c * math.log2(c / 4500) for c in counts if c)
    message = Message()
    message.push_halves(halves, "a", exponents=True)
    assert message.n_bits == pytest.approx(11 * 4500 + entropy + 32 * 16, rel=2e-3)
    popped = message.pop_halves((90, 50), "a", exponents=True)
    assert np.array_equal(popped.view("u2"), halves.view("u2"))
    message.push_halves(halves[:0], "a", exponents=True)
    assert message.pop_halves((0, 50), "a", exponents=True).shape == (0, 50)
    assert message.empty


def test_weights_of_exponents_are_held_against_their_sum() -> None:
    message = Message()
    message.push(np.arange(40), Uniform(65536))
    with pytest.raises(
        InvalidFileError, match=r"back, a: exponents must have weights of 32768 tog"
    ):
        message.pop_halves((3, 3), "a", exponents=True)


def test_zeros_look_random() -> None:
    message = Message()
    message.push_halves(np.zeros(4000, dtype=np.float16), "embedding.weight")
    ones = np.unpackbits(np.frombuffer(message.to_bytes(), np.uint8)).mean()
    assert 0.49 < ones < 0.51


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), st.integers(7, 18), st.integers(0, 999))
def test_a_grid_names_rotations_and_finds_them_again(width: int, bits: int, seed: int) -> None:
    grid = Grid(width, bits)
    numbers = drawn(grid, seed)
    rotation = grid.rotation(numbers)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(width), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(grid.position(rotation), numbers, atol=1e-6)
    skew = np.zeros((width, width))
    for at, (i, j) in enumerate(zip(*np.tril_indices(width, -1), strict=True)):
        skew[i, j] = (numbers[at] - (2**bits - 1) / 2) * 8 / width**0.5 / 2**bits
        skew[j, i] = -skew[i, j]
    one = np.eye(width)
    np.testing.assert_allclose(rotation, (one - skew) @ np.linalg.inv(one + skew), atol=1e-10)


@pytest.mark.parametrize("kind", ["polar", "eigen"])
def test_a_turned_node_tells_its_rotation(kind: Any) -> None:
    rng = np.random.default_rng(0)
    into = [rng.normal(size=(9, 9)), rng.normal(size=(9, 14))]
    readers = [rng.normal(size=(20, 9)), rng.normal(size=(11, 9))]
    turn = find_canonical(kind, into, readers)
    into, readers = [turn.T @ m for m in into], [m @ turn for m in readers]
    if kind == "polar":
        np.testing.assert_allclose(into[0], into[0].T, atol=1e-12)
    else:
        found = gram(readers)
        np.testing.assert_allclose(found, np.diag(np.sort(np.diagonal(found))[::-1]), atol=1e-10)
    rotation = random_rotation(9, seed=3)
    turned = find_canonical(kind, [rotation.T @ m for m in into], [m @ rotation for m in readers])
    np.testing.assert_allclose(turned.T, rotation, atol=1e-10)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.integers(7, 18), st.floats(0, 300), st.integers(0, 999))
def test_corrections_name_the_right_numbers(
    width: int, bits: int, deviation: float, seed: int
) -> None:
    grid, rng = Grid(width, bits), np.random.default_rng(seed)
    numbers = drawn(grid, seed)
    reading = numbers + rng.normal(0, deviation, len(numbers))
    found = Corrections.find(grid, numbers, reading, reading)
    assert found is not None
    message = Message()
    found.push(message)
    assert message.n_bits <= found.bits + 24
    read = pop_numbers(message, grid, reading, found.deviation_code)
    assert read.tolist() == numbers.tolist()
    assert message.empty


def test_readings_halfway_are_rounded_as_told() -> None:
    grid = Grid(20, 12)
    numbers = drawn(grid)
    rng = np.random.default_rng(1)
    reading = numbers + rng.choice([-0.5, 0.5, 0.2], len(numbers))
    found = Corrections.find(grid, numbers, reading, reading)
    assert found is not None
    assert 50 < len(found.guards) < 190
    elsewhere = reading + rng.uniform(-GUARD / 8, GUARD / 8, len(numbers))
    none = np.empty(0, dtype=np.int64)
    here, there = (nearest(grid, clip(grid, r), none, none) for r in (reading, elsewhere))
    assert (here != there).any()  # without the guards, the other machine would be wrong
    message = Message()
    found.push(message)
    assert (pop_numbers(message, grid, elsewhere, found.deviation_code) == numbers).all()


def test_readings_that_differ_are_not_trusted() -> None:
    grid = Grid(6, 10)
    numbers = drawn(grid)
    reading = numbers.astype(float)
    other = reading.copy()
    other[3] += GUARD
    assert Corrections.find(grid, numbers, reading, reading) is not None
    assert Corrections.find(grid, numbers, reading, other) is None
    assert Corrections.find(grid, numbers, reading, None) is None
