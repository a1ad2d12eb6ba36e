"""``lutloom attention demo``: attention from a text to two chips, with a page at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.attention.evaluate import LOOP_COLUMNS, loop_row
from lutloom.cli.attention.simulate import COLUMNS, require_agreement, simulation_row
from lutloom.cli.attention.synth import print_target, require_target
from lutloom.cli.console import Console
from lutloom.cli.language.options import TextName
from lutloom.cli.options import Json

NAME = "demo"
EXAMPLES = (
    "lutloom attention demo",
    "lutloom attention demo --device 25k --seeds 5",
    "lutloom attention demo --text novel.txt --steps 3000",
)


def run(
    text: TextName = "kjv",
    steps: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000_000, help="Of training.")
    ] = 1500,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device", metavar="hx8k|up5k|25k|45k|85k", show_default=False,
            help="A chip; may be given again; default: 25k and up5k.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Place-and-route runs a chip.")
    ] = 2,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where everything goes.")
    ] = Path("build/attention"),
    as_json: Json = False,
) -> None:  # fmt: skip
    """Bring a trained transformer's attention to two chips, with a report.

    Train a small model with sparse attention, bring it to integers, judge it with ONNX Runtime and
    with Verilog in the loop, simulate one block's engine on text, count clocks under every pattern;
    then synthesise, prove, place and route it, and simulate the netlists.
    """
    import msgspec

    from lutloom.compare.attention_demo import AttentionDemo, run_attention_demo
    from lutloom.flow import find_device
    from lutloom.report import write_attention_report

    console = Console(as_json=as_json)
    demo = AttentionDemo(text=text, seeds=seeds)
    devices = tuple(dict.fromkeys(find_device(name).name for name in device or demo.devices))
    training = msgspec.structs.replace(demo.training, steps=steps)
    demo = msgspec.structs.replace(demo, training=training, devices=devices)
    with console.progress("attention demo") as advance:
        report = run_attention_demo(demo, folder, advance)
    page = write_attention_report(report, folder / "report.html")
    console.table(
        f"{report.text}: the model with each executor of its attention",
        LOOP_COLUMNS,
        [loop_row(one) for one in report.loop],
    )
    console.table(
        f"block {report.layer.block}: simulated",
        COLUMNS,
        [simulation_row(one) for one in report.simulations],
    )
    for target in report.targets:
        print_target(console, target)
    console.table(
        "rungs",
        ("rung", "state", "evidence"),
        [
            (name, getattr(report.ladder, name).state, getattr(report.ladder, name).evidence)
            for name in report.ladder.__struct_fields__
        ],
    )
    console.say(f"the page: {page.resolve().as_uri()}")
    console.result(report)
    require_agreement("attention demo", report.simulations)
    for target in report.targets:
        require_target("attention demo", target)
