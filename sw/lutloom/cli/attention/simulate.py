"""``lutloom attention simulate``: a layer's engine in simulation, every integer compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lutloom.cli.attention.layer import (
    Engines,
    FeaturesPerBeat,
    Folder,
    Lanes,
    LayerFile,
    RowsFile,
    SinglePort,
    product_folder,
    read_layer,
    read_rows,
)
from lutloom.cli.console import Console
from lutloom.cli.options import Json

if TYPE_CHECKING:
    from lutloom_sim.attention_result import AttentionSimulation

NAME = "simulate"
EXAMPLES = (
    "lutloom attention simulate build/attention/head.onnx",
    "lutloom attention simulate head.onnx --lanes 2 --features-per-beat 1 --stalls 0.5",
    "lutloom attention simulate head.onnx --rows mine.npz --waves",
)

COLUMNS = (
    "simulator", "design", "#query rows", "#integers", "#differ", "#stalls", "#clocks", "#seconds",
    "also passed",
)  # fmt: skip


def run(
    layer: LayerFile,
    rows: RowsFile = None,
    output: Folder = None,
    lanes: Lanes = 8,
    engines: Engines = 1,
    features_per_beat: FeaturesPerBeat = None,
    single_port: SinglePort = False,
    stalls: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=0.99, help="Of clocks, on either side."),
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of stalls.")] = 0,
    waves: Annotated[bool, typer.Option("--waves", help="Keep waveforms: DIR/waves.vcd.")] = False,
    as_json: Json = False,
) -> None:
    """Simulate a layer's engine and compare every integer with the model's.

    A few rows in Amaranth's simulator under random stalls; then all rows in Verilator through
    cocotb, which also stalls both sides at random and resets in mid-stream.  Ends with status 1 on
    any integer other than the model's.
    """
    from lutloom.compare.attention_road import simulate_layer
    from lutloom.files.atomic import write_json
    from lutloom_hw.attention_options import AttentionOptions

    console = Console(as_json=as_json)
    calibrated = read_layer(layer)
    batch = read_rows(console, layer, calibrated, rows)
    options = AttentionOptions(
        lanes=lanes, n_engines=engines, features_per_beat=features_per_beat,
        row_memory="single_port" if single_port else "block",
    )  # fmt: skip
    folder = product_folder(layer, output)
    with console.progress(f"simulate {layer.name}") as advance:
        found = simulate_layer(
            calibrated.layer, batch, options, stall_probability=stalls, seed=seed,
            waves=folder / "waves.vcd" if waves else None, watch=advance,
        )  # fmt: skip
    write_json(folder / "simulate.json", found)
    console.table(f"{layer.name}: simulated", COLUMNS, [simulation_row(one) for one in found])
    console.result(found)
    require_agreement("attention simulate", found)


def simulation_row(found: AttentionSimulation) -> tuple[object, ...]:
    """Give a row for :data:`COLUMNS`."""
    return (
        {"amaranth": "Amaranth", "cocotb": "Verilator, cocotb", "bulk": "Verilator"}[found.engine],
        found.design,
        f"{found.query_rows:,}",
        f"{found.compared:,}",
        f"{found.differing:,}",
        f"{found.stall_probability:.0%}",
        f"{found.cycles:,}",
        f"{found.seconds:.1f}",
        ", ".join(name.replace("_", " ") for name in found.tests[1:]),
    )


def require_agreement(command: str, found: tuple[AttentionSimulation, ...]) -> None:
    """Raise if an integer or a mark differs.

    Raises
    ------
    ResultError
        Naming the first.
    """
    from lutloom.cli.console import ResultError

    for one in found:
        if not one.agrees:
            what = (
                f"{one.differing:,} of {one.compared:,} differ, first at {one.first_differing}"
                if one.differing
                else f"heads or ends of runs of {one.marks_differing:,} words differ"
            )
            raise ResultError(
                f"{command}: the {one.design} must give the model's integers, but {what}; report "
                "this as a bug of Lutloom"
            )
