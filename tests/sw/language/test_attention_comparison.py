"""A model judged with every executor; clocks under every pattern; pictures of weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_transformer import make_transformer

from lutloom.attention.integer import seen_keys
from lutloom.compare import attention_cycles
from lutloom.compare.attention import evaluate_in_the_loop
from lutloom.compare.attention_cycles import measure_cycles
from lutloom.compare.attention_maps import attention_maps
from lutloom.errors import MismatchError
from lutloom.language.attention_capture import capture_attention
from lutloom.language.attention_loop import calibrate_blocks
from lutloom.language.masks import mask_density
from lutloom.language.pretraining import perplexity
from lutloom_hw.attention_options import AttentionOptions
from lutloom_sim.attention import AttentionSimulator


def tokens(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 30, n)


def test_every_executor_attends_in_every_block() -> None:
    model = make_transformer(vocabulary=30)
    calibrated = calibrate_blocks(model, torch.from_numpy(tokens(64).reshape(4, 16)))
    held_out = tokens(3 * 16 + 1, seed=1)
    notes: list[str] = []
    found = evaluate_in_the_loop(
        model, held_out, calibrated, options=AttentionOptions(lanes=4),
        watch=lambda done, total, note: notes.append(f"{done:g}/{total:g} {note}"),
    )  # fmt: skip
    assert [one.executor for one in found] == ["torch", "numpy", "onnxruntime", "verilog"]
    assert found[0].perplexity == perplexity(model, held_out)
    assert found[1].perplexity == found[2].perplexity == found[3].perplexity
    assert found[1].perplexity != found[0].perplexity
    assert [one.differing for one in found] == [None, None, 0, 0]
    assert [one.compared for one in found[2:]] == [3 * 3 * 3 * 16 * 8] * 2
    assert notes[0] == "0/4 attention in torch"
    assert notes[-1] == "4/4 "


def test_an_engine_that_errs_is_counted_and_goes_into_the_perplexity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_transformer(vocabulary=30)
    calibrated = calibrate_blocks(model, torch.from_numpy(tokens(64).reshape(4, 16)), [1])
    true_attend = AttentionSimulator.attend

    def faulty(self: AttentionSimulator, *rows: np.ndarray) -> np.ndarray:
        answers = true_attend(self, *rows)
        answers[:, -1] = 127
        return answers

    monkeypatch.setattr(AttentionSimulator, "attend", faulty)
    found = evaluate_in_the_loop(
        model, tokens(33, seed=1), calibrated, executors=("torch", "numpy", "verilog"),
        options=AttentionOptions(lanes=4),
    )  # fmt: skip
    assert 2 * 3 * 8 - 8 < (found[2].differing or 0) <= 2 * 3 * 8
    assert found[2].perplexity != found[1].perplexity


def test_clocks_are_measured_and_are_those_of_the_formula() -> None:
    patterns = (("causal", 1), ("local", 4), ("fixed", 8), ("strided", 4), ("local_strided", 8))
    points = measure_cycles(
        positions=32, head_size=8, options=AttentionOptions(lanes=4), patterns=patterns
    )
    assert [(point.pattern, point.stride) for point in points] == list(patterns)
    for point in points:
        assert point.cycles == point.formula_cycles
        assert point.density == mask_density(point.pattern, 32, point.stride)
        assert point.lane_use == 2 * 2 * point.keys / point.cycles <= 1
    assert points[0].keys == 32 * 33 // 2
    assert points[1].cycles < points[0].cycles / 2


def test_clocks_of_wrong_integers_are_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    true_simulate = attention_cycles.simulate_attention

    def of_another(layer, batch, **options):  # type: ignore[no-untyped-def]
        found = true_simulate(layer, batch, **options)
        return type(found)(**{f: getattr(found, f) for f in found.__struct_fields__} | {
            "differing": 3})  # fmt: skip

    monkeypatch.setattr(attention_cycles, "simulate_attention", of_another)
    with pytest.raises(MismatchError, match="pattern causal: the engine must give the model's"):
        measure_cycles(
            positions=8, head_size=8, options=AttentionOptions(lanes=8), patterns=(("causal", 1),)
        )


def test_maps_show_what_each_query_weighs() -> None:
    model = make_transformer(vocabulary=30)
    drawn = torch.from_numpy(tokens(64).reshape(4, 16))
    calibrated = calibrate_blocks(model, drawn, [0])[0]
    rows = capture_attention(model, drawn, 0)
    maps = attention_maps(calibrated, rows, [f"t{k}" for k in range(16)], window=2)
    assert [one.head for one in maps] == [0, 1, 2]
    hidden = ~seen_keys(calibrated.layer.config, 16)
    for one in maps:
        floats, integers = (
            np.frombuffer(part, dtype=np.uint8).reshape(16, 16).astype(int)
            for part in (one.floats, one.integers)
        )
        assert not floats[hidden].any()
        assert not integers[hidden].any()
        assert floats[0, 0] == integers[0, 0] == 255
        assert (abs(floats.sum(axis=1) - 255) <= 8).all()
        assert abs(floats - integers).max() <= 8
        weights = torch.softmax(
            torch.from_numpy(rows.query[one.head, 2] @ rows.key[one.head, 2].T) / 8**0.5
            + torch.from_numpy(np.where(hidden, -np.inf, 0.0)), dim=1,
        )  # fmt: skip
        assert abs(floats - 255 * weights.numpy()).max() <= 0.5 + 1e-3
        assert one.tokens[3] == "t3"
    assert maps[0].integers != maps[1].integers
