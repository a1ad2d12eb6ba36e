"""The transformer against a numpy model written from the formulas, position by position."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_transformer import make_config, make_tokens, make_transformer

from lutloom.language.masks import attention_mask
from lutloom.language.transformer import Transformer, TransformerConfig


def reference_logits(model: Transformer, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute logits in float64 with loops and no torch."""
    config = model.config
    weights = {name: t.detach().double().numpy() for name, t in model.state_dict().items()}
    mask = attention_mask(config.pattern, len(tokens), config.stride)
    half = config.head_size // 2

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        mean = (x**2).sum(-1, keepdims=True) / config.width
        return x / np.sqrt(mean + config.norm_epsilon) * weights.get(f"{name}.gain", 1.0)

    def turn(x: NDArray[np.float64]) -> NDArray[np.float64]:
        out = x.copy()
        if not config.rope_base:
            return out
        for position in range(len(x)):
            for pair in range(half):
                angle = position * config.rope_base ** (-2 * pair / config.head_size)
                a, b = x[position, 2 * pair], x[position, 2 * pair + 1]
                out[position, 2 * pair] = a * np.cos(angle) - b * np.sin(angle)
                out[position, 2 * pair + 1] = a * np.sin(angle) + b * np.cos(angle)
        return out

    def shortcut(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ weights[f"{name}.weight"].T if config.sliced else x

    x = shortcut(weights["embedding.weight"][tokens], "entry")
    for index in range(config.n_blocks):
        at = f"blocks.{index}"
        y = norm(x, f"{at}.attention_norm")
        q, k, v = (y @ weights[f"{at}.attention.{n}.weight"].T for n in ("query", "key", "value"))
        heads = []
        for head in range(config.n_heads):
            shared = head * config.kv_heads // config.n_heads
            own = slice(head * config.head_size, (head + 1) * config.head_size)
            kv = slice(shared * config.head_size, (shared + 1) * config.head_size)
            scores = turn(q[:, own]) @ turn(k[:, kv]).T / np.sqrt(config.head_size)
            share = np.where(mask, np.exp(scores - scores.max(-1, keepdims=True)), 0.0)
            heads.append(share / share.sum(-1, keepdims=True) @ v[:, kv])
        attended = np.concatenate(heads, axis=1) @ weights[f"{at}.attention.output.weight"].T
        x = shortcut(x, f"{at}.attention_shortcut") + attended
        y = norm(x, f"{at}.mlp_norm")
        gate = y @ weights[f"{at}.mlp.gate.weight"].T
        up = y @ weights[f"{at}.mlp.up.weight"].T
        mixed = (gate / (1 + np.exp(-gate)) * up) @ weights[f"{at}.mlp.down.weight"].T
        x = shortcut(x, f"{at}.mlp_shortcut") + mixed
    x = shortcut(norm(x, "final_norm"), "exit")
    return x @ weights["embedding.weight" if config.tied else "head.weight"].T


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tied": False},
        {"n_heads": 4, "n_kv_heads": 2},
        {"n_kv_heads": 1},
        {"pattern": "local", "stride": 4},
        {"pattern": "fixed", "stride": 5},
        {"rope_base": 0.0},
        {"node_widths": (20, 24, 16, 16, 24, 8, 12)},
        {"n_blocks": 0},
    ],
    ids=lambda changes: ",".join(changes) or "default",
)
def test_logits_are_those_of_the_formulas(changes: dict[str, object]) -> None:
    model = make_transformer(**changes)
    tokens = make_tokens(13)
    with torch.inference_mode():
        logits = model(torch.from_numpy(tokens)[None])[0]
    expected = reference_logits(model, tokens)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(logits.numpy(), expected, atol=2e-4 * np.abs(expected).max())


def test_a_token_changes_nothing_before_it() -> None:
    model, tokens = make_transformer(), torch.from_numpy(make_tokens(16))
    changed = tokens.clone()
    changed[9] = (changed[9] + 1) % 61
    with torch.inference_mode():
        before, after = model(tokens[None])[0], model(changed[None])[0]
    assert torch.equal(before[:9], after[:9])
    assert not torch.allclose(before[9:], after[9:])


def test_a_pattern_can_be_set_later() -> None:
    model, tokens = make_transformer(), torch.from_numpy(make_tokens(16))[None]
    local = make_transformer(pattern="local", stride=3)
    with torch.inference_mode():
        dense = model(tokens)
        model.set_pattern("local", 3)
        assert torch.equal(model(tokens), local(tokens))
        assert not torch.allclose(model(tokens), dense)
        model.set_pattern("causal", 1)
        assert torch.equal(model(tokens), dense)


def test_parameters_are_counted_once() -> None:
    tied, untied = make_transformer(), make_transformer(tied=False)
    block = 24 * 24 * 4 + 3 * 24 * 40 + 2 * 24
    assert tied.n_parameters == 61 * 24 + 3 * block + 24
    assert untied.n_parameters == tied.n_parameters + 61 * 24


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_heads": 3, "n_kv_heads": 2}, "n_heads must be a multiple of n_kv_heads"),
        ({"node_widths": [8, 8]}, "node_widths must be 7 numbers, not 2"),
        ({"node_widths": [99] * 7}, r"node_widths must be at most width \(24\)"),
        ({"head_size": 7}, "head_size"),
        ({"widht": 8}, "widht"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, object], message: str) -> None:
    raw = {**msgspec.to_builtins(make_config()), **changes}
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(raw, TransformerConfig)
