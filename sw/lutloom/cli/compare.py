"""``lutloom compare``: every executor of one network, answer by answer."""

from __future__ import annotations

from lutloom.cli.console import Console
from lutloom.cli.options import Data, Json, RecipeName, Work
from lutloom.cli.workspace import open_workspace

NAME = "compare"
EXAMPLES = (
    "lutloom compare --work build/hx8k",
    "lutloom compare --work build/hx8k --json | jq '.executors[] | {name, mismatches}'",
)


def run(
    work: Work = None, recipe: RecipeName = None, data: Data = None, as_json: Json = False
) -> None:
    """Compare every executor of the network, answer by answer.

    torch, ONNX Runtime and the integer interpreter run now; Verilog and netlist count as `simulate`
    and `synth` recorded them.  Ends with status 1 on any difference.
    """
    from lutloom.cli.comparison import compare_model, require_agreement
    from lutloom.cli.tables import EXECUTOR_COLUMNS, executor_rows

    console = Console(as_json=as_json)
    space = open_workspace(work, recipe, data)
    with console.progress(f"compare {space.name}") as advance:
        found = compare_model(space, watch=advance)
    console.table(
        f"{space.name}: {found.images:,} test images of {found.dataset}",
        EXECUTOR_COLUMNS,
        executor_rows(found.executors),
    )
    console.result(found)
    require_agreement(found)
