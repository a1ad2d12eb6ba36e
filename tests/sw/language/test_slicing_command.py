"""``lutloom language slice`` on a small model and text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_transformer import make_transformer

from lutloom.cli.language import slice as command
from lutloom.errors import InvalidDataError
from lutloom.language.model_file import read_transformer, write_transformer
from lutloom.language.pretraining import perplexity
from lutloom.language.text import split_text
from lutloom.language.tokenizer import Tokenizer


@pytest.fixture
def files(tmp_path: Path, text: str, tokenizer: Tokenizer) -> tuple[Path, Path, Path]:
    corpus, model = tmp_path / "toy.txt", tmp_path / "whole.safetensors"
    corpus.write_text(text, encoding="utf-8")
    whole = make_transformer(vocabulary=tokenizer.vocabulary)
    write_transformer(whole, tokenizer, model)
    return model, corpus, tmp_path / "out" / "sliced.safetensors"


def test_slice_leaves_a_model(
    files: tuple[Path, Path, Path],
    text: str,
    tokenizer: Tokenizer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, corpus, output = files
    command.run(model, share=0.3, text=str(corpus), windows=20, output=output, as_json=True)
    out, err = capsys.readouterr()
    record = json.loads(out)
    sliced, _ = read_transformer(output)
    held_out = tokenizer.encode(split_text("toy", text).test)
    assert sliced.config.node_widths == tuple(record["node_widths"]) == (16,) * 7
    assert sliced.n_parameters == record["parameters"]
    assert record["test_perplexity"] == pytest.approx(perplexity(sliced, held_out), rel=1e-5)
    whole = read_transformer(model)[0]
    assert record["test_perplexity_before"] == pytest.approx(perplexity(whole, held_out), rel=1e-5)
    assert "30% of the residual stream sliced off" in err
    assert f"wrote {output}" in err


def test_slice_needs_a_text_of_that_many_windows(files: tuple[Path, Path, Path]) -> None:
    model, corpus, output = files
    with pytest.raises(InvalidDataError, match=r"calibration: windows must be 1\.\."):
        command.run(model, share=0.3, text=str(corpus), windows=10**6, output=output)
    assert not output.exists()
