"""A build that takes its time, in a module that other processes can import."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lutloom_sim import build_cache
from lutloom_sim.build_cache import obtain

INGREDIENTS = {"verilog": "module m; endmodule", "flags": ["-O0"]}


def build_slowly(cache: str, started: object, counts: Path, locks: bool) -> None:
    os.environ["LUTLOOM_CACHE_DIR"] = cache
    if not locks:
        build_cache.fcntl.flock = _no_locks

    def build(folder: Path) -> None:
        (counts / str(os.getpid())).touch()
        time.sleep(0.3)
        (folder / "product").write_text("made")

    started.wait()  # type: ignore[attr-defined]
    entry, _ = obtain(INGREDIENTS, build)
    assert (entry / "product").read_text() == "made"


def _no_locks(*_: object) -> None:
    raise OSError("this file system has no locks")
