"""Mixed sparsity: budgets met exactly, topology against loops, operations against hand counts."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_transformer import make_config, make_tokens

from lutloom.errors import InvalidRecipeError
from lutloom.language.mixed_sparsity import (
    SparseTraining,
    SparsityPlan,
    Stage,
    erdos_renyi_densities,
    forward_flops,
    mixed_sparsity_plan,
    move_mask,
    sparse_matrices,
)
from lutloom.language.mixed_sparsity.topology import random_mask
from lutloom.language.pretraining import PretrainingPlan, make_optimizer, pretrain
from lutloom.language.transformer import Transformer

SHAPES = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=8)


@given(shapes=SHAPES, sparsity=st.floats(0.0, 0.99))
def test_densities_spend_the_budget(shapes: list[tuple[int, int]], sparsity: float) -> None:
    densities = erdos_renyi_densities(shapes, sparsity)
    sizes = [a * b for a, b in shapes]
    kept = sum(d * n for d, n in zip(densities, sizes, strict=True))
    assert kept == pytest.approx((1 - sparsity) * sum(sizes), rel=1e-9, abs=1e-9)
    assert all(0 < d <= 1 for d in densities)
    free = [(d * a * b) / (a + b) for d, (a, b) in zip(densities, shapes, strict=True) if d < 1]
    assert max(free, default=1.0) == pytest.approx(min(free, default=1.0), rel=1e-9)


@pytest.mark.parametrize("sparsity", [-0.1, 1.0])
def test_impossible_sparsity_is_refused(sparsity: float) -> None:
    with pytest.raises(InvalidRecipeError, match="must be 0 to below 1"):
        erdos_renyi_densities([(2, 2)], sparsity)


def test_the_schedule_has_three_phases() -> None:
    plan = mixed_sparsity_plan(0.9, warm_up=0.1, restoration=0.3, steps_of_restoration=3)
    at = [plan.sparsity_at(d) for d in (0.0, 0.04, 0.06, 0.11, 0.69, 0.71, 0.81, 0.91, 0.999)]
    assert at == pytest.approx([0, 0, 0.45, 0.9, 0.9, 0.6, 0.3, 0, 0])
    assert [plan.pattern_at(d) for d in (0.05, 0.2, 0.69, 0.71)] == [
        "causal", "local_strided", "local_strided", "causal",
    ]  # fmt: skip
    assert mixed_sparsity_plan(keep_sparse_attention=True).pattern_at(0.999) == "local_strided"
    assert plan.restored_from == pytest.approx(0.7)
    constant = mixed_sparsity_plan(0.8, restoration=0.0)
    assert constant.restored_from == 0.0, "nothing comes back"
    assert constant.sparsity_at(0.999) == 0.8
    drops = [plan.drop_at(d) for d in np.linspace(0.1, 0.699, 9)]
    assert drops == sorted(drops, reverse=True)
    assert drops[0] == pytest.approx(0.3)
    assert drops[-1] < 0.001


@pytest.mark.parametrize("ends", [(0.5, 0.5, 1.0), (0.5, 0.9), (0.7, 0.5, 1.0)])
def test_stages_out_of_order_are_refused(ends: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="stages must end at rising shares, the last at 1"):
        SparsityPlan(stages=tuple(Stage(end, 0.5) for end in ends))


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.5, 0.75, 1.0]))
def test_a_move_prunes_the_smallest_and_grows_the_wanted(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 9, 2)
    generator = torch.Generator().manual_seed(seed)
    mask = random_mask((int(rows), int(columns)), float(rng.random()), generator)
    weight = torch.from_numpy(rng.normal(size=(rows, columns)).astype(np.float32)) * mask
    gradient = torch.from_numpy(rng.normal(size=(rows, columns)).astype(np.float32))
    n_prune, n_grow = (int(n) for n in rng.integers(0, rows * columns + 3, 2))
    moved = move_mask(mask, weight, gradient, n_prune, n_grow, share, generator)

    went, came = mask & ~moved, moved & ~mask
    n_pruned = min(n_prune, int(mask.sum()))
    n_grown = min(n_grow, int((~mask).sum()))
    assert int(went.sum()) == n_pruned
    assert int(came.sum()) == n_grown
    order = sorted(weight[mask].abs().tolist())
    assert sorted(weight[went].abs().tolist()) == order[:n_pruned]
    strongest = sorted(gradient[~mask].abs().tolist(), reverse=True)[: round(share * n_grown)]
    grown = sorted(gradient[came].abs().tolist(), reverse=True)
    assert all(size in grown for size in strongest)


def sparse_training(
    plan: SparsityPlan, steps: int = 20, **changes: object
) -> tuple[Transformer, SparseTraining]:
    torch.manual_seed(0)
    model = Transformer(make_config(**changes))
    training = PretrainingPlan(steps=steps, batch=2)
    optimizer = make_optimizer(model, training)
    sparse = SparseTraining(model, optimizer, plan, training)
    tokens = np.tile(make_tokens(40), 10)
    pretrain(model, tokens, training, optimizer=optimizer, hooks=sparse)
    return model, sparse


CONSTANT = SparsityPlan(stages=(Stage(1.0, 0.8),), interval=3)


@pytest.mark.parametrize("growth", ["gradient", "random", "mixed"])
@pytest.mark.parametrize("tied", [True, False])
def test_weights_stay_as_sparse_as_the_plan(growth: str, tied: bool) -> None:
    plan = msgspec.structs.replace(CONSTANT, growth=growth)
    model, sparse = sparse_training(plan, tied=tied)
    zeros = {name: float((w == 0).float().mean()) for name, w in sparse.matrices.items()}
    shapes = [tuple(w.shape) for w in sparse.matrices.values()]
    expected = dict(zip(zeros, erdos_renyi_densities(shapes, 0.8), strict=True))
    for name, share in zeros.items():
        assert share == pytest.approx(1 - expected[name], abs=0.005), name
    assert sparse.sparsity == pytest.approx(0.8, abs=0.005)
    assert "head.weight" in sparse.matrices
    assert len(sparse.matrices) == 3 * 7 + 1
    assert (model.embedding.weight == 0).any() == tied


def test_topology_moves_and_only_at_its_interval() -> None:
    torch.manual_seed(0)
    model = Transformer(make_config())
    training = PretrainingPlan(steps=9, batch=2)
    optimizer = make_optimizer(model, training)
    seen: list[torch.Tensor] = []

    class Recording(SparseTraining):
        def after_update(self, step: int) -> None:
            super().after_update(step)
            seen.append(torch.cat([m.flatten() for m in self.masks.values()]).clone())

    sparse = Recording(model, optimizer, CONSTANT, training)
    pretrain(model, make_tokens(200), training, optimizer=optimizer, hooks=sparse)
    moved = [not torch.equal(a, b) for a, b in itertools.pairwise(seen)]
    assert moved == [step % 3 == 0 for step in range(1, 9)]


@pytest.mark.parametrize("moments", ["reset", "keep"])
def test_moments_of_weights_that_go_or_come(moments: str) -> None:
    torch.manual_seed(0)
    model = Transformer(make_config())
    training = PretrainingPlan(steps=8, batch=2)
    optimizer = make_optimizer(model, training)
    plan = msgspec.structs.replace(
        CONSTANT, moments=moments, stages=(Stage(0.5, 0.0), Stage(1.0, 0.6))
    )
    sparse = SparseTraining(model, optimizer, plan, training)
    stale: list[int] = []

    class Watching:
        def begin_step(self, step: int) -> None:
            sparse.begin_step(step)

        def after_backward(self, step: int) -> None:
            sparse.after_backward(step)
            if step == 4:  # half the weights have just gone
                for name, weight in sparse.matrices.items():
                    state = optimizer.state[weight]["exp_avg"]
                    stale.append(int((state[~sparse.masks[name]] != 0).sum()))

        def after_update(self, step: int) -> None:
            sparse.after_update(step)

    pretrain(model, make_tokens(200), training, optimizer=optimizer, hooks=Watching())
    assert (sum(stale) == 0) == (moments == "reset")


def test_restoration_ends_dense_and_regrown_weights_learn() -> None:
    plan = mixed_sparsity_plan(0.8, warm_up=0.2, restoration=0.4, interval=2, stride=4)
    model, sparse = sparse_training(plan, steps=40)
    assert sparse.sparsity == 0.0
    assert all((w == 0).float().mean() < 0.01 for w in sparse.matrices.values())
    assert sparse.finish().config.pattern == "causal"
    assert model.mask is None


def test_sparse_attention_can_be_kept() -> None:
    plan = mixed_sparsity_plan(0.5, keep_sparse_attention=True, pattern="local", stride=4)
    model, sparse = sparse_training(plan)
    finished = sparse.finish()
    assert finished is model
    assert (finished.config.pattern, finished.config.stride) == ("local", 4)
    assert finished.mask is not None


def test_a_plan_that_is_never_sparse_changes_nothing() -> None:
    model, sparse = sparse_training(SparsityPlan())
    torch.manual_seed(0)
    plain = Transformer(make_config())
    pretrain(plain, np.tile(make_tokens(40), 10), PretrainingPlan(steps=20, batch=2))
    for a, b in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)
    assert sparse.flops == sparse.dense_flops


def test_operations_of_a_dense_window_by_hand() -> None:
    config = make_config()  # 3 blocks, width 24, 3 heads of 8, hidden 40, context 16
    block = 4 * 24 * 24 + 3 * 24 * 40
    count = forward_flops(config, block_weights=3 * block, head_weights=61 * 24)
    assert count.blocks == 2 * 3 * block * 16
    assert count.head == 2 * 61 * 24 * 16
    assert count.attention_square == 3 * 2 * 2 * 24 * 16 * 16
    assert count.attention_triangle == 3 * 2 * 2 * 24 * 16 * 17 / 2
    assert count.total(square=True, head=False) == count.blocks + count.attention_square
    local = forward_flops(config, block_weights=0, head_weights=0, pattern="local", stride=1)
    assert local.total() == local.total(square=True) == 3 * 2 * 2 * 24 * 16


def test_operations_of_a_sparse_training_by_hand() -> None:
    plan = SparsityPlan(stages=(Stage(1.0, 0.5),), interval=4, sparse_head=False, growth="gradient")
    model, sparse = sparse_training(plan, steps=9)
    kept = sum(int(m.sum()) for m in sparse.masks.values())
    size = sum(m.numel() for m in sparse.masks.values())
    moves = 3  # at steps 0 (where nothing is dropped but the plan begins), 4 and 8
    gradient_steps = sum(1 for step in range(9) if step and step % 4 == 0)
    assert gradient_steps < moves
    per_window = 2 * 16
    expected = 9 * 2 * 3 * per_window * kept + gradient_steps * 2 * per_window * (size - kept)
    assert sparse.flops.blocks == pytest.approx(expected, rel=1e-12)
    assert sparse.dense_flops.blocks == 9 * 2 * 3 * per_window * size
    assert sparse.flops.head == sparse.dense_flops.head
    assert set(sparse_matrices(model, sparse_head=False)) == set(sparse.matrices)
