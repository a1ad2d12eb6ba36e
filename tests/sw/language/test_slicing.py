"""Slicing against what it must leave: the function at share 0, diagonal moments at each node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sliced_models import logits, make_sliced, make_windows, off
from small_transformer import make_tokens, make_transformer

from lutloom.errors import InvalidDataError, InvalidNetworkError, InvalidRecipeError
from lutloom.language.pretraining import PretrainingPlan, pretrain
from lutloom.language.slicing import SecondMoment, fuse_norms, slice_model, sliced_width
from lutloom.language.transformer import Transformer

KINDS: list[dict[str, object]] = [
    {},
    {"tied": False},
    {"n_heads": 4, "n_kv_heads": 2},
    {"pattern": "local", "stride": 4},
    {"rope_base": 0.0},
    {"n_blocks": 0},
]


def node_moments(model: Transformer) -> list[NDArray[np.float64]]:
    """The second moment of what each norm of a model is given."""
    moments: list[NDArray[np.float64]] = []

    def look(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        x = given[0].flatten(0, 1).double().numpy()
        moments.append(x.T @ x)

    norms = [part for name, part in model.named_modules() if name.endswith("norm")]
    handles = [norm.register_forward_pre_hook(look) for norm in norms]
    with torch.no_grad():
        model(make_windows()[:, :-1])
    for handle in handles:
        handle.remove()
    return moments


def is_principal(moment: NDArray[np.float64]) -> bool:
    """Whether features are uncorrelated, and those of most energy come first."""
    energy = np.diagonal(moment)
    correlation = moment / np.sqrt(np.outer(energy, energy))
    uncorrelated = np.abs(correlation - np.eye(len(moment))).max() < 1e-3
    return bool(uncorrelated and (np.diff(energy) <= 1e-4 * energy[0]).all())


@pytest.mark.parametrize("changes", KINDS, ids=lambda changes: ",".join(changes) or "default")
@pytest.mark.parametrize("orientation", ["pca", "random"])
def test_at_share_0_the_function_stays(changes: dict[str, Any], orientation: Any) -> None:
    model = make_transformer(**changes)
    before = logits(model)
    sliced = slice_model(model, make_windows(), 0.0, orientation=orientation)
    assert sliced.config.node_widths == (24,) * (2 * sliced.config.n_blocks + 1)
    assert off(sliced, model) < 1e-4
    np.testing.assert_array_equal(logits(model), before)


@pytest.mark.parametrize("changes", KINDS[:2])
def test_fused_gains_leave_the_function(changes: dict[str, Any]) -> None:
    model = make_transformer(**changes)
    fused = fuse_norms(model)
    assert not any(name.endswith("gain") for name, _ in fused.named_parameters())
    assert off(fused, model) < 1e-5


def test_a_pattern_that_was_set_later_stays() -> None:
    model = make_transformer()
    model.set_pattern("local", 3)
    assert off(fuse_norms(model), model) < 1e-5
    assert off(slice_model(model, make_windows(), 0.0), model) < 1e-4


def test_every_node_is_in_the_principal_basis_of_the_sliced_models_own_signals() -> None:
    moments = node_moments(make_sliced(0.3, orientation="pca"))
    assert [len(moment) for moment in moments] == [16] * 7
    assert all(is_principal(moment) for moment in moments)


def test_a_basis_that_is_not_principal_is_seen() -> None:
    turned = node_moments(make_sliced(0.3, orientation="random"))
    assert not any(is_principal(moment) for moment in turned)


def test_directions_are_those_of_the_damped_sum() -> None:
    signals = np.random.default_rng(0).normal(size=(40, 5)) @ np.diag([1, 3, 2, 0.1, 5])
    moment = SecondMoment(5)
    for part in np.split(signals, 4):
        moment.add(torch.from_numpy(part))
    total = np.zeros((5, 5))
    for x in signals:
        for i in range(5):
            for j in range(5):
                total[i, j] += x[i] * x[j]
    damped = total + 0.01 * np.mean(np.diagonal(total)) * np.eye(5)
    found = moment.directions().numpy()
    values = [found[:, k] @ damped @ found[:, k] for k in range(5)]
    np.testing.assert_allclose(values, np.sort(np.linalg.eigvalsh(damped))[::-1])
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-12)
    assert all(found[np.abs(found[:, k]).argmax(), k] > 0 for k in range(5))


def test_no_direction_counts_a_dead_stream() -> None:
    directions = SecondMoment(3).directions().numpy()
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)


def test_entry_keeps_what_the_least_eigenvalues_leave() -> None:
    model, windows = make_transformer(), make_windows()
    sliced = slice_model(model, windows, 0.3)
    entry = sliced.entry.weight.detach().double().numpy()  # type: ignore[union-attr]
    x = model.embedding(windows[:, :-1]).detach().flatten(0, 1).double().numpy()
    lost = np.square(x - x @ entry.T @ entry).sum()
    assert lost == pytest.approx(np.linalg.eigvalsh(x.T @ x)[:8].sum(), rel=1e-4)


def test_shortcuts_are_products_of_bases() -> None:
    model = make_transformer()
    sliced = slice_model(model, make_windows(), 0.3)
    for name, tensor in sliced.state_dict().items():
        if name.endswith("shortcut.weight"):
            sizes = np.linalg.svd(tensor.numpy(), compute_uv=False)
            assert sizes.max() < 1 + 1e-5
    gain = model.final_norm.gain
    assert gain is not None
    last = (sliced.exit.weight / gain[:, None]).detach().numpy()  # type: ignore[union-attr]
    np.testing.assert_allclose(last.T @ last, np.eye(16), atol=1e-5)


def test_orientation_changes_weights_and_no_logits() -> None:
    model, windows = make_transformer(), make_windows()
    ordered = slice_model(model, windows, 0.3)
    turned = slice_model(model, windows, 0.3, orientation="random", seed=1)
    other = slice_model(model, windows, 0.3, orientation="random", seed=2)
    assert off(turned, ordered) < 1e-4
    assert off(other, ordered) < 1e-4
    name = "blocks.1.mlp.up.weight"
    assert not torch.allclose(turned.state_dict()[name], other.state_dict()[name], atol=1e-2)


def test_slicing_is_repeatable_and_reports_progress() -> None:
    model, notes = make_transformer(), []
    first = slice_model(model, make_windows(), 0.3, progress=lambda *note: notes.append(note))
    second = slice_model(model, make_windows(), 0.3)
    assert all(torch.equal(a, second.state_dict()[n]) for n, a in first.state_dict().items())
    assert [note[:2] for note in notes] == [(1, 3), (2, 3), (3, 3)]


def test_tokens_in_a_row_are_cut_into_windows() -> None:
    model, tokens = make_transformer(), make_tokens(16 * 9 + 5)
    windows = torch.from_numpy(tokens[: 16 * 9]).view(9, 16)
    whole = torch.cat([windows, torch.roll(windows[:, :1], -1, 0)], dim=1)
    assert off(slice_model(model, tokens, 0.3), slice_model(model, whole, 0.3)) < 1e-4


def test_a_sliced_model_can_be_trained() -> None:
    sliced, tokens = make_sliced(0.3), np.tile(np.arange(20), 40)
    run = pretrain(sliced, tokens, PretrainingPlan(steps=12, batch=4, learning_rate=1e-2))
    assert run.losses[-1] < run.losses[0]


@pytest.mark.parametrize(
    ("width", "share", "multiple", "kept"),
    [(576, 0.3, 8, 400), (576, 0.2, 8, 456), (128, 0.3, 8, 88), (128, 0.2, 8, 96), (10, 0.3, 1, 7),
     (24, 0.0, 8, 24), (20, 0.0, 8, 16)],
)  # fmt: skip
def test_widths(width: int, share: float, multiple: int, kept: int) -> None:
    assert sliced_width(width, share, multiple) == kept


@pytest.mark.parametrize(
    ("share", "options", "message"),
    [
        (1.0, {}, "share must be 0 or more and less than 1, and multiple at least 1, not 1.0 and"),
        (-0.1, {}, "share must be 0 or more"),
        (0.3, {"multiple": 0}, "not 0.3 and 0"),
        (0.9, {}, "at least 8 of 24 features must be left, not 2.4; lower the share or 'multiple'"),
        (0.3, {"orientation": "up"}, "orientation: must be one of pca, random, not 'up'"),
    ],
)
def test_impossible_options_are_refused(
    share: float, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRecipeError, match=message):
        slice_model(make_transformer(), make_windows(), share, **options)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (make_windows(2, 18), r"windows of 2..17 tokens, not \[2, 18\]; cut them"),
        (make_windows(2, 17)[:0], r"not \[0, 17\]"),
        (make_windows(2, 17) + 1000, "tokens must be 0..60, not 10"),
        (make_windows(2, 17) - 100, "tokens must be 0..60, not -"),
        (make_tokens(5), "there must be at least 17 tokens, not 5"),
    ],
)
def test_impossible_tokens_are_refused(tokens: Any, message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        slice_model(make_transformer(), tokens, 0.3)


def test_a_sliced_model_is_not_sliced_again() -> None:
    with pytest.raises(
        InvalidNetworkError, match="must not be sliced yet, but has widths 16 to 16"
    ):
        slice_model(make_sliced(0.3), make_windows(), 0.3)
