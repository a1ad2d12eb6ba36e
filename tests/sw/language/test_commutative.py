"""All orders of a set, bit for bit; and the float model, which fails the same test."""

from __future__ import annotations

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_set_transformer import (
    N_FILLERS,
    N_ROLES,
    all_orders,
    gather_slots,
    make_exact,
    make_set_config,
    make_set_transformer,
    make_sets,
    repeated,
)
from torch import Tensor

from lutloom.errors import InvalidDataError, InvalidNetworkError
from lutloom.language.commutative import (
    IntegerOutput,
    IntegerSetTransformer,
    SetOutput,
    SetTransformer,
    SetTransformerConfig,
    SlotBatch,
    pack_sets,
)

GROUPINGS = ("none", "role")


def same(a: IntegerOutput | SetOutput, b: IntegerOutput | SetOutput, order: Tensor) -> bool:
    """Whether ``b``, whose slots came in an order, is ``a`` in that order, bit for bit."""
    return (
        torch.equal(gather_slots(a.slots, order), b.slots)
        and torch.equal(a.pooled, b.pooled)
        and torch.equal(a.logits, b.logits)
    )


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("n", range(1, 7))
def test_every_order_of_a_small_set_gives_the_same_bits(n: int, grouping: str) -> None:
    exact, orders = make_exact(n, grouping=grouping), all_orders(n)
    for seed in range(3):
        batch = repeated(make_sets(1, n, seed), len(orders))
        before, after = exact(batch), exact(batch.reorder(orders))
        assert before.logits.dtype == torch.int64
        assert before.slots.any()
        assert same(before, after, orders)


def test_orders_run_one_at_a_time_give_the_same_bits() -> None:
    exact, one = make_exact(), make_sets(1, 4)
    before = exact(one)
    for order in all_orders(4):
        assert same(before, exact(one.reorder(order[None])), order[None])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), grouping=st.sampled_from(GROUPINGS))
def test_random_orders_of_64_slots_give_the_same_bits(seed: int, grouping: str) -> None:
    exact = make_exact(seed % 5, grouping=grouping)
    batch = make_sets(2, 64, seed, ragged=True)
    g = torch.Generator().manual_seed(seed)
    order = torch.stack([torch.randperm(64, generator=g) for _ in range(2)])
    assert same(exact(batch), exact(batch.reorder(order)), order)


def test_floats_differ_for_some_order() -> None:
    """The planted fault: the same test, the same weights, sums of floats."""
    model, orders = make_set_transformer(6), all_orders(6)
    batch = repeated(make_sets(1, 6), len(orders))
    with torch.inference_mode():
        before, after = model(batch), model(batch.reorder(orders))
    assert not same(before, after, orders)
    torch.testing.assert_close(before.pooled, after.pooled, atol=1e-4, rtol=1e-4)


def test_a_position_would_be_seen() -> None:
    """The planted fault in integers: the first slot's features are moved by one step."""
    exact, orders = make_exact(), all_orders(4)
    batch = repeated(make_sets(1, 4), len(orders))
    plain = exact.blocks[0]

    def with_position(x: Tensor, present: Tensor, membership: Tensor | None) -> Tensor:
        x = x.clone()
        x[:, 0] += 1 << 10
        return plain(x, present, membership)

    exact.blocks = (with_position, *exact.blocks[1:])  # type: ignore[assignment]
    assert not same(exact(batch), exact(batch.reorder(orders)), orders)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_neither_padding_nor_company_changes_a_bit(grouping: str) -> None:
    exact = make_exact(1, grouping=grouping)
    batch = make_sets(9, 12, ragged=True)
    whole = exact(batch)
    noise = make_sets(9, 12, 99)  # absent slots may hold anything, valid or not
    dirty = SlotBatch(
        torch.where(batch.present, batch.roles, noise.roles - 3),
        torch.where(batch.present, batch.fillers, noise.fillers + 1000),
        batch.present,
    )
    assert same(whole, exact(dirty), torch.arange(12).expand(9, -1))
    for index in range(9):
        n = int(batch.present[index].sum())
        roles, fillers = batch.roles[index, :n], batch.fillers[index, :n]
        for n_slots in (n, n + 1, 40):
            alone = exact(pack_sets([(roles.numpy(), fillers.numpy())], n_slots))
            assert torch.equal(alone.slots[0, :n], whole.slots[index, :n])
            assert torch.equal(alone.pooled[0], whole.pooled[index])
            assert torch.equal(alone.logits[0], whole.logits[index])
            assert not alone.slots[0, n:].any()


def test_a_slot_is_normed_and_mapped_alike_wherever_it_stands() -> None:
    block = make_exact(2).blocks[0]
    g = torch.Generator().manual_seed(0)
    x = torch.randint(-(1 << 20), 1 << 20, (1, 33, 24), generator=g)
    for part in (block.attention_norm, block.mlp_norm, block.mlp):
        whole = part(x)
        for index in range(33):
            assert torch.equal(part(x[:, index : index + 1])[0, 0], whole[0, index])
            assert torch.equal(part(x[0, index]), whole[0, index])
        assert torch.equal(part(x.expand(5, -1, -1).flip(1)), whole.expand(5, -1, -1).flip(1))


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("n", [2, 8, 64])
def test_the_integer_model_is_near_the_float_model(n: int, grouping: str) -> None:
    model = make_set_transformer(3, grouping=grouping)
    batch = make_sets(16, n, 5, ragged=True)
    with torch.inference_mode():
        wanted = model(batch)
    got = IntegerSetTransformer(model)(batch).to_float()
    assert wanted.logits.abs().max() > 1.0
    for name in ("slots", "pooled", "logits"):
        assert (getattr(got, name) - getattr(wanted, name)).abs().max() < 4e-3


def test_exchanged_fillers_are_another_set() -> None:
    exact = make_exact()
    eats, eaten = pack_sets([([1, 2, 3], [4, 5, 6])]), pack_sets([([1, 2, 3], [6, 5, 4])])
    assert not torch.equal(exact(eats).pooled, exact(eaten).pooled)
    no_blocks = make_exact(n_blocks=0)
    assert not torch.equal(no_blocks(eats).pooled, no_blocks(eaten).pooled), "the norm binds"


def test_a_slot_that_comes_twice_counts_twice() -> None:
    exact = make_exact()
    once, twice = pack_sets([([1, 2], [4, 5])]), pack_sets([([1, 2, 2], [4, 5, 5])])
    assert not torch.equal(exact(once).pooled, exact(twice).pooled)


def test_parameters_are_counted() -> None:
    block = 4 * 24 * 24 + 3 * 24 * 40 + 2 * 24
    expected = (N_ROLES + N_FILLERS) * 24 + 2 * block + 24
    assert make_set_transformer().n_parameters == expected


def test_sets_are_packed() -> None:
    batch = pack_sets([([2, 3], [5, 6]), ([2], [7])], n_slots=3)
    assert len(batch) == 2
    assert batch.roles.tolist() == [[2, 3, 0], [2, 0, 0]]
    assert batch.fillers.tolist() == [[5, 6, 0], [7, 0, 0]]
    assert batch.present.tolist() == [[True, True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("sets", "n_slots", "message"),
    [
        ([([1, 2], [3])], 0, "set 0: must have one filler for each role, not 1 for 2"),
        ([([1], [3]), ([], [])], 0, "set 1: must have at least one slot, not none; drop it"),
        ([([1, 2], [3, 4])], 1, "at most 1 slots, not 2; raise 'n_slots'"),
        ([([1] * 4097, [1] * 4097)], 0, "at most 4096 slots, not 4097; cut it"),
    ],
)
def test_impossible_sets_are_refused(
    sets: list[tuple[list[int], list[int]]], n_slots: int, message: str
) -> None:
    with pytest.raises(InvalidDataError, match=message):
        pack_sets(sets, n_slots)


def test_shapes_must_agree() -> None:
    numbers = torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(InvalidDataError, match=r"not \[2, 3\], \[2, 3\] and \[3, 2\]"):
        SlotBatch(numbers, numbers, torch.ones(3, 2, dtype=torch.bool))


@pytest.mark.parametrize("kind", ["float", "integer"])
@pytest.mark.parametrize(
    ("roles", "fillers", "message"),
    [
        ([7], [0], "a role must be a number from 0 to 6, not 7"),
        ([0], [23], "a filler must be a number from 0 to 22, not 23"),
        ([-1], [0], "a role must be a number from 0 to 6, not -1"),
    ],
)
def test_unknown_numbers_are_refused(
    kind: str, roles: list[int], fillers: list[int], message: str
) -> None:
    model: SetTransformer | IntegerSetTransformer = make_set_transformer()
    if kind == "integer":
        model = IntegerSetTransformer(make_set_transformer())
    with pytest.raises(InvalidDataError, match=message):
        model(pack_sets([(roles, fillers)]))


@pytest.mark.parametrize("weight", [17.0, float("nan")])
def test_weights_out_of_range_are_refused(weight: float) -> None:
    model = make_set_transformer()
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[3, 2] = weight  # type: ignore[union-attr, index, operator]
    with pytest.raises(
        InvalidNetworkError, match=rf"blocks.1.mlp.up.weight: weights .* 16, not {weight:g}"
    ):
        IntegerSetTransformer(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_heads": 64, "head_size": 128}, "n_heads x head_size must be at most 4096, not 8192"),
        ({"width": 5000}, "width"),
        ({"head_size": 1024}, "head_size"),
        ({"norm_epsilon": 1e-9}, "norm_epsilon"),
        ({"grouping": "rule"}, "grouping"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, object], message: str) -> None:
    raw = {**msgspec.to_builtins(make_set_config()), **changes}
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(raw, SetTransformerConfig)
