"""``lutloom synth``: synthesis, proof, placement and routing."""

from __future__ import annotations

from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Data, Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace

NAME = "synth"
EXAMPLES = (
    "lutloom synth --work build/hx8k",
    "lutloom synth --work build/ecp5 --device 25k --seeds 5",
)


def run(
    work: Work = None,
    recipe: RecipeName = None,
    data: Data = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", metavar="hx8k|up5k|25k|45k|85k",
            help="The chip; default: the recipe's.", show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, max=100, metavar="N",
            help="Place-and-route runs; default: the recipe's.", show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Synthesise, prove, place and route for a chip.

    Every layer of the netlist is proven equal to its tables, and the netlist is simulated.  Ends
    with status 1 if anything differs.
    """
    from lutloom.cli.synthesis import require_agreement, synthesise_network
    from lutloom.cli.tables import print_target

    console = Console(as_json=as_json)
    space = open_workspace(work, recipe, data)
    with console.progress(f"synth {space.name}") as advance:
        record = synthesise_network(space, device=device, seeds=seeds, watch=advance)
    print_target(console, record)
    console.result(record)
    require_agreement(record)
