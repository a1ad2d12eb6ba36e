"""The command line: ``lutloom train | lower | emit | ... | classify``.

Each command is one file, imports what it needs when it runs, prints its result on stdout (as JSON
with ``--json``) and everything else on stderr, and ends with a status other than 0 on any error
or differing answer: 1 an error, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from lutloom.cli.app import app
from lutloom.cli.console import print_error
from lutloom.errors import LutloomError

STATUS_ERROR = 1
STATUS_INTERRUPTED = 130


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM keep checkpoints and stop child processes, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    as_json = "--json" in words
    # Threads that wait must sleep, not spin: spinning doubles a training's time on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with _terminated_like_interrupted():
            status = app(words, prog_name="lutloom", standalone_mode=False)
    except (LutloomError, OSError, MemoryError) as error:
        return print_error(error, STATUS_ERROR, as_json=as_json)
    except typer.TyperException as error:
        return print_error(error, error.exit_code, as_json=as_json)
    if status == STATUS_INTERRUPTED:
        return print_error(KeyboardInterrupt(), STATUS_INTERRUPTED, as_json=as_json)
    return status if isinstance(status, int) else 0
