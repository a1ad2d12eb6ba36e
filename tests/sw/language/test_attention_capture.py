"""What is captured is what attention computed with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sliced_models import make_sliced, make_windows
from small_transformer import make_transformer

from lutloom.attention.calibrate import float_attention
from lutloom.errors import InvalidDataError, InvalidNetworkError
from lutloom.language.attention_capture import attention_config, attention_of, capture_attention
from lutloom.language.attention_loop import calibrate_blocks, with_integer_attention
from lutloom.language.transformer import Transformer

TOKENS = make_windows(6)[:, :-1]

MODELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "shared": {"n_heads": 4, "n_kv_heads": 2},
    "fixed": {"pattern": "fixed", "stride": 4},
    "local": {"pattern": "local", "stride": 3},
    "no positions": {"rope_base": 0.0},
}


def make(name: str) -> Transformer:
    return make_sliced() if name == "sliced" else make_transformer(**MODELS[name])


@pytest.mark.parametrize("name", [*MODELS, "sliced"])
def test_float_attention_of_the_rows_is_what_attention_gave(name: str) -> None:
    model = make(name)
    config = attention_config(model.config)
    for block in range(3):
        rows = capture_attention(model, TOKENS, block)
        assert rows.query.shape == (model.config.n_heads, 6, 16, 8)
        assert {part.dtype for part in (*rows.inputs, rows.mixed)} == {np.dtype("float32")}
        found = float_attention(config, *rows.inputs)
        assert found == pytest.approx(rows.mixed, abs=2e-5)


def test_positions_are_applied_once() -> None:
    model = make_transformer()
    rows = capture_attention(model, TOKENS, 0)
    with torch.no_grad():
        block = model.blocks[0]
        x = block.attention_norm(model.embed(TOKENS))
        plain = block.attention.query(x).view(6, 16, 3, 8).permute(2, 0, 1, 3).numpy()
    pairs = plain.reshape(3, 6, 16, 4, 2) @ np.array([1, 1j])
    angle = np.arange(16)[:, None] * 10_000.0 ** (-np.arange(4) / 4)
    turned = pairs * np.exp(1j * angle)
    assert rows.query[..., ::2] == pytest.approx(turned.real, abs=1e-4)
    assert rows.query[..., 1::2] == pytest.approx(turned.imag, abs=1e-4)


def test_shared_keys_and_values_are_repeated() -> None:
    rows = capture_attention(make("shared"), TOKENS, 1)
    for part in (rows.key, rows.value):
        assert (part[0] == part[1]).all()
        assert (part[2] == part[3]).all()
        assert (part[1] != part[2]).any()


def test_heads_can_be_selected_and_the_model_stays_as_it_was() -> None:
    model = make_transformer()
    before = model(TOKENS)
    rows = capture_attention(model, TOKENS, 1)
    some = rows.select([2, 0])
    assert (some.query == rows.query[[2, 0]]).all()
    assert (some.mixed[1] == rows.mixed[0]).all()
    assert torch.equal(model(TOKENS), before)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_hooks_go_also_when_a_model_fails() -> None:
    model = make_transformer()
    with pytest.raises(RuntimeError):
        capture_attention(model, torch.zeros((1, 99), dtype=torch.int64), 0)
    assert not any(module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("block", [-1, 3])
def test_a_block_that_is_not_there(block: int) -> None:
    message = f"must be one of the model's 3, counted from 0, not {block}; name one that is there"
    with pytest.raises(InvalidDataError, match=message):
        capture_attention(make_transformer(), TOKENS, block)


def test_a_block_that_attends_in_integers_already() -> None:
    model = make_transformer()
    changed = with_integer_attention(model, calibrate_blocks(model, TOKENS, [1]))
    assert attention_of(changed, 0) is not None
    with pytest.raises(InvalidDataError, match="must attend in floats, not by AttentionInTheLoop"):
        attention_of(changed, 1)


@pytest.mark.parametrize(("part", "name"), [("value", "values"), ("key", "keys")])
def test_numbers_that_are_not_finite(part: str, name: str) -> None:
    model = make_transformer()
    with torch.no_grad():
        getattr(model.blocks[1].attention, part).weight[3, 0] = torch.nan
    capture_attention(model, TOKENS, 0)
    with pytest.raises(InvalidDataError, match=f"block 1, {name}: must be finite numbers, but one"):
        capture_attention(model, TOKENS, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head_size": 4}, "integer attention, head_size: must be an integer 8..64, not 4; train"),
        ({"head_size": 66}, "head_size: must be an integer 8..64, not 66"),
        ({"context": 513}, "context: must be an integer 1..512, not 513"),
        ({"n_heads": 65}, "n_heads: must be an integer 1..64, not 65"),
    ],
)
def test_limits_are_said(changes: dict[str, int], message: str) -> None:
    from small_transformer import make_config

    with pytest.raises(InvalidNetworkError, match=message):
        attention_config(make_config(**changes))


def test_a_stride_beyond_the_context_changes_no_mask() -> None:
    model = make_transformer(pattern="local_strided", stride=60_000)
    config = attention_config(model.config)
    assert config.stride == 512
    rows = capture_attention(model, TOKENS, 0)
    assert float_attention(config, *rows.inputs) == pytest.approx(rows.mixed, abs=2e-5)
