from __future__ import annotations

import contextlib
import importlib.util
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lutloom.errors import MissingExtraError, ToolError
from lutloom.flow import toolchain, tools
from lutloom.flow.toolchain import Command, ToolTimeoutError, run, run_each
from lutloom.flow.tools import identify


@pytest.fixture
def fake_yosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A native tool that is a shell: its arguments are what it does."""
    program = tmp_path / "yosys"
    program.write_text('#!/bin/sh\nexec sh "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("LUTLOOM_YOSYS", str(program))
    return program


def shell(
    folder: Path, words: str, *products: str, limit_s: float = 60.0, log: str = "a.log"
) -> Command:
    return Command("yosys", ("-c", words), folder, log, products, time_limit_s=limit_s)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_until_gone(pid: int) -> bool:
    for _ in range(200):
        if not is_running(pid):
            return True
        time.sleep(0.05)
    return False


def wait_for(path: Path) -> int:
    for _ in range(400):
        with contextlib.suppress(OSError, ValueError):
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def test_run_keeps_the_log_and_measures(fake_yosys: Path, tmp_path: Path) -> None:
    outcome = run(shell(tmp_path, "echo hello; echo made > out", "out"))
    assert outcome.succeeded
    assert (tmp_path / "a.log").read_text() == "hello\n"
    assert outcome.cpu_s >= 0.0
    assert outcome.memory_peak_bytes > 0


def test_failure_quotes_the_tool_and_names_the_log(fake_yosys: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"status 0, not 3 \(ERROR: no such wire\); see .*a\.log"):
        run(shell(tmp_path, "echo ERROR: no such wire; echo later; exit 3"))


def test_success_without_its_product_is_a_failure(fake_yosys: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="must make out but ended without"):
        run(shell(tmp_path, "true", "out"))


def test_a_product_of_an_earlier_run_does_not_count(fake_yosys: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(ToolError, match="must make out"):
        run(shell(tmp_path, "true", "out"))


def test_a_folder_that_is_not_there(fake_yosys: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"must be able to write in .*none, not No such file"):
        run(shell(tmp_path / "none", "true"))


def test_time_limit_ends_the_tool_and_its_children(fake_yosys: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolTimeoutError, match=r"must end within 0\.5 s"):
        run(shell(tmp_path, "sleep 60 & echo $! > pid; wait", limit_s=0.5))
    assert wait_until_gone(int((tmp_path / "pid").read_text()))


def test_the_tool_sees_a_built_environment(
    fake_yosys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    run(shell(tmp_path, "env > out", "out"))
    assert "SECRET_OF_THE_HOST" not in (tmp_path / "out").read_text()


def test_killing_the_driver_leaves_no_child(fake_yosys: Path, tmp_path: Path) -> None:
    driver = (
        "from pathlib import Path; from lutloom.flow.toolchain import Command, run; "
        "run(Command('yosys', ('-c', 'echo $$ > pid; sleep 60 & wait'), Path.cwd(), 'log'))"
    )
    process = subprocess.Popen([sys.executable, "-c", driver], cwd=tmp_path)
    try:
        pid = wait_for(tmp_path / "pid")
        assert is_running(pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert wait_until_gone(pid)
    finally:
        process.kill()
        process.wait()


def test_leaving_the_loop_ends_the_others(fake_yosys: Path, tmp_path: Path) -> None:
    commands = [
        shell(tmp_path, "until test -f pid; do sleep 0.05; done", log="quick.log"),
        shell(tmp_path, "echo $$ > pid; sleep 60", log="slow.log"),
    ]
    runs = run_each(commands, parallel=2)
    assert next(runs).command.log == "quick.log"
    runs.close()
    assert wait_until_gone(int((tmp_path / "pid").read_text()))


def test_run_each_reports_failures_without_raising(fake_yosys: Path, tmp_path: Path) -> None:
    commands = [shell(tmp_path, f"exit {n}", log=f"{n}.log") for n in (0, 1, 2)]
    outcomes = {o.command.log: o.exit_status for o in run_each(commands, parallel=2)}
    assert outcomes == {"0.log": 0, "1.log": 1, "2.log": 2}


def test_identity_of_a_native_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "myyosys"
    program.write_text("#!/bin/sh\necho Yosys 0.99\n")
    program.chmod(0o755)
    monkeypatch.setenv("LUTLOOM_YOSYS", str(program))
    identity = identify("yosys")
    assert (identity.kind, identity.version) == ("native", "Yosys 0.99")


def test_identity_of_the_reference_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUTLOOM_ICEPACK", raising=False)
    identity = identify("icepack")
    assert identity.kind == "yowasp"
    assert len(identity.sha256) == 64
    assert identity.version[0].isdigit()


def test_a_variable_that_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTLOOM_YOSYS", "/nowhere/yosys")
    with pytest.raises(ToolError, match=r"LUTLOOM_YOSYS must name a program.*'/nowhere/yosys'"):
        identify("yosys")


def test_a_tool_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUTLOOM_YOSYS", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lutloom\[flow\]' or set LUTLOOM_"):
        identify("yosys")


def test_warm_compiles_what_is_cold_and_reports_what_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LUTLOOM_ICEPACK", raising=False)
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "cache"))
    assert not tools.is_warm("icepack")
    toolchain.warm(("icepack",))
    assert tools.is_warm("icepack")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ToolError, match="must compile into"):
        toolchain.warm(("icepack",))


def test_a_yowasp_tool_sees_only_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LUTLOOM_YOSYS", raising=False)
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.v").write_text("module secret; endmodule\n")
    for name in ("../secret.v", str(tmp_path / "secret.v")):
        command = Command("yosys", ("-q", "-p", f"read_verilog {name}"), tmp_path / "inside", "log")
        with pytest.raises(ToolError, match="not found or is a directory"):
            run(command)
    assert [path.name for path in (tmp_path / "inside").iterdir()] == ["log"]
