"""Options that commands share, and the words of their help."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Work = Annotated[
    Path | None,
    typer.Option(
        "--work",
        metavar="DIR",
        help="Folder of the model's files; default: build/RECIPE.",
        show_default=False,
    ),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help="A shipped recipe or a TOML file; default: what DIR was trained with.",
        show_default=False,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DIR|FILE.npz",
        help="Four IDX files, or images and labels; default: the recipe's.",
        show_default=False,
    ),
]
BoardName = Annotated[
    str,
    typer.Option(
        "--board",
        metavar="icebreaker|hx8k|ulx3s|orangecrab",
        help="The board.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def describe(run: Callable[..., Any]) -> str:
    """Give a command's docstring with each paragraph in one line, for a terminal of any width.

    Parameters
    ----------
    run : callable

    Returns
    -------
    str
    """
    paragraphs = (inspect.getdoc(run) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def examples(*lines: str) -> str:
    """Lay example command lines out under a command's help.

    Parameters
    ----------
    lines : str

    Returns
    -------
    str
        An epilog; each line keeps to its own.
    """
    return "\n".join(["[bold]Examples[/bold]", *(f"  {line}" for line in lines)])
