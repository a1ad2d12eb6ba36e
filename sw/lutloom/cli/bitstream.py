"""``lutloom bitstream``: a network's design for a board, ready to flash."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import BoardName, Data, Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace

NAME = "bitstream"
EXAMPLES = (
    "lutloom bitstream --work build/hx8k --board hx8k",
    "lutloom bitstream --work build/ecp5 --board ulx3s --seeds 5 --output ulx3s",
)


def run(
    board: BoardName,
    work: Work = None,
    recipe: RecipeName = None,
    data: Data = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, max=100, metavar="N",
            help="Place-and-route runs; default: the recipe's.", show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="DIR",
            help="Gets the files to keep; default: bitstream-BOARD in --work.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Build a bitstream that classifies the images that come over a board's serial line.

    Its answers are compared with the network's on the way.  The folder it leaves holds the
    bitstream, the network and a manifest; lutloom program, classify and verify take it.
    """
    from lutloom.cli.boards import build_for_board, require_ladder
    from lutloom.cli.tables import print_manifest

    console = Console(as_json=as_json)
    space = open_workspace(work, recipe, data)
    output = output or space.folder / f"bitstream-{board}"
    with console.progress(f"bitstream {space.name}") as advance:
        manifest = build_for_board(space, board, seeds=seeds, output=output, watch=advance)
    print_manifest(console, manifest)
    console.say(f"wrote {output}")
    console.result(manifest)
    require_ladder(manifest)
