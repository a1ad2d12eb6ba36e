"""``lutloom attention lower``: one block's attention in integers, as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.attention.layer import QUERY_ROWS, rows_path
from lutloom.cli.console import Console
from lutloom.cli.language.options import ModelFile, Output, TextName
from lutloom.cli.options import Json

NAME = "lower"
EXAMPLES = (
    "lutloom attention lower build/language/model.safetensors -o head.onnx",
    "lutloom attention lower model.safetensors --block 2 --heads 0,3",
    "lutloom attention lower model.safetensors --text novel.txt --windows 32 --json",
)

Windows = Annotated[
    int,
    typer.Option(metavar="N", min=1, max=4096, help="To calibrate on; of the training part."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the windows drawn.")]


def run(
    model: ModelFile,
    output: Output = Path("build/attention/head.onnx"),
    block: Annotated[int, typer.Option(metavar="N", min=0, max=255, help="Counted from 0.")] = 0,
    heads: Annotated[
        str, typer.Option(metavar="LIST", help="For example 0,2; all by default.")
    ] = "",
    text: TextName = "kjv",
    windows: Windows = 16,
    query_rows: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=10_000_000,
            help="Queries kept beside FILE, as .npz, to simulate its hardware on; 0: none.",
        ),
    ] = QUERY_ROWS,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Bring one block's attention to integers, and write it as ONNX.

    Scales come from windows of the text's training part; errors are measured on its validation
    part: against softmax of the same rounded numbers, which the bound holds for, and against
    attention in floats.  The rows kept for simulation are of the validation part, too.
    """
    import numpy as np

    from lutloom.attention.batch import AttentionBatch, sequences_for
    from lutloom.attention.calibrate import calibrate
    from lutloom.attention.error_bound import measure_error
    from lutloom.files.attention_onnx import write_attention
    from lutloom.files.attention_rows import write_attention_rows
    from lutloom.language.attention_capture import (
        attention_config,
        attention_of,
        capture_attention,
    )
    from lutloom.language.block_elimination import draw_windows
    from lutloom.language.model_file import read_transformer
    from lutloom.language.pretraining import windows as cut_windows
    from lutloom.language.text import load_text

    console = Console(as_json=as_json)
    transformer, tokenizer = read_transformer(model)
    attention_of(transformer, block)
    chosen = parse_heads(heads, transformer.config.n_heads)
    config = attention_config(transformer.config, len(chosen))
    say_if_sliced(console, sliced=transformer.config.sliced)
    corpus = load_text(text)
    drawn = draw_windows(tokenizer.encode(corpus.train), windows, config.context, seed)
    kept = sequences_for(config, query_rows)
    held_out = cut_windows(tokenizer.encode(corpus.validation), config.context)
    held_out = held_out[: max(windows, kept)]
    rows = capture_attention(transformer, drawn[:, :-1], block).select(chosen)
    calibrated = calibrate(config, *rows.inputs, where=f"block {block}")
    write_attention(calibrated, output)
    others = capture_attention(transformer, held_out[:, :-1], block).select(chosen)
    measured = measure_error(calibrated, *(part[:, :windows] for part in others.inputs))
    integers = calibrated.quantise(*(part[:, :kept] for part in others.inputs))
    batch = AttentionBatch(*(np.ascontiguousarray(part.swapaxes(0, 1)) for part in integers))
    if kept:
        write_attention_rows(batch, rows_path(output))
    records = [
        {
            "head": head,
            "query_scale": float(calibrated.query_scale[index]),
            "key_scale": float(calibrated.key_scale[index]),
            "value_scale": float(calibrated.value_scale[index]),
            "multiplier": int(calibrated.layer.multiplier[index]),
            "value_shift": int(calibrated.layer.value_shift[index]),
            "error": float(measured.dequantised[index]),
            "bound": float(measured.bound[index]),
            "float_error": float(measured.largest[index]),
            "float_error_rms": float(measured.rms[index]),
            "output_rms": float(measured.output_rms[index]),
        }
        for index, head in enumerate(chosen)
    ]
    console.table(
        f"block {block}: {config.pattern}, {config.context} positions, heads of "
        f"{config.head_size}",
        ("#head", "#query scale", "#key scale", "#value scale", "#multiplier", "#value shift",
         "#error", "#bound", "#float error", "#rms", "#output rms"),
        [
            tuple(f"{v:.4g}" if isinstance(v, float) else v for v in record.values())
            for record in records
        ],
    )  # fmt: skip
    console.say(f"wrote {output}")
    if kept:
        console.say(f"wrote {rows_path(output)}: {batch.query_rows:,} query rows to simulate on")
    console.result(
        {
            "attention": str(output),
            "block": block,
            "pattern": config.pattern,
            "context": config.context,
            "head_size": config.head_size,
            "calibration_windows": windows,
            "measured_windows": min(windows, len(held_out)),
            "query_rows": batch.query_rows,
            "sliced": transformer.config.sliced,
            "heads": records,
        }
    )


def parse_heads(words: str, n_heads: int) -> list[int]:
    """Read a list of heads, ``0,2``; empty: all.

    Parameters
    ----------
    words : str
    n_heads : int
        Of the model.

    Returns
    -------
    list of int

    Raises
    ------
    InvalidRecipeError
        If one is no number, is not there or comes twice.
    """
    from lutloom.errors import InvalidRecipeError

    if not words.strip():
        return list(range(n_heads))
    parts = [word.strip() for word in words.split(",")]
    known = {str(head): head for head in range(n_heads)}
    if len(set(parts)) != len(parts) or not set(parts) <= set(known):
        raise InvalidRecipeError(
            f"attention lower, heads: must be some of 0..{n_heads - 1}, each once, with commas "
            f"between, not {words!r}; change --heads"
        )
    return [known[part] for part in parts]


def say_if_sliced(console: Console, *, sliced: bool) -> None:
    """Say that a sliced model is none the worse for it here."""
    if sliced:
        console.say("the model is sliced; its attention has all its heads, and goes in as any")
