"""The report, and the command that prints it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lutloom.cli.language import corpus as command
from lutloom.errors import InvalidFileError, InvalidRecipeError
from lutloom.language.corpus import corpus_report, report
from lutloom.language.roles.grammar import generate


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "natural.txt"
    sentences = [s.text for s in generate("en", 400, seed=9)]
    path.write_text("\n".join([*sentences, "Nothing else is here."]), encoding="utf-8")
    return path


def test_a_report(text_file: Path) -> None:
    steps: list[tuple[float, float, str]] = []
    found = corpus_report(str(text_file), "en", 300, progress=lambda *step: steps.append(step))
    methods = ["exact", "normalised", "minhash", "role"]
    assert [r.method for r in found.grammar] == [r.method for r in found.natural] == methods
    assert [(done, of) for done, of, _ in steps] == [(k, 8) for k in range(8)]
    assert {r.sentences for r in (*found.grammar, *found.natural)} == {300}
    exact, normalised, _, role = found.grammar
    assert exact.false_merge == role.false_merge == 0.0
    assert exact.false_split == 1.0
    assert normalised.false_merge is not None
    assert normalised.false_merge > 0.5, "lemmas hide tense"
    assert role.kept < exact.kept < 300
    assert all(r.kept == round(300 * (1 - r.share_removed)) for r in found.natural)
    assert found.natural[3].false_merge is None
    assert found.natural_name == "natural"
    assert found.grammar_framed > 0.7
    assert found.natural_framed is not None
    assert found.merged_by_role
    assert all(len(set(group)) > 1 for group in found.merged_by_role)


def test_a_scheduler_reads_lines_and_gives_the_same(
    text_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_METHODS", ("exact", "role"))
    here = corpus_report(str(text_file), "en", 1000)
    there = corpus_report(str(text_file), "en", 1, scheduler="synchronous")
    assert [(r.kept, r.sentences) for r in there.natural] == [
        (r.kept, r.sentences) for r in here.natural
    ]
    assert (there.scheduler, there.natural_framed) == ("synchronous", None)
    named = corpus_report("python", "en", 40, scheduler="synchronous")
    assert [r.sentences for r in named.natural] == [40, 40]


def test_the_command(text_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(command.run)
    monkeypatch.setattr(report, "_METHODS", ("exact", "role"))
    done = CliRunner().invoke(app, ["--text", str(text_file), "--sentences", "60"])
    assert done.exit_code == 0, done.output
    for words in ("Sentences of known meaning (en", "false merges", "natural, ", "Taken for the"):
        assert words in done.output
    done = CliRunner().invoke(app, ["--sentences", "20", "--language", "ja", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["language"] == "ja"


def test_what_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="corpus, sentences: must be at least 1, not 0"):
        corpus_report(None, "en", 0)
    with pytest.raises(InvalidFileError, match="did you mean 'python'"):
        corpus_report("pyton")
