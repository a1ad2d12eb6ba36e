"""What people see: tables, progress lines, the demo's steps."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console as RichConsole

from lutloom.cli import console as consoles
from lutloom.cli.console import Console
from lutloom.cli.schedule import Progress
from lutloom.cli.steps import Step
from lutloom.cli.watch import draw_steps, watching


def progress(name: str, state: str, note: str = "") -> Progress:
    step = Step(name=name, command=(), reads=(), writes=(Path(name),), code=())
    return Progress(step, state, 61.25, note)  # type: ignore[arg-type]


def test_tables_go_to_stdout_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table("Title", ("name", "#count"), [("a", 1), ("[b]", None)])
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0] == "Title"
    assert "  a          1" in lines
    assert "  [b]" in lines  # text is text, whatever brackets it holds


def test_tables_leave_stdout_to_json(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.table("Title", ("name",), [("a",)])
    console.say("a line")
    console.result({"b": [1.5, None]})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"b": [1.5, None]}
    assert "Title" in err
    assert "a line" in err


def test_without_json_there_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    Console().result({"a": 1})
    assert capsys.readouterr().out == ""


def test_progress_off_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 6.0, 7.0, 8.0])
    monkeypatch.setattr(consoles.time, "monotonic", lambda: next(clock))
    with Console().progress("train") as advance:
        for done in range(1, 5):
            advance(done, 4, f"epoch {done}")
    assert capsys.readouterr().err.splitlines() == [
        "train: 2 of 4, epoch 2",
        "train: 4 of 4, epoch 4",
    ]


def test_off_a_terminal_each_change_of_a_step_is_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with watching(Console()) as watch:
        watch([progress("a", "waiting"), progress("b", "waiting")])
        watch([progress("a", "running"), progress("b", "waiting")])
        watch([progress("a", "running"), progress("b", "waiting")])
        watch([progress("a", "done"), progress("b", "skipped")])
    assert capsys.readouterr().err.splitlines() == [
        "[0/2] a: running",
        "[2/2] a: done (61.2 s)",
        "[2/2] b: skipped (61.2 s)",
    ]


def test_on_a_terminal_steps_are_a_table() -> None:
    stream = io.StringIO()
    table = [
        progress("hx8k/train", "running", "epoch [3] of 30"),
        progress("hx8k/lower", "waiting"),
        progress("ecp5/train", "done"),
        progress("ecp5/lower", "failed"),
    ]
    RichConsole(file=stream, width=100).print(draw_steps(table, 125.0))
    text = stream.getvalue()
    assert "1 of 4 steps, 2:05" in text
    assert "▸ hx8k/train" in text
    assert "epoch [3] of 30" in text
    assert "✗ ecp5/lower" in text
