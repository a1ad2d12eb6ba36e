"""``lutloom lower``: from what was learnt to look-up tables with the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Data, Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace

NAME = "lower"
EXAMPLES = (
    "lutloom lower --work build/hx8k",
    "lutloom lower --work build/hx8k --json | jq .estimate",
    "lutloom lower --network theirs.onnx --work build/theirs",
)


def run(
    work: Work = None,
    network: Annotated[
        Path | None,
        typer.Option(
            "--network", metavar="FILE.onnx",
            help="Lower this network, as `lower` writes them, instead of DIR's trained model.",
            show_default=False,
        ),
    ] = None,
    recipe: RecipeName = None,
    data: Data = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Lower a trained model to look-up tables, pass by pass.

    Every pass is verified and must keep every answer.  Leaves DIR/network.onnx and says what to
    expect of synthesis.
    """
    from lutloom.cli.lowering import lower_model

    console = Console(as_json=as_json)
    space = open_workspace(work, recipe, data)
    record = lower_model(space, network)
    console.table(
        f"{space.name}: passes that changed something",
        ("pass", "#neurons", "#after", "#inputs", "#after"),
        [
            (p.name, p.neurons_before, p.neurons_after, p.inputs_before, p.inputs_after)
            for p in record.passes
        ],
    )
    console.table(
        f"{space.name}: expected on {record.device}, before any synthesis",
        ("#neurons", "#LUT4", "#flip-flops", "#latency, clocks", "answers changed"),
        [
            (
                f"{record.neurons:,}",
                f"{record.estimate.lut4:,}",
                f"{record.estimate.ff:,}",
                record.estimate.latency_cycles,
                f"{record.answers_changed} of {record.images_checked:,}",
            )
        ],
    )
    console.say(f"wrote {space.network}")
    console.result(record)
