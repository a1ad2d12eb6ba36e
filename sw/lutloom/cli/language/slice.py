"""``lutloom language slice``: the same model with a narrower residual stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lutloom.cli.console import Console
from lutloom.cli.language.options import ModelFile, Output, TextName
from lutloom.cli.options import Json

NAME = "slice"
EXAMPLES = (
    "lutloom language slice build/language/model.safetensors --share 0.3",
    "lutloom language slice model.safetensors --share 0.2 --text novel.txt -o sliced.safetensors",
    "lutloom language slice model.safetensors --share 0.3 --orientation random --windows 64",
)

Orientation = Literal["pca", "random"]
"""As :mod:`lutloom.language.slicing` names them, which is only imported to run."""


def run(
    model: ModelFile,
    share: Annotated[
        float,
        typer.Option("--share", metavar="SHARE", min=0.0, max=0.99, help="Of the width that goes."),
    ],
    text: TextName = "kjv",
    windows: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000_000, help="Of the text's training part.")
    ] = 128,
    multiple: Annotated[
        int, typer.Option(metavar="N", min=1, max=4096, help="Widths are rounded down to one.")
    ] = 8,
    orientation: Annotated[
        Orientation,
        typer.Option(help="pca: features by energy; random: turned once more, as published."),
    ] = "pca",
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of the windows drawn, and of the turn.")
    ] = 0,
    output: Output = Path("build/language/sliced.safetensors"),
    as_json: Json = False,
) -> None:
    """Slice a transformer's residual stream to its principal directions, without training.

    Directions are those of signals on windows of the text's training part; the perplexity before
    and after is that of its test part, which nothing else reads.
    """
    from lutloom.language.block_elimination import draw_windows
    from lutloom.language.model_file import read_transformer, write_transformer
    from lutloom.language.pretraining import perplexity
    from lutloom.language.slicing import slice_model
    from lutloom.language.text import load_text

    console = Console(as_json=as_json)
    whole, tokenizer = read_transformer(model)
    corpus = load_text(text)
    drawn = draw_windows(tokenizer.encode(corpus.train), windows, whole.config.context, seed)
    held_out = tokenizer.encode(corpus.test)
    with console.progress(f"slice by {share:g}") as advance:
        sliced = slice_model(
            whole, drawn, share, multiple=multiple, orientation=orientation, seed=seed,
            progress=advance,
        )  # fmt: skip
    before, after = perplexity(whole, held_out), perplexity(sliced, held_out)
    write_transformer(sliced, tokenizer, output)
    widths = sliced.config.node_widths
    console.table(
        f"{corpus.name}: {share:.0%} of the residual stream sliced off",
        ("", "#nodes", "#width", "#parameters", "#test perplexity"),
        [
            ("before", len(widths), whole.config.width, f"{whole.n_parameters:,}", f"{before:.2f}"),
            ("after", len(widths), widths[0], f"{sliced.n_parameters:,}", f"{after:.2f}"),
        ],
    )
    console.say(f"wrote {output}")
    console.result(
        {
            "model": str(output),
            "share": share,
            "orientation": orientation,
            "width_before": whole.config.width,
            "node_widths": list(widths),
            "parameters": sliced.n_parameters,
            "parameters_before": whole.n_parameters,
            "calibration_windows": windows,
            "test_perplexity": after,
            "test_perplexity_before": before,
        }
    )
