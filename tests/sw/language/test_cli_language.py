"""``lutloom language``: its commands on small models, and what they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lutloom.cli import main
from lutloom.language.model_file import read_transformer

SMALL = (
    "--vocabulary", 290, "--blocks", 2, "--width", 32, "--heads", 2, "--context", 16,
    "--steps", 20, "--batch", 4,
)  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    capsys.readouterr()
    status = main(["language", *map(str, words), "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out), err


@pytest.fixture
def corpus(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "toy.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_train_leaves_a_model(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "m.safetensors"
    status, record, err = run(capsys, "train", "--text", corpus, "-o", output, *SMALL)
    assert status == 0
    assert f"wrote {output}" in err
    model, tokenizer = read_transformer(output)
    assert model.n_parameters == record["parameters"]
    assert tokenizer.vocabulary == model.config.vocabulary
    assert record["flops"] == record["dense_flops"]


def test_train_can_keep_attention_sparse(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "m.safetensors"
    sparse = ("--sparsity", 0.8, "--keep-sparse-attention", "--stride", 4)
    status, record, _ = run(capsys, "train", "--text", corpus, "-o", output, *SMALL, *sparse)
    assert status == 0
    assert record["flops"] < record["dense_flops"]
    config = read_transformer(output)[0].config
    assert (config.pattern, config.stride) == ("local_strided", 4)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("train", "--text", "kvj"), 1, "did you mean 'kjv'"),
        (("train", "--width", 100, "--heads", 3), 1, "width must be a multiple of 2 x n_heads"),
        (("train", "--vocabulary", 3), 2, "'--vocabulary'"),
        (("trian",), 2, "No such command 'trian'"),
    ],
)
def test_what_is_refused_is_one_line(
    words: tuple[object, ...], status: int, message: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    found, out, err = run(capsys, *words)
    assert found == status
    assert message in out["error"]["message"]
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    monkeypatch.delitem(sys.modules, "lutloom.language.tokenizer")
    monkeypatch.delitem(sys.modules, "lutloom.language.small_model", raising=False)
    monkeypatch.delitem(sys.modules, "lutloom.language.model_file", raising=False)
    status, out, _ = run(capsys, "train")
    assert status == 1
    assert out["error"]["message"] == (
        "language train: the package tokenizers must be installed; run: "
        "pip install 'lutloom[language]'"
    )


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["language"]) == 0
    out, err = capsys.readouterr()
    assert "train" in out
    assert not err
