"""``lutloom classify``: pictures to digits, on a board or on its twin in simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Json, Work

NAME = "classify"
EXAMPLES = (
    "lutloom classify digit.png --port /dev/ttyUSB1",
    "lutloom classify mnist --images 100 --twin --bitstream bitstreams/hx8k/hx8k_board",
    "lutloom classify digit.png --twin --work build/hx8k --board hx8k",
)


def run(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="PNG, JPEG, IDX or .npz files; or mnist, the test images.",
            show_default=False,
        ),
    ],
    port: Annotated[
        str | None,
        typer.Option("--port", metavar="NAME", help="The board's port.", show_default=False),
    ] = None,
    twin: Annotated[
        bool, typer.Option("--twin", help="In place of a board: its design in simulation.")
    ] = False,
    bitstream: Annotated[
        Path | None,
        typer.Option(
            "--bitstream", metavar="DIR", show_default=False,
            help="What the board runs; every answer is compared with its network's.",
        ),
    ] = None,
    work: Work = None,
    board: Annotated[
        str, typer.Option("--board", metavar="icebreaker|hx8k|ulx3s|orangecrab",
                          help="With --twin --work: the board.")
    ] = "hx8k",
    images: Annotated[
        int, typer.Option("--images", min=0, metavar="N", help="The first N; 0 takes all.")
    ] = 0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Classify pictures on a board, over its serial line.

    With --twin the board is simulated: the same design in Verilator, behind a pseudo-terminal.
    Ends with status 1 if an answer is not the network's.
    """
    from lutloom.cli.classification import classify_pictures, find_model, require_agreement

    console = Console(as_json=as_json)
    model = find_model(bitstream, work, board)
    with console.progress("classify") as advance:
        found = classify_pictures(
            pictures, model, port=port, twin=twin, first=images, watch=advance
        )
    if not as_json:
        found.print_answers()
    console.say(found.summary())
    console.result(found)
    require_agreement(found)
