"""``lutloom attention``: its commands on small models, and what they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sliced_models import make_sliced
from small_transformer import make_transformer

from lutloom.attention.error_bound import measure_error
from lutloom.cli import main
from lutloom.files import attention_onnx
from lutloom.files.attention_onnx import OnnxRuntimeAttention, read_attention
from lutloom.files.attention_rows import read_attention_rows
from lutloom.language.attention_capture import capture_attention
from lutloom.language.model_file import write_transformer
from lutloom.language.pretraining import perplexity, windows
from lutloom.language.text import split_text
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    capsys.readouterr()
    status = main(["attention", *map(str, words), "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out), err


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Tokenizer, text: str) -> Path:
    (tmp_path / "toy.txt").write_text(text, encoding="utf-8")
    write_transformer(make(tokenizer), tokenizer, tmp_path / "m.safetensors")
    return tmp_path


def make(tokenizer: Tokenizer, **changes: object) -> Transformer:
    return make_transformer(vocabulary=tokenizer.vocabulary, **changes)


def fixed(folder: Path) -> tuple[object, ...]:
    return folder / "m.safetensors", "--text", folder / "toy.txt", "--windows", 4


def test_lower_leaves_a_file_that_runs(
    folder: Path, capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer, text: str
) -> None:
    output = folder / "out" / "a.onnx"
    words = ("--block", 1, "--heads", "2,0", "-o", output)
    status, record, err = run(capsys, "lower", *fixed(folder), *words)
    assert status == 0
    assert f"wrote {output}" in err
    calibrated = read_attention(output)
    assert calibrated.layer.config.n_heads == 2
    assert [head["head"] for head in record["heads"]] == [2, 0]
    assert [head["multiplier"] for head in record["heads"]] == calibrated.layer.multiplier.tolist()
    held_out = tokenizer.encode(split_text("toy", text).validation)
    rows = capture_attention(make(tokenizer), windows(held_out, 16)[:4, :-1], 1).select([2, 0])
    found = measure_error(calibrated, *rows.inputs)
    for key, column in (
        ("error", found.dequantised), ("bound", found.bound), ("float_error", found.largest),
        ("float_error_rms", found.rms), ("value_scale", calibrated.value_scale),
    ):  # fmt: skip
        assert [head[key] for head in record["heads"]] == column.tolist()
    assert all(head["error"] <= head["bound"] for head in record["heads"])
    session = OnnxRuntimeAttention(output)
    integers = calibrated.quantise(*rows.inputs)
    answer = calibrated.dequantise(session.run(*(part[:, 0] for part in integers)))
    assert np.sqrt(np.square(answer - rows.mixed[:, 0]).mean()) < 0.05 * rows.mixed.std()


def test_lower_prints_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("lower", *fixed(folder), "-o", folder / "a.onnx")
    assert main(["attention", *map(str, words)]) == 0
    out, _ = capsys.readouterr()
    assert "block 0: causal, 16 positions, heads of 8" in out
    for column in ("query scale", "multiplier", "value shift", "error", "bound"):
        assert column in out


def test_lower_keeps_rows_of_the_text_to_simulate_on(
    folder: Path, capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer, text: str
) -> None:
    words = ("lower", *fixed(folder), "-o", folder / "a.onnx", "--query-rows", 100)
    status, record, err = run(capsys, *words)
    assert (status, record["query_rows"]) == (0, 3 * 3 * 16)  # whole windows, all three heads
    assert f"wrote {folder / 'a.npz'}: 144 query rows" in err
    calibrated = read_attention(folder / "a.onnx")
    batch = read_attention_rows(folder / "a.npz", calibrated.layer.config)
    held_out = tokenizer.encode(split_text("toy", text).validation)
    rows = capture_attention(make(tokenizer), windows(held_out, 16)[:3, :-1], 0)
    for kept, integers in zip(
        (batch.query, batch.key, batch.value), calibrated.quantise(*rows.inputs), strict=True
    ):
        assert np.array_equal(kept, integers.swapaxes(0, 1))
    (folder / "a.npz").unlink()
    status, record, _ = run(capsys, *words[:-1], 0)
    assert (status, record["query_rows"], (folder / "a.npz").exists()) == (0, 0, False)


def test_evaluate_compares_three(
    folder: Path, capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer, text: str
) -> None:
    status, record, _ = run(capsys, "evaluate", *fixed(folder), "--test-windows", 6)
    assert status == 0
    assert record["blocks"] == [0, 1, 2]
    held_out = tokenizer.encode(split_text("toy", text).test)[: 6 * 16 + 1]
    torch_alone, in_numpy, in_onnxruntime = record["loop"]
    assert torch_alone["perplexity"] == perplexity(make(tokenizer), held_out)
    assert in_numpy["perplexity"] == in_onnxruntime["perplexity"]
    ratio = in_numpy["perplexity"] / torch_alone["perplexity"]
    assert in_numpy["change"] == pytest.approx(ratio - 1)
    assert 0 < abs(ratio - 1) < 0.05  # weights are random; a trained model is nearer
    assert (in_onnxruntime["differing"], in_onnxruntime["compared"]) == (0, 3 * 3 * 6 * 16 * 8)
    assert in_numpy["differing"] is None
    status, one, _ = run(capsys, "evaluate", *fixed(folder), "--block", 2, "--test-windows", 6)
    assert one["blocks"] == [2]
    assert one["loop"][2]["compared"] == 3 * 6 * 16 * 8


def test_evaluate_attends_in_verilog_if_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--block", 1, "--test-windows", 2, "--verilog", "--lanes", 4)
    status, record, _ = run(capsys, "evaluate", *fixed(folder), *words)
    assert status == 0
    *_, in_onnxruntime, in_verilog = record["loop"]
    assert in_verilog["executor"] == "verilog"
    assert in_verilog["perplexity"] == in_onnxruntime["perplexity"]
    assert (in_verilog["differing"], in_verilog["compared"]) == (0, 3 * 2 * 16 * 8)


def test_evaluate_fails_where_integers_differ(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    true_run = OnnxRuntimeAttention.run

    def faulty(self: OnnxRuntimeAttention, *rows: Any) -> Any:
        output = true_run(self, *rows)
        output[0, 0, 0] ^= 1
        return output

    monkeypatch.setattr(attention_onnx.OnnxRuntimeAttention, "run", faulty)
    status, record, err = run(capsys, "evaluate", *fixed(folder), "--test-windows", 2)
    assert status == 1
    assert record["loop"][-1]["differing"] == 3 * 2
    assert "onnxruntime must give the integers of numpy, but 6 of 2,304 differ" in err


def test_a_sliced_model_goes_in_as_any(
    folder: Path, capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer
) -> None:
    sliced = make_sliced(vocabulary=tokenizer.vocabulary)
    write_transformer(sliced, tokenizer, folder / "m.safetensors")
    for words in (("lower", "-o", folder / "a.onnx"), ("evaluate", "--test-windows", 2)):
        status, record, err = run(capsys, words[0], *fixed(folder), *words[1:])
        assert status == 0
        assert record["sliced"]
        assert "the model is sliced; its attention has all its heads" in err


REFUSED: list[tuple[dict[str, object], tuple[object, ...], str]] = [
    ({}, ("lower", "--block", 3), "block: must be one of the model's 3, counted from 0, not 3"),
    ({}, ("lower", "--heads", "0,3"), "heads: must be some of 0..2, each once, with commas"),
    ({}, ("lower", "--heads", "1,1"), "heads: must be some of 0..2, each once"),
    ({}, ("lower", "--heads", "one"), "not 'one'; change --heads"),
    ({}, ("lower", "--windows", 4096), "windows must be 1.."),
    ({"head_size": 6}, ("lower",), "head_size: must be an integer 8..64, not 6; train a model"),
    ({"context": 600}, ("evaluate",), "context: must be an integer 1..512, not 600; train a"),
    ({}, ("evaluate", "--block", "7"), "must be one of the model's 3, counted from 0, not 7"),
    ({}, ("evaluate", "--block", "-1"), "block: must be a number or 'all', not '-1'"),
    ({}, ("evaluate", "--block", "some"), "must be a number or 'all', not 'some'; change --block"),
    ({"nan": True}, ("lower",), "block 0, queries: must be finite numbers, but one is not; train"),
    ({"nan": True}, ("evaluate",), "block 0, queries: must be finite numbers, but one is not"),
    ({"large": True}, ("evaluate",), "block 2, head 1: scores are too large, multiplier must be"),
]


@pytest.mark.parametrize("index", range(len(REFUSED)))
def test_what_is_refused_is_one_line(
    index: int, folder: Path, capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    changes, (command, *words), message = REFUSED[index]
    monkeypatch.chdir(folder)
    sizes = {k: v for k, v in changes.items() if k in ("head_size", "context")}
    model = make(tokenizer, **sizes)
    with torch.no_grad():
        if "nan" in changes:
            model.embedding.weight.fill_(torch.nan)
        if "large" in changes:
            model.blocks[2].attention.query.weight[8:16] *= 1e4
    write_transformer(model, tokenizer, folder / "m.safetensors")
    status, out, err = run(capsys, command, *fixed(folder), *words)
    assert status == 1
    assert message in out["error"]["message"]
    lines = [line for line in err.splitlines() if not line.startswith("calibrate:")]
    assert len(lines) == 1
    assert not (folder / "build").exists()


def test_a_file_that_is_no_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "lower", folder / "toy.txt")
    assert status == 1
    assert "must be a whole safetensors file" in out["error"]["message"]
    assert run(capsys, "lower", folder / "m.safetensors", "--windows", 0)[0] == 2


def test_a_package_that_is_not_installed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    status, out, _ = run(capsys, "evaluate", *fixed(folder), "--test-windows", 2)
    assert status == 1
    assert "pip install 'lutloom[onnxruntime]'" in out["error"]["message"]
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    monkeypatch.delitem(sys.modules, "lutloom.language.tokenizer")
    monkeypatch.delitem(sys.modules, "lutloom.language.model_file", raising=False)
    status, out, _ = run(capsys, "lower", *fixed(folder))
    assert out["error"]["message"] == (
        "attention lower: the package tokenizers must be installed; run: "
        "pip install 'lutloom[language]'"
    )


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attention"]) == 0
    out, err = capsys.readouterr()
    assert "evaluate" in out
    assert not err
