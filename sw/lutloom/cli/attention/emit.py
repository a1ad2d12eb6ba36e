"""``lutloom attention emit``: a layer's engine as Verilog and RTLIL."""

from __future__ import annotations

from lutloom.cli.attention.layer import (
    Engines,
    FeaturesPerBeat,
    Folder,
    Lanes,
    LayerFile,
    SinglePort,
    product_folder,
    read_layer,
)
from lutloom.cli.console import Console
from lutloom.cli.options import Json

NAME = "emit"
EXAMPLES = (
    "lutloom attention emit build/attention/head.onnx",
    "lutloom attention emit head.onnx --lanes 2 --features-per-beat 1 -o build/narrow",
)


def run(
    layer: LayerFile,
    output: Folder = None,
    lanes: Lanes = 8,
    engines: Engines = 1,
    features_per_beat: FeaturesPerBeat = None,
    single_port: SinglePort = False,
    as_json: Json = False,
) -> None:
    """Write a layer's engine as Verilog and RTLIL.

    Leaves lutloom_attention.v, for any simulator, and lutloom_attention.il, for Yosys.  The same
    layer and options give the same bytes.
    """
    import hashlib

    from lutloom.emit import emit_attention_rtlil, emit_attention_verilog
    from lutloom.files.atomic import write_text
    from lutloom_hw.attention_options import AttentionOptions
    from lutloom_hw.attention_top import AttentionTop

    console = Console(as_json=as_json)
    calibrated = read_layer(layer)
    options = AttentionOptions(
        lanes=lanes, n_engines=engines, features_per_beat=features_per_beat,
        row_memory="single_port" if single_port else "block",
    )  # fmt: skip
    top = AttentionTop(calibrated.layer, options)
    folder = product_folder(layer, output)
    digests = {}
    for name, emit in (
        ("lutloom_attention.v", emit_attention_verilog),
        ("lutloom_attention.il", emit_attention_rtlil),
    ):
        text = emit(calibrated.layer, options)
        write_text(folder / name, text)
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
    config = calibrated.layer.config
    cycles = top.cycles(config.context)
    lane_use = top.timing.useful_slots(config.context) / cycles
    console.table(
        f"{layer.name}: emitted",
        ("file", "SHA-256"),
        [(folder / name, digest) for name, digest in digests.items()],
    )
    console.say(
        f"one head over {config.context} positions, {config.pattern}: {cycles:,} clocks, lanes in "
        f"use {lane_use:.1%}, where beats are words"
    )
    console.result(
        {
            "folder": str(folder),
            "sha256": digests,
            "positions": config.context,
            "cycles": cycles,
            "lane_use": lane_use,
        }
    )
