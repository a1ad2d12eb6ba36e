"""``lutloom language eliminate`` by itself, on a small model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import typer
from deep_models import make_deep
from typer.testing import CliRunner

from lutloom.cli.language import eliminate
from lutloom.cli.options import describe, examples
from lutloom.errors import InvalidDataError, InvalidFileError, InvalidRecipeError
from lutloom.language.block_elimination import Method, draw_windows, without_blocks
from lutloom.language.block_elimination import eliminate as search
from lutloom.language.model_file import read_transformer, write_transformer
from lutloom.language.pretraining import mean_loss, perplexity
from lutloom.language.text import split_text
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer

app = typer.Typer()
app.command(
    help=describe(eliminate.run), epilog=examples(*eliminate.EXAMPLES), name=eliminate.NAME
)(eliminate.run)


@pytest.fixture
def model(tmp_path: Path, tokenizer: Tokenizer) -> Transformer:
    model = make_deep(5, 2, vocabulary=tokenizer.vocabulary)
    write_transformer(model, tokenizer, tmp_path / "m.safetensors")
    return model


@pytest.fixture
def folder(tmp_path: Path, model: Transformer, text: str) -> Path:
    assert model.config.n_blocks == 5
    (tmp_path / "toy.txt").write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: object) -> Any:
    """Give the JSON of a run that must end well; an error is raised as it is."""
    fixed = (folder / "m.safetensors", "--text", folder / "toy.txt")
    result = CliRunner().invoke(
        app, [*map(str, (*fixed, *words)), "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_leaves_the_shorter_model(
    folder: Path, model: Transformer, text: str, tokenizer: Tokenizer
) -> None:
    output = folder / "out" / "s.safetensors"
    record = run(folder, "--blocks", 2, "--windows", 20, "--seed", 3, "-o", output)
    parts = split_text("toy", text)
    windows = draw_windows(tokenizer.encode(parts.train), 20, 16, 3)
    found = search(model, windows, 2)
    assert record["removed"] == list(found.order)
    assert record["calibration_perplexity"] == pytest.approx(math.exp(found.loss))
    assert record["calibration_perplexity_before"] == pytest.approx(math.exp(found.start_loss))
    shorter, its_tokenizer = read_transformer(output)
    wanted = without_blocks(model, found.order)
    assert shorter.config == wanted.config
    assert torch.equal(shorter(windows[:, :-1]), wanted(windows[:, :-1]))
    assert its_tokenizer.to_json() == tokenizer.to_json()
    held_out = tokenizer.encode(parts.test)
    assert record["test_perplexity"] == pytest.approx(math.exp(mean_loss(shorter, held_out)))
    assert record["test_perplexity_before"] == pytest.approx(perplexity(model, held_out))
    assert record["parameters"] == shorter.n_parameters < record["parameters_before"]


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_has_its_name(folder: Path, method: str) -> None:
    assert get_args(eliminate.Method) == get_args(Method)
    output = folder / "s.safetensors"
    record = run(folder, "--blocks", 2, "--windows", 9, "--method", method, "-o", output)
    assert record["method"] == method
    assert len(set(record["removed"])) == 2
    assert record["blocks"] == read_transformer(output)[0].config.n_blocks == 3
    if method == "last":
        assert record["removed"] == [3, 2]


def test_people_see_order_and_perplexity(folder: Path) -> None:
    words = (folder / "m.safetensors", "--text", folder / "toy.txt", "--blocks", 2, "--windows", 9,
             "--method", "last", "-o", folder / "s.safetensors")  # fmt: skip
    result = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert "toy: 2 of 5 blocks removed by last: 3, 2" in result.stdout
    assert "calibration perplexity" in result.stdout
    assert "test perplexity" in result.stdout
    assert f"wrote {folder / 's.safetensors'}" in result.stderr


def test_what_is_refused(folder: Path) -> None:
    output = folder / "s.safetensors"
    with pytest.raises(InvalidRecipeError, match=r"must be 0\.\.3 of 5 .* not 4; remove fewer"):
        run(folder, "--blocks", 4, "-o", output)
    with pytest.raises(InvalidDataError, match=r"calibration: windows must be 1\.\."):
        run(folder, "--blocks", 1, "--windows", 100_000, "-o", output)
    with pytest.raises(InvalidFileError, match="there is no such file"):
        run(folder, "--blocks", 1, "--text", folder / "none.txt", "-o", output)
    result = CliRunner().invoke(app, ["m", "--blocks", "1", "--method", "gredy"])
    assert result.exit_code == 2
    assert "gredy" in result.stderr
    assert not output.exists()
