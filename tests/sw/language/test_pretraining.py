from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
import torch
from small_transformer import make_config, make_tokens, make_transformer

from lutloom.errors import InvalidDataError
from lutloom.language.kneser_ney import KneserNey
from lutloom.language.pretraining import (
    PretrainingPlan,
    make_optimizer,
    mean_loss,
    perplexity,
    pretrain,
    windows,
)
from lutloom.language.text import split_text
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer

PLAN = PretrainingPlan(steps=60, batch=8, learning_rate=1e-2)


def fresh(seed: int = 0, **changes: object) -> Transformer:
    torch.manual_seed(seed)
    return Transformer(make_config(**changes))


def test_it_learns_what_an_n_gram_model_learns(tokenizer: Tokenizer, text: str) -> None:
    parted = split_text("toy", text)
    train, held_out = tokenizer.encode(parted.train), tokenizer.encode(parted.test)
    model = fresh(vocabulary=tokenizer.vocabulary, context=24)
    before = perplexity(model, held_out)
    run = pretrain(model, train, PretrainingPlan(steps=250, batch=16, learning_rate=1e-2))
    baseline = KneserNey(train, tokenizer.vocabulary).perplexity(held_out)
    assert before > 0.5 * tokenizer.vocabulary
    assert perplexity(model, held_out) < 1.1 * baseline < 4
    assert np.mean(run.losses[-20:]) < 0.5 * run.losses[0]


def test_the_same_seed_gives_the_same_model() -> None:
    tokens = np.tile(make_tokens(50), 8)

    def trained(seed: int) -> torch.Tensor:
        model = fresh(seed)
        pretrain(model, tokens, PretrainingPlan(steps=5, batch=4, seed=seed))
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_validation_does_not_change_training() -> None:
    tokens = np.tile(make_tokens(50), 8)
    models = fresh(), fresh()
    plain = pretrain(models[0], tokens, PretrainingPlan(steps=6, batch=4))
    checked = pretrain(
        models[1], tokens, PretrainingPlan(steps=6, batch=4), validation=tokens, validate_every=2
    )
    assert plain.losses == checked.losses
    assert [step for step, _ in checked.validation] == [2, 4, 6]
    assert checked.validation[-1][1] == pytest.approx(mean_loss(models[1], tokens))
    assert plain.validation == ()


def test_hooks_see_every_step_in_order() -> None:
    seen: list[str] = []

    class Hooks:
        def begin_step(self, step: int) -> None:
            seen.append(f"begin {step}")

        def after_backward(self, step: int) -> None:
            assert all(p.grad is not None for p in model.parameters())
            seen.append(f"gradients {step}")

        def after_update(self, step: int) -> None:
            seen.append(f"update {step}")

    model = fresh()
    notes: list[float] = []
    pretrain(
        model, make_tokens(100), PretrainingPlan(steps=2, batch=2), hooks=Hooks(),
        progress=lambda done, total, _: notes.append(done / total),
    )  # fmt: skip
    assert seen == [
        f"{what} {step}" for step in (0, 1) for what in ("begin", "gradients", "update")
    ]
    assert notes[-1] == 1.0


def test_learning_rate_rises_and_falls() -> None:
    plan = PretrainingPlan(steps=100, learning_rate=1.0, warmup_share=0.1)
    rates = [plan.learning_rate_at(step) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)
    held = msgspec.structs.replace(plan, decay_from=0.6)
    assert [held.learning_rate_at(step) for step in range(61)] == [*rates[:10], *[1.0] * 51]
    assert held.learning_rate_at(61) < 1.0
    assert held.learning_rate_at(99) == pytest.approx(0.1, abs=0.01)


def test_gains_do_not_decay() -> None:
    groups = make_optimizer(fresh(), PLAN).param_groups
    assert {p.dim() for p in groups[0]["params"]} == {2}
    assert {p.dim() for p in groups[1]["params"]} == {1}
    assert [g["weight_decay"] for g in groups] == [0.1, 0.0]


def test_loss_is_over_every_token_once() -> None:
    model, tokens = make_transformer(), make_tokens(16 * 5 + 9)
    cut = windows(tokens, 16)
    assert cut[:, 1:].flatten().tolist() == tokens[1 : 16 * 5 + 1].tolist()
    with torch.inference_mode():
        logits = torch.log_softmax(model(cut[:, :-1]), dim=-1)
    chosen = logits.gather(2, cut[:, 1:, None])
    assert mean_loss(model, tokens) == pytest.approx(-float(chosen.mean()), rel=1e-5)
    assert perplexity(model, tokens) == pytest.approx(math.exp(mean_loss(model, tokens)))


def test_too_few_tokens_are_refused() -> None:
    with pytest.raises(InvalidDataError, match="at least 17 tokens, not 10"):
        pretrain(fresh(), make_tokens(10), PLAN)
    with pytest.raises(InvalidDataError, match="at least 17 tokens, not 16"):
        windows(make_tokens(16), 16)
