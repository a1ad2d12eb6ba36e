"""``lutloom simulate``: the hardware in simulation, every answer compared."""

from __future__ import annotations

from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Data, Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace

NAME = "simulate"
EXAMPLES = (
    "lutloom simulate --work build/hx8k",
    "lutloom simulate --work build/hx8k --images 100 --waves",
)


def run(
    work: Work = None,
    recipe: RecipeName = None,
    data: Data = None,
    images: Annotated[
        int,
        typer.Option("--images", min=0, metavar="N", help="Test images; 0 takes all of them."),
    ] = 0,
    waves: Annotated[bool, typer.Option("--waves", help="Keep waveforms: DIR/waves.vcd.")] = False,
    as_json: Json = False,
) -> None:
    """Simulate the hardware and compare every answer.

    The stages in Amaranth's simulator under random stalls, then the Verilog in Verilator: through
    cocotb, and as a library.  Ends with status 1 on any answer other than the network's.
    """
    from lutloom.cli.simulation import require_agreement, simulate_network
    from lutloom.cli.tables import EXECUTOR_COLUMNS, executor_rows

    console = Console(as_json=as_json)
    space = open_workspace(work, recipe, data)
    with console.progress(f"simulate {space.name}") as advance:
        record = simulate_network(space, images=images or None, waves=waves, watch=advance)
    console.table(
        f"{space.name}: simulated",
        EXECUTOR_COLUMNS,
        executor_rows(record.executors),
    )
    console.table(
        f"{space.name}: rungs",
        ("rung", "state", "evidence"),
        [
            ("L2", record.stages.state, record.stages.evidence),
            ("L3", record.verilog.state, record.verilog.evidence),
        ],
    )
    console.result(record)
    require_agreement(record)
