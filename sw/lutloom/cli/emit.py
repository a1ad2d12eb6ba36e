"""``lutloom emit``: the network as hardware, in text."""

from __future__ import annotations

from lutloom.cli.console import Console
from lutloom.cli.options import Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace

NAME = "emit"
EXAMPLES = ("lutloom emit --work build/hx8k",)


def run(work: Work = None, recipe: RecipeName = None, as_json: Json = False) -> None:
    """Write the lowered network as Verilog and RTLIL.

    Leaves DIR/verilog/: the pipeline (encoded images in), the top (pixels in), and the top for
    synthesis.  The same network gives the same bytes.
    """
    from lutloom.cli.emission import emit_network

    console = Console(as_json=as_json)
    space = open_workspace(work, recipe, None)
    with console.progress(f"emit {space.name}") as advance:
        record = emit_network(space, watch=advance)
    console.table(
        f"{space.name}: emitted for {record.device}",
        ("file", "SHA-256"),
        [(space.verilog / name, digest) for name, digest in record.sha256.items()],
    )
    console.say(
        f"latency {record.latency_cycles} clocks in the pipeline; "
        f"one image's pixels enter in {record.loader_cycles} clocks"
    )
    console.result(record)
