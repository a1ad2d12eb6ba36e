"""Integer attention in the loop: the loss is near that of floats, and what attends is told."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from attention_rows import draw_calibrated
from numpy.typing import NDArray
from sliced_models import make_sliced
from small_transformer import make_config, make_tokens, make_transformer

from lutloom.attention import AttentionConfig, CalibratedAttention, attend
from lutloom.attention.calibrate import Attend, calibrate, float_attention
from lutloom.errors import InvalidDataError, InvalidNetworkError
from lutloom.files.attention_onnx import OnnxRuntimeAttention, write_attention
from lutloom.language.attention_capture import attention_config, capture_attention
from lutloom.language.attention_loop import (
    DifferenceCount,
    attend_in_numpy,
    calibrate_blocks,
    with_integer_attention,
)
from lutloom.language.pretraining import PretrainingPlan, mean_loss, pretrain, windows
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer

Corpus = tuple[NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(scope="module")
def tokens(text: str, tokenizer: Tokenizer) -> Corpus:
    encoded = tokenizer.encode(text)
    return encoded[:-1500], encoded[-1500:]


@pytest.fixture(scope="module")
def trained(tokens: Corpus, tokenizer: Tokenizer) -> Transformer:
    config = make_config(vocabulary=tokenizer.vocabulary, n_heads=4, n_kv_heads=2, context=32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Transformer(config)
    pretrain(model, tokens[0], PretrainingPlan(steps=120, batch=8, learning_rate=6e-3))
    return model


@pytest.fixture(scope="module")
def calibrated(trained: Transformer, tokens: Corpus) -> dict[int, CalibratedAttention]:
    return calibrate_blocks(trained, windows(tokens[0], 32)[:12, :-1])


def test_a_trained_model_keeps_its_perplexity_within_one_percent(
    trained: Transformer, tokens: Corpus, calibrated: dict[int, CalibratedAttention]
) -> None:
    loss = mean_loss(trained, tokens[1])
    assert loss < 3.0  # it has learnt something: log(290) is 5.67
    found = mean_loss(with_integer_attention(trained, calibrated), tokens[1])
    assert found != loss
    assert abs(math.exp(found - loss) - 1) < 0.01


def test_what_is_left_out_stays_in_floats(
    trained: Transformer, tokens: Corpus, calibrated: dict[int, CalibratedAttention]
) -> None:
    before = mean_loss(trained, tokens[1])
    one = with_integer_attention(trained, {1: calibrated[1]})
    some = windows(tokens[1], 32)[:4, :-1]
    with torch.no_grad():
        first = trained.run_block(0, trained.embed(some))
        assert torch.equal(one.run_block(0, one.embed(some)), first)
        assert not torch.equal(one.run_block(1, first), trained.run_block(1, first))
    assert mean_loss(with_integer_attention(trained, {}), tokens[1]) == before
    assert mean_loss(trained, tokens[1]) == before


def test_with_exact_attention_in_the_loop_nothing_changes(
    trained: Transformer, tokens: Corpus, calibrated: dict[int, CalibratedAttention],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def exact(
        self: CalibratedAttention, query: object, key: object, value: object, _: object
    ) -> object:
        return float_attention(self.layer.config, query, key, value)  # type: ignore[arg-type]

    changed = with_integer_attention(trained, calibrated)
    monkeypatch.setattr(CalibratedAttention, "run", exact)
    assert mean_loss(changed, tokens[1]) == pytest.approx(mean_loss(trained, tokens[1]), abs=1e-5)


def test_every_layout_runs(tokens: Corpus) -> None:
    held_out = make_tokens(400, seed=3)
    some = windows(make_tokens(400, seed=4), 16)[:8, :-1]
    for model in (
        make_transformer(pattern="fixed", stride=4), make_transformer(rope_base=0.0), make_sliced(),
    ):  # fmt: skip
        changed = with_integer_attention(model, calibrate_blocks(model, some))
        assert mean_loss(changed, held_out) == pytest.approx(mean_loss(model, held_out), rel=0.01)


def test_onnxruntime_can_attend_and_differences_are_counted(
    trained: Transformer, tokens: Corpus, calibrated: dict[int, CalibratedAttention], tmp_path: Path
) -> None:
    def in_onnxruntime(layer: CalibratedAttention) -> Attend:
        write_attention(layer, tmp_path / "a.onnx")
        return OnnxRuntimeAttention(tmp_path / "a.onnx").run

    def faulty(layer: CalibratedAttention) -> Attend:
        def run(query: object, key: object, value: object) -> NDArray[np.int8]:
            output = attend(layer.layer, query, key, value)  # type: ignore[arg-type]
            output[1, 3, 2] ^= 1
            return output

        return run

    held_out = tokens[1][: 5 * 32 + 1]
    count = DifferenceCount(attend_in_numpy, in_onnxruntime)
    changed = with_integer_attention(trained, calibrated, count)
    wanted = mean_loss(with_integer_attention(trained, calibrated), held_out)
    assert mean_loss(changed, held_out) == wanted
    assert (count.differing, count.compared) == (0, 3 * 4 * 5 * 32 * 8)
    count = DifferenceCount(attend_in_numpy, faulty)
    assert mean_loss(with_integer_attention(trained, calibrated, count), held_out) != wanted
    assert count.differing == 3 * 5


def test_blocks_are_calibrated_on_what_they_meet_in_floats(
    trained: Transformer, tokens: Corpus, calibrated: dict[int, CalibratedAttention]
) -> None:
    notes: list[str] = []
    some = windows(tokens[0], 32)[:12, :-1]
    alone = calibrate_blocks(trained, some, [2], progress=lambda *at: notes.append(at[2]))
    rows = capture_attention(trained, some, 2)
    direct = calibrate(attention_config(trained.config), *rows.inputs)
    assert list(alone) == [2]
    assert notes == ["block 2"]
    for found in (alone[2], calibrated[2]):
        assert (found.layer.multiplier == direct.layer.multiplier).all()
        assert (found.value_scale == direct.value_scale).all()


def test_a_head_that_is_too_large_is_named_with_its_block() -> None:
    model = make_transformer()
    with torch.no_grad():
        model.blocks[1].attention.query.weight[8:16] *= 1e4
    with pytest.raises(InvalidNetworkError, match="block 1, head 1: scores are too large"):
        calibrate_blocks(model, windows(make_tokens(400), 16)[:4, :-1])


def test_layers_of_another_model_are_refused(trained: Transformer) -> None:
    def layer(**changes: object) -> CalibratedAttention:
        values = {"n_heads": 4, "head_size": 8, "context": 32, **changes}
        return draw_calibrated(AttentionConfig(**values))  # type: ignore[arg-type]

    with pytest.raises(InvalidDataError, match="must have 4 heads of 8, as the model, not 2 of 8"):
        with_integer_attention(trained, {0: layer(n_heads=2)})
    with pytest.raises(InvalidDataError, match="must be one of the model's 3"):
        with_integer_attention(trained, {3: layer()})
    for other in (layer(context=16), layer(pattern="local", stride=4), layer(mode="set")):
        with pytest.raises(InvalidDataError, match="must see keys as the layer does"):
            with_integer_attention(trained, {0: other})(torch.zeros((1, 32), dtype=torch.int64))


def test_a_pattern_changed_later_is_noticed() -> None:
    model = make_transformer()
    calibrated = calibrate_blocks(model, windows(make_tokens(400), 16)[:4, :-1])
    model.set_pattern("local", 3)
    with pytest.raises(InvalidDataError, match=r"\(causal, context 16\), but the model does not"):
        with_integer_attention(model, calibrated)(torch.zeros((1, 16), dtype=torch.int64))
