"""The two benchmarks of attention on something small; chips are made up, all else is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_transformer import make_text
from synthetic_attention_report import make_target

from lutloom.bench import attention, attention_accuracy
from lutloom.bench.__main__ import main
from lutloom.errors import ToolError
from lutloom.language.small_model import Corpus, SmallModel
from lutloom.language.tokenizer import train_tokenizer

SIZE = SmallModel(n_blocks=2, width=32, n_heads=2, context=16)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_text()
    tokenizer = train_tokenizer(text, 290)
    tokens = tokenizer.encode(text)
    corpus = Corpus("toy", tokenizer, tokens, tokens[:600], tokens[600:1200])
    for module in (attention, attention_accuracy):
        monkeypatch.setattr(module, "prepare_corpus", lambda *_: corpus)
        monkeypatch.setattr(module, "SIZE", SIZE)
        monkeypatch.setattr(module, "STEPS", 3)
        monkeypatch.setattr(module, "STRIDE", 4)
        monkeypatch.setattr(module, "TEST_WINDOWS", 2)
    monkeypatch.setattr(attention_accuracy, "FURTHER_STEPS", 2)
    monkeypatch.setattr(attention_accuracy, "PATTERNS", ("local",))


def run(name: str, folder: Path) -> Any:
    assert main([name, "--seeds", "2", "--out", str(folder)]) == 0
    return json.loads((folder / f"{name}.json").read_bytes())


def test_accuracy_of_every_kind_stands_beside_floats(tmp_path: Path) -> None:
    figures = run("attention_accuracy", tmp_path)
    found = figures["test_perplexity"]
    assert set(found) == {
        "floats", "int8", "int8, in Verilog", "floats, trained on", "int8, trained on in floats",
        *(f"{name}{state}" for name in attention_accuracy.CODES
          for state in ("", ", trained on", ", trained on, in Verilog")),
    }  # fmt: skip
    assert all(spread["n"] == 2 for spread in found.values())
    assert found["int8"] == found["int8, in Verilog"]
    for name in attention_accuracy.CODES:
        assert found[f"{name}, trained on"] == found[f"{name}, trained on, in Verilog"]
    integers = 2 * 2 * 2 * 2 * 16 * 16  # seeds, blocks, windows, heads, positions, features
    assert figures["verilog_integers"] == {"compared": 3 * integers, "differing": 0}
    assert [point["pattern"] for point in figures["patterns"]] == ["local_strided", "local"]
    assert figures["patterns"][0]["float_test_perplexity"] == found["floats"]
    assert figures["patterns"][1]["float_test_perplexity"]["n"] == 2
    assert all(point["cycles_per_token"] > 0 for point in figures["patterns"])


def test_chips_are_given_what_was_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []

    def judge(layer: Any, batch: Any, device: str, **options: Any) -> Any:
        asked.append({"layer": layer, "batch": batch, "device": device, **options})
        if device == "hx8k":
            raise ToolError("yosys: must end with status 0")
        return make_target(device)

    monkeypatch.setattr(attention, "judge_target", judge)
    monkeypatch.setattr(attention, "QUERY_ROWS", 64)
    monkeypatch.setattr(attention, "SETS", 1)
    monkeypatch.setattr("lutloom.compare.attention_orders.ORDERS_DRAWN", 5)
    chips = (attention.Chip("int8", "25k", 8), attention.Chip("binary", "up5k", 2),
             attention.Chip("int8", "up5k", 2, single_port=True),
             attention.Chip("int8", "hx8k", 1))  # fmt: skip
    monkeypatch.setattr(attention, "CHIPS", chips)
    patterns = (("causal", 1), ("local", 8))
    monkeypatch.setattr(attention, "measure_cycles", lambda **options: attention_cycles(
        positions=32, patterns=patterns, **options))  # fmt: skip
    figures = run("attention", tmp_path)
    assert [one["differing"] for one in figures["simulations"]] == [0, 0, 0, 0]
    assert [one["engine"] for one in figures["simulations"]] == ["amaranth", "cocotb"] * 2
    assert figures["simulations"][1]["query_rows"] == 64
    assert [one["executor"] for one in figures["loop"]] == [
        "torch", "numpy", "onnxruntime", "verilog",
    ]  # fmt: skip
    assert [point["distinct"] for point in figures["orders"]] == [1] * 6
    assert all(point["cycles"] == point["formula_cycles"] for point in figures["cycles"])
    assert [target["single_port"] for target in figures["targets"]] == [False, False, True, False]
    assert figures["targets"][3]["error"] == "yosys: must end with status 0"
    assert [list(one["seeds"]) for one in asked] == [[1, 2]] * 4
    memories = [one["options"].row_memory for one in asked]
    assert memories == ["block", "block", "single_port", "block"]
    assert asked[0]["layer"] is asked[2]["layer"]
    assert asked[1]["batch"].query.dtype == "uint64"
    assert figures["ladder"]["L1"]["state"] == figures["ladder"]["L3"]["state"] == "passed"
    assert "0 integers differ" in capsys.readouterr().err


def attention_cycles(**options: Any) -> Any:
    from lutloom.compare.attention_cycles import measure_cycles

    return measure_cycles(**options)
