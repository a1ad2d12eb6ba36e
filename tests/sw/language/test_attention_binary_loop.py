"""Binary attention in the loop: judged by the specification, trained straight through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_transformer import make_config, make_tokens, make_transformer

from lutloom.attention.binary_calibrate import CalibratedBinaryAttention
from lutloom.errors import InvalidDataError
from lutloom.language import attention_binary_loop
from lutloom.language.attention_binary_loop import (
    attend_in_numpy,
    calibrate_binary_blocks,
    with_binary_attention,
)
from lutloom.language.pretraining import PretrainingPlan, mean_loss, pretrain, windows
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer

Blocks = dict[int, CalibratedBinaryAttention]


@pytest.fixture(scope="module")
def tokens(text: str, tokenizer: Tokenizer) -> NDArray[np.int64]:
    return tokenizer.encode(text)


@pytest.fixture(scope="module")
def trained(tokens: NDArray[np.int64], tokenizer: Tokenizer) -> Transformer:
    config = make_config(vocabulary=tokenizer.vocabulary, n_blocks=2, n_heads=2, context=24)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Transformer(config)
    pretrain(model, tokens[:-1500], PretrainingPlan(steps=100, batch=8, learning_rate=6e-3))
    return model


@pytest.fixture(scope="module")
def calibrated(trained: Transformer, tokens: NDArray[np.int64]) -> Blocks:
    return calibrate_binary_blocks(trained, windows(tokens, 24)[:8, :-1], code_bits=16)


def test_a_short_training_makes_up_for_codes(
    trained: Transformer, tokens: NDArray[np.int64], calibrated: Blocks
) -> None:
    loss = mean_loss(trained, tokens[-1500:])
    binary = with_binary_attention(trained, calibrated)
    before = mean_loss(binary, tokens[-1500:])
    pretrain(binary, tokens[:-1500], PretrainingPlan(steps=25, batch=8, learning_rate=2e-3))
    after = mean_loss(binary, tokens[-1500:])
    assert loss < before < 5.0
    assert after - loss < 0.7 * (before - loss)
    assert mean_loss(trained, tokens[-1500:]) == loss  # the model itself is as it was


def both(model: Transformer, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the first block's attention to train and to evaluate."""
    found: Any = model.blocks[0].attention
    x = model.blocks[0].attention_norm(model.embed(tokens))  # type: ignore[operator]
    rotation = model.rotation[: tokens.shape[1]]  # type: ignore[index]
    found.attention.output = torch.nn.Identity()
    return found.train()(x, rotation, model.mask), found.eval()(x, rotation, model.mask)


@pytest.mark.parametrize("sizes", [{}, {"n_kept": 0, "group_size": 0}, {"pattern": "local"}])
@torch.no_grad()
def test_training_attends_as_the_specification_but_for_rounding(sizes: dict[str, Any]) -> None:
    pattern = {"pattern": "local", "stride": 5} if sizes.pop("pattern", None) else {}
    model = make_transformer(**pattern)
    tokens = torch.from_numpy(make_tokens(48).reshape(3, 16))
    blocks = calibrate_binary_blocks(model, tokens, [0], code_bits=16, **sizes)
    trained, evaluated = both(with_binary_attention(model, blocks), tokens)
    half_step = torch.from_numpy(np.repeat(blocks[0].output_scale, 8)) / 2
    held = evaluated.abs() < 126.4 * 2 * half_step
    assert held.float().mean() > 0.9
    assert ((trained - evaluated).abs() <= 1.001 * half_step)[held].all()


@torch.no_grad()
def test_a_key_weighed_wrong_in_training_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_transformer()
    tokens = torch.from_numpy(make_tokens(48).reshape(3, 16))
    blocks = calibrate_binary_blocks(model, tokens, [0], code_bits=16)
    weigh = attention_binary_loop.weigh
    monkeypatch.setattr(
        attention_binary_loop, "weigh", lambda s, seen, n, level: weigh(s, seen, 2 * n, level)
    )
    trained, evaluated = both(with_binary_attention(model, blocks), tokens)
    assert (trained - evaluated).abs().max() > 2 * blocks[0].output_scale.max()


def test_gradients_reach_queries_keys_and_values(trained: Transformer, calibrated: Blocks) -> None:
    binary = with_binary_attention(trained, calibrated).train()
    torch.autograd.backward(binary(torch.from_numpy(make_tokens(24)[None])).square().mean())
    for name, parameter in binary.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_what_attends_is_told(trained: Transformer, calibrated: Blocks) -> None:
    calls = []

    def executor(layer: CalibratedBinaryAttention) -> Any:
        calls.append(layer)
        attend = attend_in_numpy(layer)
        return lambda *rows: np.zeros_like(attend(*rows))

    silent = with_binary_attention(trained, calibrated, executor)
    tokens = torch.from_numpy(make_tokens(24)[None])
    assert calls == list(calibrated.values())
    assert (
        not silent.blocks[0]
        .attention(  # type: ignore[operator]
            silent.embed(tokens), silent.rotation, silent.mask
        )
        .any()
    )


def test_progress_and_blocks_are_chosen(trained: Transformer) -> None:
    seen = []
    tokens = torch.from_numpy(make_tokens(48).reshape(2, 24))
    found = calibrate_binary_blocks(
        trained, tokens, [1], code_bits=8, progress=lambda *step: seen.append(step)
    )
    assert list(found) == [1]
    assert seen == [(1, 1, "block 1")]


def test_other_models_are_refused(trained: Transformer, calibrated: Blocks) -> None:
    with pytest.raises(InvalidDataError, match="must have 3 heads of 8, as the model, not 2 of 8"):
        with_binary_attention(make_transformer(), {0: calibrated[0]})
    local = with_binary_attention(trained, calibrated)
    local.set_pattern("local", 3)
    with pytest.raises(InvalidDataError, match=r"must see keys as the layer does \(causal, con"):
        mean_loss(local, make_tokens(200))
    with pytest.raises(InvalidDataError, match="block 0: must attend in floats"):
        with_binary_attention(with_binary_attention(trained, calibrated), calibrated)
