"""Block elimination against a search that builds and runs every candidate whole."""

from __future__ import annotations

import itertools
import math
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from deep_models import (
    likely_windows,
    make_cancelling,
    make_deep,
    make_windows,
    naive_greedy,
    naive_loss,
    rebuild,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from small_transformer import make_tokens, make_transformer

from lutloom.errors import InvalidDataError, InvalidNetworkError, InvalidRecipeError
from lutloom.language.block_elimination import (
    Calibration,
    block_influence,
    choose_blocks,
    draw_windows,
    eliminate,
    eliminate_last,
    eliminate_least_influential,
    eliminate_one_shot,
    one_shot_losses,
    refine,
    without_blocks,
)
from lutloom.language.transformer import Transformer

METHODS = ("greedy", "swap", "one_shot", "block_influence", "last")


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1 << 16),
    n_blocks=st.integers(3, 6),
    n_windows=st.sampled_from([1, 5, 40, 70]),
    keep_first=st.integers(0, 1),
    keep_last=st.integers(0, 2),
)
def test_greedy_is_the_naive_search_to_the_bit(
    seed: int, n_blocks: int, n_windows: int, keep_first: int, keep_last: int
) -> None:
    model, windows = make_deep(n_blocks, seed), make_windows(n_windows, seed=seed)
    n = n_blocks - keep_first - keep_last
    found = eliminate(model, windows, n, keep_first=keep_first, keep_last=keep_last)
    order, losses = naive_greedy(model, windows, n, keep_first, keep_last)
    assert list(found.order) == order
    assert list(found.losses) == losses, "to the bit"
    assert found.start_loss == naive_loss(model, windows)


def test_other_shapes_of_model_are_searched_alike() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"n_heads": 4, "n_kv_heads": 2}, {"pattern": "local", "stride": 3}, {"tied": False},
        {"rope_base": 0.0},
    )  # fmt: skip
    for some in changes:
        model, windows = make_deep(5, 3, **some), make_windows(9)
        found = eliminate(model, windows, 3)
        assert (list(found.order), list(found.losses)) == naive_greedy(model, windows, 3)


def test_blocks_that_do_nothing_go_first_and_cost_nothing() -> None:
    model = make_deep(8, idle=(2, 5))
    windows = likely_windows(model)
    found = eliminate(model, windows, 3)
    assert found.order[:2] == (2, 5), "the first among equals"
    assert found.losses[0] == found.losses[1] == found.start_loss
    assert found.order[2] not in (2, 5)


def test_what_is_saved_is_counted() -> None:
    n_blocks, n_windows = 7, 64  # two parts of 32 windows
    model, windows = make_deep(n_blocks), make_windows(n_windows)
    effort = eliminate(model, windows, 2).effort
    assert effort.evaluations == 5 + 4
    assert effort.block_passes_naive == n_windows * (5 * 6 + 4 * 5)
    most = n_windows * sum(
        # blocks before the last candidate, once, and those behind each candidate
        (alive - 2) + sum(alive - 1 - at for at in range(1, alive - 1))
        for alive in (7, 6)
    )
    assert effort.block_passes <= most < effort.block_passes_naive
    assert effort.saved == pytest.approx(1 - effort.block_passes / effort.block_passes_naive)
    if not effort.abandoned:
        assert effort.block_passes == most


def test_a_hopeless_candidate_is_given_up_and_the_answer_stays() -> None:
    model = make_deep(6, idle=(1,), strongest=2.0)
    windows = likely_windows(model, 96)  # three parts of 32
    found = eliminate(model, windows, 2)
    assert found.effort.abandoned > 0
    assert (list(found.order), list(found.losses)) == naive_greedy(model, windows, 2)
    whole = Calibration(model, windows)
    whole.losses_without(range(6), range(1, 5), every=True)
    given_up = Calibration(model, windows)
    given_up.losses_without(range(6), range(1, 5))
    assert whole.effort.abandoned == 0
    assert given_up.effort.block_passes < whole.effort.block_passes


def test_a_search_that_gives_up_too_early_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant the fault: forget the first part's loss of every candidate but the first."""
    model, windows = make_deep(6, 2), make_windows(64)
    sound = Calibration._tail

    def faulty(self: Calibration, streams: Any, blocks: Any, best: float) -> float:
        return sound(self, streams, blocks, best if math.isinf(best) else 0.9 * best)

    monkeypatch.setattr(Calibration, "_tail", faulty)
    found = eliminate(model, windows, 3)
    assert (list(found.order), list(found.losses)) != naive_greedy(model, windows, 3)


def test_a_search_with_a_stale_stream_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    model, windows = make_deep(6, 2), make_windows(8)
    sound = Calibration._run

    def faulty(self: Calibration, block: int, x: torch.Tensor) -> torch.Tensor:
        return x if block == 3 else sound(self, block, x)

    monkeypatch.setattr(Calibration, "_run", faulty)
    found = eliminate(model, windows, 2)
    assert (list(found.order), list(found.losses)) != naive_greedy(model, windows, 2)


def loss_without(model: Transformer, windows: torch.Tensor, gone: tuple[int, ...]) -> float:
    alive = [index for index in range(len(model.blocks)) if index not in gone]
    return naive_loss(rebuild(model, alive), windows)


def test_swaps_end_where_no_single_swap_helps_and_never_lose() -> None:
    windows, helped, optimal = make_windows(6), 0, 0
    for seed in range(10):
        model = make_deep(7, seed)
        greedy = eliminate(model, windows, 3)
        refined = refine(model, windows, greedy.order, last_is_best=True, passes_max=20)
        plain = refine(model, windows, greedy.order, passes_max=20)
        assert refined.settled
        assert (refined.removed, refined.loss) == (plain.removed, plain.loss)
        assert refined.effort.evaluations <= plain.effort.evaluations
        assert refined.start_loss == greedy.loss
        assert refined.loss == loss_without(model, windows, refined.removed)
        falling = [refined.start_loss, *(swap.loss for swap in refined.swaps)]
        assert falling == sorted(set(falling), reverse=True)
        for back, new in itertools.product(refined.removed, range(1, 6)):
            if new not in refined.removed:
                swapped = tuple(new if block == back else block for block in refined.removed)
                assert loss_without(model, windows, swapped) >= refined.loss
        every = itertools.combinations(range(1, 6), 3)
        least = min(loss_without(model, windows, gone) for gone in every)
        helped += bool(refined.swaps)
        optimal += refined.loss == least
        assert least <= refined.loss <= greedy.loss
    assert helped > 0, "the models must give swaps something to do"
    assert optimal >= 8, "of ten, and the greedy search alone reaches fewer"


@pytest.mark.parametrize("seed", [0, 2, 4, 5])
def test_a_swap_finds_the_pair_that_the_greedy_search_misses(seed: int) -> None:
    model = make_cancelling(seed)
    windows = likely_windows(model)
    pairs = list(itertools.combinations(range(1, 6), 2))
    best = min(pairs, key=lambda gone: loss_without(model, windows, gone))
    assert best == (2, 3)
    greedy = choose_blocks("greedy", model, windows, 2)
    swapped = choose_blocks("swap", model, windows, 2)
    assert greedy.removed[0] == 5
    assert set(swapped.removed) == {2, 3}
    assert swapped.loss == loss_without(model, windows, best) < greedy.loss


def test_swaps_mend_a_bad_beginning() -> None:
    model = make_deep(7, idle=(2, 4))
    windows = likely_windows(model)
    refined = refine(model, windows, (1, 5))
    assert set(refined.removed) == {2, 4}
    assert {swap.put_back for swap in refined.swaps} == {1, 5}
    assert refined.loss == naive_loss(model, windows)
    stopped = refine(model, windows, (1, 5), passes_max=0)
    assert (stopped.removed, stopped.settled, stopped.swaps) == ((1, 5), False, ())
    assert refine(model, windows, ()).removed == ()


def test_one_shot_ranks_by_the_whole_model() -> None:
    model, windows = make_deep(6, 4), make_windows(40)
    losses = one_shot_losses(Calibration(model, windows))
    wanted = [loss_without(model, windows, (block,)) for block in range(1, 5)]
    assert losses.tolist() == [math.inf, *wanted, math.inf]
    found = eliminate_one_shot(model, windows, 3)
    assert list(found.order) == [1 + at for at in np.argsort(wanted)[:3]]
    gone = [found.order[: k + 1] for k in range(3)]
    assert list(found.losses) == [loss_without(model, windows, some) for some in gone]
    assert found.order[0] == eliminate(model, windows, 1).order[0], "the first choice is shared"


def test_block_influence_is_the_formula() -> None:
    model, windows = make_deep(5, 5, idle=(3,)), make_windows(4)
    wanted = np.zeros(5)
    with torch.inference_mode():
        for window in windows:
            x = model.embedding(window[None, :-1])
            for index in range(5):
                before = x[0].double().numpy()
                x = model.run_block(index, x)
                after = x[0].double().numpy()
                for a, b in zip(before, after, strict=True):
                    cosine = a @ b / math.sqrt((a @ a) * (b @ b))
                    wanted[index] += (1 - cosine) / (4 * 16)
    influence = block_influence(model, windows)
    np.testing.assert_allclose(influence, wanted, rtol=1e-9, atol=1e-12)
    assert influence[3] == pytest.approx(0, abs=1e-12)
    found = eliminate_least_influential(model, windows, 2)
    assert list(found.order) == [1 + at for at in np.argsort(wanted[1:4])[:2]]
    assert found.effort.evaluations == 0


def test_the_last_blocks() -> None:
    model, windows = make_deep(6), make_windows(4)
    assert eliminate_last(model, windows, 3).order == (4, 3, 2)
    assert eliminate_last(model, windows, 3, keep_last=0).order == (5, 4, 3)
    assert eliminate_last(model, windows, 0).losses == ()
    assert eliminate_last(model, windows, 0).loss == naive_loss(model, windows)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_by_its_name(method: Any) -> None:
    model, windows = make_deep(7, 1), make_windows(6)
    before = [p.clone() for p in model.parameters()]
    notes: list[tuple[object, ...]] = []
    choice = choose_blocks(method, model, windows, 3, progress=lambda *note: notes.append(note))
    assert len(set(choice.removed)) == 3
    assert not {0, 6} & set(choice.removed)
    assert choice.loss == loss_without(model, windows, choice.removed)
    assert choice.start_loss == naive_loss(model, windows)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert len(choice.effort) == (2 if method == "swap" else 1)
    assert bool(notes) == (method in ("greedy", "swap"))


@pytest.mark.parametrize(
    "changes", [{}, {"pattern": "local", "stride": 3}, {"tied": False, "n_kv_heads": 1}]
)
def test_the_shorter_model_is_the_same_without_those_blocks(changes: dict[str, Any]) -> None:
    model = make_deep(6, **changes)
    tokens = make_windows(3)[:, :-1]
    for removed in ((), (2,), (4, 1), tuple(range(6))):
        shorter = without_blocks(model, removed)
        alive = [index for index in range(6) if index not in removed]
        assert shorter.config == msgspec.structs.replace(model.config, n_blocks=len(alive))
        with torch.inference_mode():
            assert torch.equal(shorter(tokens), rebuild(model, alive)(tokens))
    weight = without_blocks(model, (2,)).embedding.weight
    assert weight.data_ptr() != model.embedding.weight.data_ptr(), "a copy"


def test_the_shorter_model_keeps_the_pattern_in_use() -> None:
    model, tokens = make_deep(4), make_windows(2)[:, :-1]
    model.set_pattern("local", 2)
    with torch.inference_mode():
        assert torch.equal(without_blocks(model, (1,))(tokens), rebuild(model, [0, 2, 3])(tokens))


def test_windows_are_drawn_without_overlap() -> None:
    tokens = np.arange(1000)
    drawn = draw_windows(tokens, 20, 16, seed=3)
    assert drawn.shape == (20, 17)
    starts = drawn[:, 0].tolist()
    assert len(set(starts)) == 20
    assert all(start % 16 == 0 for start in starts)
    assert torch.equal(drawn, draw_windows(tokens, 20, 16, seed=3))
    assert not torch.equal(drawn, draw_windows(tokens, 20, 16, seed=4))
    with pytest.raises(InvalidDataError, match=r"windows must be 1\.\.62, .* not 63"):
        draw_windows(tokens, 63, 16, seed=3)


def test_a_sliced_model_is_refused() -> None:
    sliced, windows = make_transformer(node_widths=(20,) * 7), make_windows()
    for refused in (
        lambda: without_blocks(sliced, (1,)),
        lambda: eliminate(sliced, windows, 1),
        lambda: eliminate_last(sliced, windows, 1),
        lambda: block_influence(sliced, windows),
    ):
        with pytest.raises(
            InvalidNetworkError, match=r"must not be sliced.*eliminate blocks first"
        ):
            refused()


def test_a_model_without_a_finite_loss_is_refused() -> None:
    model = make_deep(4)
    with torch.no_grad():
        model.final_norm.gain.fill_(math.nan)  # type: ignore[union-attr]
    with pytest.raises(InvalidNetworkError, match="a loss must be finite"):
        eliminate(model, make_windows(), 1)


def test_what_cannot_be_removed_is_refused() -> None:
    model, windows = make_deep(5), make_windows()
    with pytest.raises(InvalidRecipeError, match=r"must be 0\.\.3 of 5 .* not 4; remove fewer"):
        eliminate(model, windows, 4)
    with pytest.raises(InvalidRecipeError, match="to keep must be at least 0, not -1 and 1"):
        eliminate(model, windows, 1, keep_first=-1)
    with pytest.raises(InvalidRecipeError, match=r"must differ and be 1\.\.3, not \[1, 1\]"):
        refine(model, windows, (1, 1))
    with pytest.raises(InvalidRecipeError, match=r"must differ and be 1\.\.3, not \[0\]"):
        refine(model, windows, (0,))
    with pytest.raises(InvalidRecipeError, match=r"blocks must be 0\.\.4, not 5"):
        without_blocks(model, (5,))
    with pytest.raises(InvalidRecipeError, match=r"\[2, 2\] comes twice"):
        without_blocks(model, (2, 2))
    with pytest.raises(InvalidRecipeError, match="did you mean 'greedy'"):
        choose_blocks("gredy", model, windows, 1)  # type: ignore[arg-type]


def test_windows_the_model_cannot_read_are_refused() -> None:
    model = make_deep(4)
    for tokens in (make_windows(2, 18), make_windows(2, 1), torch.from_numpy(make_tokens(20))):
        with pytest.raises(InvalidDataError, match=r"must be windows of 2\.\.17 tokens, not \["):
            eliminate(model, tokens, 1)
    with pytest.raises(InvalidDataError, match=r"tokens must be 0\.\.60, not 0\.\.61"):
        eliminate(model, torch.tensor([[0, 61, 3]]), 1)
