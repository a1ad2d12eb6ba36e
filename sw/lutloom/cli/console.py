"""What a command says and where: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import typer

from lutloom.errors import MismatchError

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

LINE_SECONDS = 5.0
"""Least time between two progress lines where there is no terminal."""


class ResultError(MismatchError):
    """Report a result that is not as it must be, after it has been printed."""


class Advance(Protocol):
    """Report progress: how much is done, of how much, and a word about it."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Tell how far it is."""


class Console:
    """Print for people and for programs.

    Parameters
    ----------
    as_json : bool
        Results go to stdout as JSON; tables for people move to stderr.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def say(self, text: str) -> None:
        """Print a line for people, on stderr."""
        self._rich(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table; columns whose title begins with ``#`` are numbers, aligned right."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for column in columns:
            justify: Any = "right" if column.startswith("#") else "left"
            table.add_column(column.removeprefix("#"), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        self._rich(stderr=self.as_json).print(table)

    def result(self, value: object) -> None:
        """Print a result as JSON on stdout, if programs read it."""
        if self.as_json:
            typer.echo(encode(value))

    @contextmanager
    def progress(self, title: str) -> Iterator[Advance]:
        """Show progress while a block runs: a bar on a terminal, now and then a line elsewhere."""
        if sys.stderr.isatty():
            with self._bar(title) as advance:
                yield advance
        else:
            yield _lines(title, self)

    @contextmanager
    def _bar(self, title: str) -> Iterator[Advance]:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._rich(stderr=True), transient=True) as progress:
            task = progress.add_task(title, total=None, note="")

            def advance(done: float, total: float, note: str = "") -> None:
                progress.update(task, completed=done, total=total, note=note)

            yield advance

    @staticmethod
    def _rich(*, stderr: bool) -> RichConsole:
        from rich.console import Console as RichConsole

        stream = sys.stderr if stderr else sys.stdout
        width = None if stream.isatty() else 160
        return RichConsole(file=stream, width=width)


def _lines(title: str, console: Console) -> Advance:
    last = time.monotonic()

    def advance(done: float, total: float, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if done >= total or now - last >= LINE_SECONDS:
            last = now
            console.say(f"{title}: {done:g} of {total:g}{', ' if note else ''}{note}")

    return advance


def encode(value: object) -> str:
    """Encode a result as indented JSON."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def print_error(error: BaseException, status: int, *, as_json: bool) -> int:
    """Print one clear line about an error and give the exit status back.

    Parameters
    ----------
    error : BaseException
    status : int
    as_json : bool
        Say it on stdout too, as ``{"error": {"kind", "message"}}``.

    Returns
    -------
    int
        ``status``.
    """
    message = " ".join(_words(error).split())
    typer.echo(f"lutloom: error: {message}", err=True)
    if as_json and not isinstance(error, ResultError):
        typer.echo(encode({"error": {"kind": type(error).__name__, "message": message}}))
    return status


def _words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was finished is kept"
    if isinstance(error, MemoryError):
        return "out of memory; use smaller 'widths' or 'batch' in the recipe"
    if isinstance(error, typer.TyperException):
        return f"{error.format_message().rstrip('.')}; see: lutloom --help"
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}; check the path, its permissions and the disk"
    return str(error)
