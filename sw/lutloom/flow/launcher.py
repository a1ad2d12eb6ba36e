"""Run one tool as a child that cannot outlive its parent.

Run as a script: ``python -I launcher.py LIFELINE KIND ...``, where ``LIFELINE`` is the reading end
of a pipe whose writing end only the parent holds.  When the parent ends, however it ends, the pipe
closes and this process group is killed.  ``KIND`` is ``wasm MODULE FUNCTION`` (a YoWASP package)
or ``native PROGRAM``; the tool's arguments follow.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading


def _watch(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run the tool and return its exit status.

    Parameters
    ----------
    arguments : list of str
        As in the module's docstring.

    Returns
    -------
    int
    """
    lifeline, kind, *rest = arguments
    threading.Thread(target=_watch, args=(int(lifeline),), daemon=True).start()
    if kind == "native":
        return subprocess.run(rest, check=False).returncode
    module, function, *tool_arguments = rest
    result: int = getattr(importlib.import_module(module), function)(tool_arguments)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
