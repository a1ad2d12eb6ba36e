"""Show a demo's steps as they go: a live table on a terminal, a line a change elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lutloom.cli.console import Console
from lutloom.cli.schedule import Progress, State

if TYPE_CHECKING:
    from rich.table import Table

Watch = Callable[[Sequence[Progress]], None]

_MARKS: dict[State, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("▸", "bold cyan"),
    "done": ("✓", "green"),
    "skipped": ("✓", "dim green"),
    "failed": ("✗", "bold red"),
    "stopped": ("■", "yellow"),
}


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Give a function that shows the progress of all steps.

    Parameters
    ----------
    console : Console

    Yields
    ------
    callable
    """
    if not sys.stderr.isatty():
        yield _Lines(console)
        return
    from rich.console import Console as RichConsole
    from rich.live import Live

    started = time.monotonic()
    with Live(console=RichConsole(stderr=True), refresh_per_second=5) as live:
        yield lambda table: live.update(draw_steps(table, time.monotonic() - started))


class _Lines:
    """Say a line whenever a step changes its state."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._states: dict[str, State] = {}

    def __call__(self, table: Sequence[Progress]) -> None:
        for progress in table:
            name, state = progress.step.name, progress.state
            if state != self._states.get(name, "waiting"):
                self._states[name] = state
                seconds = "" if state == "running" else f" ({progress.seconds:.1f} s)"
                done = sum(p.state in ("done", "skipped") for p in table)
                self._console.say(f"[{done}/{len(table)}] {name}: {state}{seconds}")


def draw_steps(table: Sequence[Progress], seconds: float) -> Table:
    """Draw all steps, one a line, with how many are done and how long it has taken.

    Parameters
    ----------
    table : sequence of Progress
    seconds : float

    Returns
    -------
    rich.table.Table
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    done = sum(progress.state in ("done", "skipped") for progress in table)
    minutes = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    title = f"{done} of {len(table)} steps, {minutes}"
    drawn = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    drawn.add_column("step", no_wrap=True)
    drawn.add_column("", no_wrap=True)
    drawn.add_column("time", justify="right", no_wrap=True)
    drawn.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for progress in table:
        mark, style = _MARKS[progress.state]
        drawn.add_row(
            Text(f"{mark} {progress.step.name}", style=style),
            Text("" if progress.state in ("waiting", "done") else progress.state, style=style),
            Text("" if progress.state == "waiting" else f"{progress.seconds:,.1f} s"),
            Text(progress.note if progress.state == "running" else "", style="dim"),
        )
    return drawn
