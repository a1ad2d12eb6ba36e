"""``lutloom attention synth``: a layer's engine on a chip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lutloom.cli.attention.layer import (
    Engines,
    FeaturesPerBeat,
    Folder,
    LayerFile,
    RowsFile,
    SinglePort,
    product_folder,
    read_layer,
    read_rows,
)
from lutloom.cli.attention.simulate import COLUMNS, require_agreement, simulation_row
from lutloom.cli.console import Console
from lutloom.cli.options import Json

if TYPE_CHECKING:
    from lutloom.compare.attention_results import AttentionTarget

NAME = "synth"
EXAMPLES = (
    "lutloom attention synth build/attention/head.onnx",
    "lutloom attention synth head.onnx --device up5k --lanes 1",
    "lutloom attention synth head.onnx --device 85k --lanes 16 --seeds 5",
)


def run(
    layer: LayerFile,
    device: Annotated[
        str, typer.Option("--device", metavar="hx8k|up5k|25k|45k|85k", help="The chip.")
    ] = "25k",
    rows: RowsFile = None,
    output: Folder = None,
    lanes: Annotated[
        int | None,
        typer.Option(
            metavar="1|2|4|8|16", show_default=False,
            help="Features multiplied at a time; default: 8 on ECP5, 2 on iCE40.",
        ),
    ] = None,
    engines: Engines = 1,
    features_per_beat: FeaturesPerBeat = None,
    single_port: SinglePort = False,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Place-and-route runs.")
    ] = 3,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Synthesise, prove, place and route a layer's engine, and simulate its netlist.

    Parts without memory or multiplier are proven equal to their RTL; the whole netlist is simulated
    on the rows.  Ends with status 1 if an integer differs or no run routes.
    """
    from lutloom.compare.attention_targets import judge_target, options_for
    from lutloom.files.atomic import write_json
    from lutloom.flow import find_device

    console = Console(as_json=as_json)
    chip = find_device(device)
    calibrated = read_layer(layer)
    batch = read_rows(console, layer, calibrated, rows)
    options = options_for(
        device, lanes=lanes, n_engines=engines, features_per_beat=features_per_beat,
        single_port=single_port,
    )  # fmt: skip
    folder = product_folder(layer, output)
    with console.progress(f"synth {layer.name}, {device}") as advance:
        target = judge_target(
            calibrated.layer, batch, device, options=options,
            folder=folder / f"synth-{chip.name}", seeds=range(1, seeds + 1), watch=advance,
        )  # fmt: skip
    write_json(folder / f"synth-{chip.name}.json", target)
    print_target(console, target)
    console.result(target)
    require_target("attention synth", target)


def print_target(console: Console, target: AttentionTarget) -> None:
    """Print what a chip made of a layer.

    Parameters
    ----------
    console : Console
    target : AttentionTarget
    """
    result = target.result
    clock = result.fmax_mhz
    console.table(
        f"{result.title}: {target.lanes} lanes",
        ("#LUT4", "#flip-flops", "#multipliers", "#block RAMs", "#SPRAMs", "#MHz, least",
         "#median", "#seeds routed", "#clocks a token", "#tokens a second"),
        [
            (
                f"{result.lut4:,}",
                f"{result.ff:,}",
                result.dsp,
                result.bram,
                result.spram,
                f"{clock.min:.1f}" if clock else "",
                f"{clock.median:.1f}" if clock else "",
                f"{sum(seed.routed for seed in result.seeds)} of {len(result.seeds)}",
                f"{target.cycles_per_token:,.1f}",
                f"{target.tokens_per_second:,.0f}" if target.tokens_per_second else "",
            )
        ],
    )  # fmt: skip
    console.table(
        f"{result.title}: what is proven",
        ("part", "against", "#bits", "how", "why not"),
        [
            (
                proof.part,
                proof.against,
                f"{proof.outputs:,}",
                proof.method if proof.proven else "simulated",
                proof.reason,
            )
            for proof in result.proofs
        ],
    )
    if target.netlist is not None:
        console.table(
            f"{result.title}: the netlist, simulated", COLUMNS, [simulation_row(target.netlist)]
        )
    console.say("a token: all heads of this one layer, in turn; projections are not in gates")


def require_target(command: str, target: AttentionTarget) -> None:
    """Raise if an integer differs, nothing routed, or the bitstream unpacks to something else.

    Raises
    ------
    ResultError
        Naming what is wrong.
    """
    from lutloom.cli.console import ResultError

    if target.netlist is not None:
        require_agreement(command, (target.netlist,))
    result = target.result
    if not result.routed:
        reasons = "; ".join(f"seed {seed.seed}: {seed.reason}" for seed in result.seeds)
        raise ResultError(
            f"{command}: at least one run must route, but {reasons}; lower --lanes or try more "
            "--seeds"
        )
    if result.bitstream_unpacked is False:
        raise ResultError(
            f"{command}: the bitstream must unpack to what was routed, but does not; report this "
            "as a bug of Lutloom"
        )
