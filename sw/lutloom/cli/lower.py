"""``lutloom lower``: from what was learnt to look-up tables with the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Data, Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace
from lutloom.errors import InvalidRecipeError

NAME = "lower"
_ACCURACY_LOSS = 0.001
EXAMPLES = (
    "lutloom lower --work build/hx8k",
    "lutloom lower --work build/hx8k --json | jq .estimate",
    "lutloom lower --network theirs.onnx --work build/theirs",
    "lutloom lower --eliminate-layers --work build/deep",
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
    eliminate_layers: Annotated[
        bool,
        typer.Option(
            "--eliminate-layers",
            help="Also take out layers that hardly matter, chosen on the validation images; this "
            "may change answers.",
        ),
    ] = False,
    accuracy_loss: Annotated[
        float | None,
        typer.Option(
            "--accuracy-loss", min=0.0, max=1.0, metavar="SHARE",
            help="With --eliminate-layers: share of the validation images whose answers may turn "
            "wrong (0.001).",
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
    if accuracy_loss is not None and not eliminate_layers:
        raise InvalidRecipeError(
            f"--accuracy-loss {accuracy_loss}: must come with --eliminate-layers; add it"
        )
    if eliminate_layers and accuracy_loss is None:
        accuracy_loss = _ACCURACY_LOSS
    space = open_workspace(work, recipe, data)
    with console.progress(f"lower {space.name}") as watch:
        record = lower_model(space, network, accuracy_loss=accuracy_loss, watch=watch)
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
    if (gone := record.elimination) is not None:
        console.say(
            f"took out {len(gone.layers)} of {gone.layers_before} layers: "
            f"{100 * gone.validation_accuracy_before:.2f} % of {gone.validation_images:,} "
            f"validation images right before, {100 * gone.validation_accuracy:.2f} % after"
        )
    console.say(f"wrote {space.network}")
    console.result(record)
