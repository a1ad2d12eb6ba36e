"""``lutloom program``: a bitstream onto the board on the cable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import BoardName, Json

NAME = "program"
EXAMPLES = (
    "lutloom program bitstreams/hx8k/hx8k_board --board hx8k",
    "lutloom program bitstreams/ulx3s/ecp5 --board ulx3s --flash",
)


def run(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with a manifest.", show_default=False)
    ],
    board: BoardName,
    flash: Annotated[
        bool, typer.Option("--flash", help="Into flash, where it stays; iCE40 boards always.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, and say what would be run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Program a board with openFPGALoader or iceprog.

    Nothing is sent unless the bitstream's hash, board and chip are those of its manifest.
    """
    from lutloom.boards.programming import program

    console = Console(as_json=as_json)
    found = program(folder, board, to_flash=flash, dry_run=dry_run)
    console.say(f"{'programmed' if found.done else 'would run'}: {' '.join(found.command)}")
    console.result(
        {
            "board": found.manifest.board,
            "network": found.manifest.network,
            "command": found.command,
            "done": found.done,
        }
    )
