"""``lutloom demo``: the whole road for two models, with a page at its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Data, Json

NAME = "demo"
EXAMPLES = (
    "lutloom demo",
    "lutloom demo --recipe hx8k --folder build/small",
    "lutloom demo --again --jobs 4",
)
RECIPES = ["ecp5", "hx8k"]


def run(
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE",
            help="A model of the demo; may be given again; default: ecp5 and hx8k.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    folder: Annotated[
        Path, typer.Option("--folder", "--work", metavar="DIR", help="Where everything goes.")
    ] = Path("build/demo"),
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, max=64, metavar="N",
            help="Steps run at a time; default: the machine's cores.", show_default=False,
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Run steps whose results are there, too.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Run the whole road for two models, with a report.

    Train, lower, emit, simulate, synthesise, prove, place, route, compare.  Steps whose inputs and
    code have not changed are skipped; an interrupted demo goes on where it was.
    """
    from lutloom.cli.schedule import run_steps
    from lutloom.cli.steps import demo_steps
    from lutloom.cli.tables import print_models
    from lutloom.cli.watch import watching
    from lutloom.report.results import read_report

    console = Console(as_json=as_json)
    recipes = tuple(recipe or RECIPES)
    steps = demo_steps(folder, recipes, data)
    with watching(console) as watch:
        run_steps(steps, folder, cores=jobs or _cores(), again=again, watch=watch)
    report = read_report(folder / "report.json")
    print_models(console, report)
    console.say(f"the page: {(folder / 'report.html').resolve().as_uri()}")
    console.result(report)


def _cores() -> int:
    return max(1, len(os.sched_getaffinity(0)))
