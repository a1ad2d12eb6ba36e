"""``lutloom language demo``: the language half from end to end, one table at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.language.options import TextName
from lutloom.cli.options import Json

if TYPE_CHECKING:
    from lutloom.language.demo import DemoLine

NAME = "demo"
EXAMPLES = ("lutloom language demo", "lutloom language demo --text novel.txt --steps 2000")


def run(
    text: TextName = "kjv",
    steps: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000_000, help="Of each training.")
    ] = 500,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where everything goes.")
    ] = Path("build/language"),
    as_json: Json = False,
) -> None:
    """Run the language half from end to end.

    Looks for duplicates in a text, trains a small transformer densely and sparsely, eliminates two
    blocks, slices the residual stream, packs the model and unpacks it again.
    """
    import msgspec

    from lutloom.cli.language.corpus import print_report
    from lutloom.language.demo import Demo, run_demo

    console = Console(as_json=as_json)
    demo = Demo(text=text)
    demo = msgspec.structs.replace(
        demo, training=msgspec.structs.replace(demo.training, steps=steps)
    )
    with console.progress("language demo") as advance:
        record = run_demo(demo, folder, advance)
    print_report(console, record.corpus)
    console.table(
        "The model, step by step",
        ("step", "#test loss", "#perplexity", "#TFLOP to train", "#MFLOP a token", "#bytes",
         "#seconds", ""),
        [_row(line) for line in record.lines],
    )  # fmt: skip
    console.say(f"wrote {folder}")
    console.result(record)


def _row(line: DemoLine) -> tuple[object, ...]:
    import math

    return (
        line.step,
        "" if line.test_loss is None else f"{line.test_loss:.3f}",
        "" if line.test_loss is None else f"{math.exp(line.test_loss):.1f}",
        "" if line.train_flops is None else f"{line.train_flops / 1e12:.2f}",
        "" if line.token_flops is None else f"{line.token_flops / 1e6:.2f}",
        "" if line.size_bytes is None else f"{line.size_bytes:,}",
        f"{line.seconds:.1f}",
        line.what,
    )
