"""``lutloom train``: learn a network from images, without a derivative."""

from __future__ import annotations

from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Data, Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace

NAME = "train"
EXAMPLES = (
    "lutloom train --recipe hx8k",
    "lutloom train --recipe my.toml --data photos.npz --work build/mine",
    "lutloom train --recipe hx8k --resume",
)


def run(
    recipe: RecipeName = None,
    data: Data = None,
    work: Work = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in DIR, if there is one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Learn a network from images, without a derivative.

    Leaves DIR/model.safetensors and a checkpoint.  Ctrl-C keeps the checkpoint;
    go on from it with --resume.
    """
    from lutloom.cli.training import train_model

    console = Console(as_json=as_json)
    space = open_workspace(work, recipe, data)
    try:
        with console.progress(f"train {space.name}") as advance:
            record = train_model(space, resume=resume, watch=advance)
    except KeyboardInterrupt:
        console.say(f"the checkpoint in {space.folder} is kept; go on with --resume")
        raise
    console.table(
        f"{space.name}: trained",
        ("layers", "#neurons", "#epochs", "#validation", "#seconds", "device"),
        [
            (
                " > ".join(map(str, record.widths)),
                f"{record.neurons:,}",
                len(record.history),
                f"{100 * (record.history[-1].validation_accuracy or 0):.2f} %"
                if record.history
                else "",
                f"{record.seconds:.1f}",
                f"{record.device}, {record.threads} threads",
            )
        ],
    )
    console.say(f"wrote {space.state}")
    console.result(record)
