from __future__ import annotations

import numpy as np
import pytest

from lutloom.ir import FAN_IN_MAX, UNUSED
from lutloom.lower import truth_table

WORDS = np.random.default_rng(1).integers(0, 1 << 64, 200, dtype=np.uint64, endpoint=False)
ADDRESSES = range(64)


def bit(word: np.uint64, address: int) -> int:
    return int(word) >> address & 1


def with_input(address: int, k: int, value: int) -> int:
    return address & ~(1 << k) | value << k


@pytest.mark.parametrize("count", range(FAN_IN_MAX + 1))
def test_spread_repeats_and_shorten_undoes(count: int) -> None:
    own = (1 << (1 << count)) - 1
    table = WORDS & np.uint64(own)
    counts = np.full(table.size, count)
    full = truth_table.spread(table, counts)
    for word, wide in zip(table, full, strict=True):
        assert all(bit(wide, a) == bit(word, a % (1 << count)) for a in ADDRESSES)
    assert (truth_table.shorten(full, counts) == table).all()


@pytest.mark.parametrize("k", range(FAN_IN_MAX))
def test_one_input_operations_follow_their_definition(k: int) -> None:
    low, high = truth_table.set_input(WORDS, k, False), truth_table.set_input(WORDS, k, True)
    flipped = truth_table.flip(WORDS, k)
    for i, word in enumerate(WORDS):
        for a in ADDRESSES:
            assert bit(low[i], a) == bit(word, with_input(a, k, 0))
            assert bit(high[i], a) == bit(word, with_input(a, k, 1))
            assert bit(flipped[i], a) == bit(word, a ^ 1 << k)


@pytest.mark.parametrize("k", range(FAN_IN_MAX))
@pytest.mark.parametrize("other", range(FAN_IN_MAX))
def test_two_input_operations_follow_their_definition(k: int, other: int) -> None:
    implied = truth_table.implies(k, other)
    for a in ADDRESSES:
        assert bit(implied, a) == int((a >> k & 1) <= (a >> other & 1))
    if k == other:
        return
    joined = truth_table.join(WORDS, k, other)
    for word, result in zip(WORDS[:40], joined, strict=False):
        for a in ADDRESSES:
            assert bit(result, a) == bit(word, with_input(a, other, a >> k & 1))
    if other == k + 1:
        swapped = truth_table.swap_next(WORDS, k)
        for word, result in zip(WORDS[:40], swapped, strict=False):
            for a in ADDRESSES:
                back = with_input(with_input(a, k, a >> other & 1), other, a >> k & 1)
                assert bit(result, a) == bit(word, back)


def test_differs_looks_only_at_pairs_that_can_occur() -> None:
    rng = np.random.default_rng(2)
    nearly_idle = WORDS | rng.permutation(WORDS) | rng.permutation(WORDS)
    care = rng.permutation(WORDS) & rng.permutation(WORDS)
    for k in range(FAN_IN_MAX):
        found = truth_table.differs(nearly_idle, care, k)
        for i, word in enumerate(nearly_idle):
            pairs = [(a, a | 1 << k) for a in ADDRESSES if not a >> k & 1]
            wanted = any(
                bit(word, a) != bit(word, b) and bit(care[i], a) and bit(care[i], b)
                for a, b in pairs
            )
            assert found[i] == wanted


def test_compact_closes_gaps_and_sort_orders_inputs_without_changing_a_function() -> None:
    rng = np.random.default_rng(3)
    signals = rng.integers(0, 2, 50)
    n = WORDS.size
    fan_in = np.array([rng.permutation(50)[:FAN_IN_MAX] for _ in range(n)], dtype=np.int32)
    idle = rng.random((n, FAN_IN_MAX)) < 0.4
    full = WORDS.copy()
    for k in range(FAN_IN_MAX):
        full[idle[:, k]] = truth_table.set_input(full[idle[:, k]], k, False)
    wanted = [bit(w, sum(int(signals[s]) << k for k, s in enumerate(row))) for w, row in
              zip(full, fan_in, strict=True)]  # fmt: skip
    layer = truth_table.compact(fan_in, full, idle, np.arange(n, dtype=np.int32))
    spread = truth_table.spread(layer.table, layer.fan_in_count)
    in_order, sorted_full = truth_table.sort_inputs(layer.fan_in, spread)
    assert (layer.fan_in_count == (~idle).sum(axis=1)).all()
    for i in range(n):
        used = [s for s in layer.fan_in[i] if s != UNUSED]
        assert set(used) == set(fan_in[i][~idle[i]])
        assert list(in_order[i][: len(used)]) == sorted(used)
        for row, word in ((layer.fan_in[i], spread[i]), (in_order[i], sorted_full[i])):
            address = sum(int(signals[s]) << k for k, s in enumerate(row) if s != UNUSED)
            assert bit(word, address) == wanted[i]
