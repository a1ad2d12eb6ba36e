"""``lutloom report``: one page from what the other commands left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Json

NAME = "report"
EXAMPLES = (
    "lutloom report build/demo",
    "lutloom report build/hx8k build/mine --output both.html",
)


def run(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders of models, or one folder of such folders."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.html",
            help="The page; its data goes beside it, .json; default: report.html in DIR.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one self-contained page and report.json.

    Made from the JSON files other commands left; runs no network and needs no torch.
    """
    from lutloom.cli.tables import print_models
    from lutloom.report import collect, write_report

    console = Console(as_json=as_json)
    report = collect(folders)
    page = write_report(report, output or folders[0] / "report.html")
    print_models(console, report)
    console.say(f"wrote {page} and {page.with_suffix('.json')}")
    console.result(report)
