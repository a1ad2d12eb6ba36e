"""Attention in integers: pair by pair in Python's own integers, and within its bound of floats."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutloom.language.commutative import attend, attention_error_bound
from lutloom.language.commutative import attention as module
from lutloom.language.commutative import fixed_point as fp
from lutloom.language.commutative.attention import (
    CommutativeAttention,
    IntegerAttention,
    group_by_role,
    join_heads,
    split_heads,
)


def random_heads(seed: int, n: int, size: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn((3, 2, 2, n, size), generator=g, dtype=torch.float64) * scale
    return fp.to_fixed(query), fp.to_fixed(key), fp.to_fixed(value)


def softmax_of(query: Tensor, key: Tensor, value: Tensor, count: Tensor) -> Tensor:
    """The definition in float64, of the same fixed-point numbers."""
    q, k, v = (fp.to_float(a) for a in (query, key, value))
    share = torch.softmax(
        q @ k.transpose(-1, -2) + torch.log(count.double())[:, None, None, :], dim=-1
    )
    return share @ v


def test_attention_is_its_definition_pair_by_pair() -> None:
    query, key, value = random_heads(0, 5, 3, 1.5)
    count = torch.tensor([[1, 1, 0, 1, 4], [0, 2, 0, 0, 1]])
    got = attend(query, key, value, count)
    unit = 1 << fp.EXP_BITS
    for n in range(2):
        for head in range(2):
            for i in range(5):
                q, keys = query[n, head, i].tolist(), key[n, head].tolist()
                there = [j for j in range(5) if count[n, j]]
                scores = {
                    j: math.floor(
                        Fraction(sum(a * b for a, b in zip(q, keys[j], strict=True)), 2**20)
                        + Fraction(1, 2)
                    )
                    for j in there
                }
                top = max(scores.values())
                weights = {
                    j: int(count[n, j]) * round(math.exp((scores[j] - top) / 4096) * unit)
                    * (top - scores[j] < 16 * 4096)
                    for j in there
                }  # fmt: skip
                for c in range(3):
                    total = sum(w * int(value[n, head, j, c]) for j, w in weights.items())
                    exact = Fraction(total, sum(weights.values()))
                    assert int(got[n, head, i, c]) == math.floor(exact + Fraction(1, 2))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 70), scale=st.sampled_from([0.1, 1.0, 4.0]))
def test_attention_is_within_its_bound(seed: int, n: int, scale: float) -> None:
    query, key, value = random_heads(seed, n, 8, scale)
    count = torch.randint(0, 4, (2, n), generator=torch.Generator().manual_seed(seed))
    count[:, 0] += 1
    error = fp.to_float(attend(query, key, value, count)) - softmax_of(query, key, value, count)
    largest = float(fp.to_float(value).abs().max())
    assert error.abs().max() <= attention_error_bound(int(count.sum(-1).max()), largest)


def test_a_coarse_exponential_breaks_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value = random_heads(1, 30, 8, 1.0)
    count = torch.ones(2, 30, dtype=torch.int64)
    monkeypatch.setattr(module, "exp_negative", lambda x: fp.exp_negative(x // 64 * 64))
    error = fp.to_float(attend(query, key, value, count)) - softmax_of(query, key, value, count)
    assert error.abs().max() > attention_error_bound(30, float(fp.to_float(value).abs().max()))


def test_the_largest_sums_do_not_overflow() -> None:
    n, size = fp.SLOTS_MAX, fp.HEAD_SIZE_MAX
    query = torch.full((1, 1, 1, size), fp.VALUE_MAX)
    key = torch.full((1, 1, n, size), fp.VALUE_MAX)
    value = torch.full((1, 1, n, 2), fp.VALUE_MAX) * torch.tensor([1, -1])
    count = torch.ones(1, n, dtype=torch.int64)
    assert attend(query, key, value, count).flatten().tolist() == [fp.VALUE_MAX, -fp.VALUE_MAX]
    key[..., 1:, :] *= -1  # as far apart as scores can be
    value[..., 0, :] = 5
    assert attend(query, key, value, count).flatten().tolist() == [5, 5]
    all_in_one = torch.tensor([[n]])
    assert attend(query, key[..., :1, :], value[..., 1:2, :], all_in_one).flatten().tolist() == [
        fp.VALUE_MAX, -fp.VALUE_MAX,
    ]  # fmt: skip


def test_a_key_that_counts_twice_is_two_keys() -> None:
    query, key, value = random_heads(2, 6, 4, 1.0)
    twice = torch.tensor([0, 1, 1, 2, 3, 4, 5, 5])
    count = torch.tensor([[1, 2, 1, 1, 1, 2]]).expand(2, -1)
    one_by_one = attend(query, key[:, :, twice], value[:, :, twice], torch.ones(2, 8).long())
    assert torch.equal(attend(query, key, value, count), one_by_one)


def make_trained(seed: int = 0) -> CommutativeAttention:
    torch.manual_seed(seed)
    return CommutativeAttention(12, 3, 4)


def reference_grouped(trained: CommutativeAttention, x: Tensor, roles: list[int]) -> Tensor:
    """Attend to the mean of each role, in loops."""
    q, k, v = (part(x) for part in (trained.query, trained.key, trained.value))
    kinds = sorted(set(roles))
    at = {kind: [i for i, role in enumerate(roles) if role == kind] for kind in kinds}
    rows = []
    for i in range(len(x)):
        heads = []
        for head in range(3):
            own = slice(4 * head, 4 * head + 4)
            share = torch.stack(
                [len(at[r]) * torch.exp(q[i, own] @ k[at[r]].mean(0)[own] / 2) for r in kinds]
            )
            values = torch.stack([v[at[r]].mean(0)[own] for r in kinds])
            heads.append(share / share.sum() @ values)
        rows.append(trained.output(torch.cat(heads)))
    return torch.stack(rows)


@torch.inference_mode()
def test_grouping_reads_the_mean_of_each_role() -> None:
    trained = make_trained()
    x = torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(0))
    roles, present = torch.tensor([[2, 0, 2, 3, 9]]), torch.tensor([[True] * 4 + [False]])
    membership = group_by_role(roles, present, 4)
    assert membership[0].tolist() == [[0, 1, 0, 0, 0], [0] * 5, [1, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    expected = reference_grouped(trained, x[0, :4], [2, 0, 2, 3])
    got = trained(x, present, membership)[0, :4]
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    exact = IntegerAttention(trained)(fp.to_fixed(x), present, membership)[0, :4]
    assert (fp.to_float(exact) - expected).abs().max() < 2e-3
    assert not torch.allclose(trained(x, present, None)[0, :4], got, atol=1e-3)


@torch.inference_mode()
def test_grouping_changes_nothing_where_each_role_comes_once() -> None:
    trained = make_trained()
    x = fp.to_fixed(torch.randn(1, 4, 12, generator=torch.Generator().manual_seed(1)))
    present = torch.ones(1, 4, dtype=torch.bool)
    membership = group_by_role(torch.tensor([[3, 1, 0, 5]]), present, 6)
    exact = IntegerAttention(trained)
    assert torch.equal(exact(x, present, membership), exact(x, present, None))


def test_heads_split_and_join() -> None:
    x = torch.arange(24).view(1, 2, 12)
    assert split_heads(x, 3)[0, 1, 0].tolist() == [4, 5, 6, 7]
    assert torch.equal(join_heads(split_heads(x, 3)), x)
