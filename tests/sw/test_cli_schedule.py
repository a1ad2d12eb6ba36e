"""The demo's steps run in the order of their files, stop cleanly, and are not run twice."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from lutloom.cli import fingerprint as fingerprints
from lutloom.cli.fingerprint import fingerprint, is_done, record_path
from lutloom.cli.schedule import Progress, last_line, run_steps, waits_for
from lutloom.cli.steps import Step, demo_steps
from lutloom.errors import ToolError

WORKER = """
import pathlib, sys, time
action, target, *rest = sys.argv[1:]
rest, words = [r for r in rest if r[:2] != "--"], [r for r in rest if r[:2] == "--"]
pathlib.Path(target + ".words").write_text(" ".join(words))
pathlib.Path(target + ".began").write_text(str(time.monotonic()))
if action == "fail":
    print("working on it", file=sys.stderr)
    print("lutloom: error: layer 2 broke", file=sys.stderr)
    sys.exit(1)
if action == "sleep":
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pathlib.Path(target + ".stopped").write_text("")
        sys.exit(130)
if action == "brief":
    time.sleep(0.4)
if action != "nothing":
    parts = [pathlib.Path(r).read_text() for r in rest]
    pathlib.Path(target).write_text("made from " + " ".join(parts))
pathlib.Path(target + ".ended").write_text(str(time.monotonic()))
"""


@pytest.fixture
def program(tmp_path: Path) -> tuple[str, ...]:
    script = tmp_path / "worker.py"
    script.write_text(WORKER, encoding="utf-8")
    return sys.executable, str(script)


def step(folder: Path, name: str, action: str = "make", *reads: str, cores: int = 1) -> Step:
    inputs = tuple(folder / read for read in reads)
    return Step(
        name=name,
        command=(action, str(folder / name), *map(str, inputs)),
        reads=inputs,
        writes=(folder / name,),
        code=("lutloom.errors",),
        cores=cores,
    )


def states(table: list[Progress]) -> dict[str, str]:
    return {progress.step.name: progress.state for progress in table}


def moment(path: Path) -> float:
    return float(path.read_text())


def test_who_reads_waits_for_who_writes(tmp_path: Path, program: tuple[str, ...]) -> None:
    steps = [
        step(tmp_path, "c", "make", "b"),
        step(tmp_path, "b", "make", "a"),
        step(tmp_path, "a", "brief"),
    ]
    table = run_steps(steps, tmp_path, cores=4, program=program)
    assert states(table) == {"a": "done", "b": "done", "c": "done"}
    assert (tmp_path / "c").read_text() == "made from made from made from "
    assert moment(tmp_path / "a.ended") <= moment(tmp_path / "b.began")


@pytest.mark.parametrize(("cores", "together"), [(1, False), (2, True)])
def test_as_many_run_together_as_there_are_cores(
    tmp_path: Path, program: tuple[str, ...], cores: int, together: bool
) -> None:
    run_steps(
        [step(tmp_path, "a", "brief"), step(tmp_path, "b", "brief")],
        tmp_path, cores=cores, program=program,
    )  # fmt: skip
    apart = moment(tmp_path / "a.ended") <= moment(tmp_path / "b.began")
    assert apart is not together


def test_a_step_larger_than_the_machine_still_runs(
    tmp_path: Path, program: tuple[str, ...]
) -> None:
    table = run_steps([step(tmp_path, "a", cores=8)], tmp_path, cores=2, program=program)
    assert states(table) == {"a": "done"}


def test_what_is_there_is_not_run_again(tmp_path: Path, program: tuple[str, ...]) -> None:
    steps = [step(tmp_path, "a"), step(tmp_path, "b", "make", "a")]
    run_steps(steps, tmp_path, cores=2, program=program)
    assert states(run_steps(steps, tmp_path, cores=2, program=program)) == {
        "a": "skipped",
        "b": "skipped",
    }
    again = run_steps(steps, tmp_path, cores=2, program=program, again=True)
    assert states(again) == {"a": "done", "b": "done"}


@pytest.mark.parametrize("change", ["lost", "touched", "command", "record"])
def test_a_step_runs_again_when_its_result_may_differ(
    tmp_path: Path, program: tuple[str, ...], change: str
) -> None:
    first = step(tmp_path, "a")
    run_steps([first], tmp_path, cores=1, program=program)
    assert is_done(tmp_path, first) is not None
    if change == "lost":
        (tmp_path / "a").unlink()
    elif change == "touched":
        (tmp_path / "a").write_text("other")
    elif change == "command":
        first = dataclasses.replace(first, command=(*first.command, "--more"))
    else:
        record_path(tmp_path, first).write_text("{")
    assert is_done(tmp_path, first) is None


def test_what_is_read_and_the_code_decide_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("one")
    chosen = step(tmp_path, "b", "make", "a")
    before = fingerprint(chosen)
    assert fingerprint(chosen) == before
    (tmp_path / "a").write_text("two")
    changed = fingerprint(chosen)
    assert changed != before
    monkeypatch.setattr(fingerprints, "_code_digest", lambda module: f"edited {module}")
    assert fingerprint(chosen) != changed


def test_a_failing_step_is_named_with_its_words_and_log(
    tmp_path: Path, program: tuple[str, ...]
) -> None:
    steps = [step(tmp_path, "a", "fail"), step(tmp_path, "b", "make", "a")]
    with pytest.raises(ToolError, match=r"^a: layer 2 broke; see .*logs/a\.log$"):
        run_steps(steps, tmp_path, cores=1, program=program)
    assert not (tmp_path / "b").exists()
    assert is_done(tmp_path, steps[0]) is None


def test_a_step_that_leaves_nothing_has_failed(tmp_path: Path, program: tuple[str, ...]) -> None:
    with pytest.raises(ToolError, match="a: left no"):
        run_steps([step(tmp_path, "a", "nothing")], tmp_path, cores=1, program=program)


def test_a_failure_stops_the_other_steps(tmp_path: Path, program: tuple[str, ...]) -> None:
    seen: list[dict[str, str]] = []
    steps = [step(tmp_path, "a", "sleep"), step(tmp_path, "b", "fail")]
    with pytest.raises(ToolError):
        run_steps(
            steps, tmp_path, cores=2, program=program,
            watch=lambda table: seen.append(states(list(table))),
        )  # fmt: skip
    assert seen[-1] == {"a": "stopped", "b": "failed"}


def test_an_interrupt_reaches_the_steps_and_waits_for_them(
    tmp_path: Path, program: tuple[str, ...]
) -> None:
    def interrupt() -> None:
        deadline = time.monotonic() + 30
        while not (tmp_path / "a.began").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_steps([step(tmp_path, "a", "sleep")], tmp_path, cores=1, program=program)
    thread.join()
    assert (tmp_path / "a.stopped").exists()


def test_only_what_was_begun_and_not_ended_is_resumed(
    tmp_path: Path, program: tuple[str, ...]
) -> None:
    first = dataclasses.replace(step(tmp_path, "a", "fail"), resume=("--resume",))
    for words in ([], ["--resume"]):
        with pytest.raises(ToolError):
            run_steps([first], tmp_path, cores=1, program=program)
        assert (tmp_path / "a.words").read_text().split() == words
    other = dataclasses.replace(first, command=("make", *first.command[1:]))
    run_steps([other], tmp_path, cores=1, program=program)  # from other inputs: begun anew
    assert (tmp_path / "a.words").read_text() == ""
    run_steps([other], tmp_path, cores=1, program=program, again=True)
    assert (tmp_path / "a.words").read_text() == ""


def test_the_last_line_of_a_log_is_printable(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"first\n\x1b[31msecond\xff\x07\n\n")
    assert last_line(log) == "[31msecond\N{REPLACEMENT CHARACTER}"
    assert last_line(tmp_path / "none.log") == ""


def test_the_demo_s_steps_form_a_road() -> None:
    steps = demo_steps(Path("build/demo"), ("ecp5", "hx8k"), None)
    names = [s.name for s in steps]
    assert len(set(names)) == len(names) == 13
    assert names[-1] == "report"
    made: set[Path] = set()
    for s in steps:  # every file read was written by a step before
        assert set(s.reads) <= made
        made |= set(s.writes)
    report = steps[-1]
    assert all(waits_for(report, s) for s in steps if s.name.endswith("/compare"))
    assert not any(waits_for(a, b) for a in steps[:6] for b in steps[6:12])


def test_the_demo_s_code_exists() -> None:
    for s in demo_steps(Path("x"), ("hx8k",), None):
        for module in s.code:
            assert fingerprints._code_digest(module), module
