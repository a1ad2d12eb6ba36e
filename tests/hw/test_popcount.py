"""Every form is run three ways: on numpy (exhaustive), on integers (cost), as hardware."""

import itertools

import numpy as np
import pytest

from lutloom_hw.popcount import CostBuilder, count_ones
from lutloom_hw.popcount.carry import count_with_carries

FORMS = ("compressor", "carry")


class ArrayBuilder:
    """Build a popcount of numpy arrays: one element an input vector."""

    def __init__(self, n_vectors, faulty_carry=False):
        self.n_vectors = n_vectors
        self.faulty_carry = faulty_carry
        self.latency_cycles = 0

    def constant(self, value):
        return np.full(self.n_vectors, value)

    def full_adder(self, a, b, c):
        total = a + b + c
        return total & 1, (total >> 1 if not self.faulty_carry else a & b)

    def half_adder(self, a, b):
        return self.full_adder(a, b, self.constant(0))

    def add(self, a, b):
        assert len(a) == len(b)
        total = sum((x + y) << k for k, (x, y) in enumerate(zip(a, b, strict=True)))
        return [total >> k & 1 for k in range(len(a))]

    def register(self, bits):
        self.latency_cycles += 1
        return list(bits)


def count(bits, *, form, every, bias=0, **kwargs):
    builder = ArrayBuilder(len(bits[0]) if bits else 1, **kwargs)
    width = max(1, (len(bits) + bias).bit_length())
    total = count_ones(builder, bits, bias=bias, width=width, form=form, register_every=every)
    assert len(total) == width
    return sum(bit << k for k, bit in enumerate(total)), builder.latency_cycles


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("every", [1, 2, 3])
def test_all_vectors_of_up_to_ten_bits(form, every):
    for n, bias in itertools.product(range(11), (0, 1, 2, 5, 31)):
        vectors = np.arange(1 << n)
        bits = [vectors >> k & 1 for k in range(n)]
        total, _ = count(bits, form=form, every=every, bias=bias)
        wanted = sum(bits, start=np.zeros_like(vectors)) + bias
        assert (np.broadcast_to(total, wanted.shape) == wanted).all(), (n, bias)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("every", [1, 2, 3, 16])
def test_random_vectors_of_many_bits(form, every):
    rng = np.random.default_rng(every)
    for n in (*range(11, 70), 104, 127, 128, 129, 300):
        bits = list(rng.integers(0, 2, (n, 64)))
        bits = [np.concatenate([bit, [0, 1]]) for bit in bits]  # and none, and all
        total, _ = count(bits, form=form, every=every, bias=n % 3)
        assert (total == sum(bits) + n % 3).all(), n


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_carry_is_caught(form):
    vectors = np.arange(1 << 6)
    bits = [vectors >> k & 1 for k in range(6)]
    total, _ = count(bits, form=form, every=2, faulty_carry=True)
    assert (total != sum(bits)).any()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 64, 104])
def test_the_cost_model_knows_the_latency(form, every, n):
    cost = CostBuilder()
    count_ones(cost, [False] * n, bias=0, width=7, form=form, register_every=every)
    bits = [np.zeros(1, dtype=int)] * n
    assert cost.latency_cycles == count(bits, form=form, every=every)[1] >= 1


@pytest.mark.parametrize(("n", "cells"), [(32, 55), (48, 80), (64, 108), (104, 172), (128, 216)])
def test_the_small_form_stays_small(n, cells):
    """At most so many iCE40 logic cells, registers included; 1.7 a vote and fewer for many."""
    cost = CostBuilder()
    count_with_carries(cost, [False] * n, bias=0, register_every=2)
    assert cost.cells <= cells
    assert cost.latency_cycles <= 4


def test_constants_are_never_registered():
    cost = CostBuilder()
    assert cost.register([None, True, False, None]) == [None, False, False, None]
    assert (cost.flip_flops, cost.delays) == (2, 1)
