"""``lutloom language pack``: a model and its tokenizer in few bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lutloom.cli.console import Console
from lutloom.cli.language.options import ModelFile, Output
from lutloom.cli.options import Json

NAME = "pack"
EXAMPLES = (
    "lutloom language pack build/language/model.safetensors -o model.llm",
    "lutloom language pack model.safetensors --compress xz",
    "lutloom language pack sliced.safetensors --method symmetric --compress exponent",
)


def run(
    model: ModelFile,
    output: Output = Path("build/language/model.llm"),
    method: Annotated[
        Literal["plain", "triangular", "symmetric", "bits_back"],
        typer.Option(help="What is stored of the weights; all but plain need a sliced model."),
    ] = "plain",
    compress: Annotated[
        Literal["none", "xz", "exponent"],
        typer.Option(help="Lossless coding on top; exponent codes those of fp16 numbers."),
    ] = "exponent",
    as_json: Json = False,
) -> None:
    """Pack a model and its tokenizer into one small file.

    Weights are rounded to fp16; everything after that is lossless.  Says the bytes of each part,
    and how much less the weights take than at two bytes each.
    """
    import msgspec

    from lutloom.files.atomic import write_bytes
    from lutloom.language.archive import pack_model, parts_of
    from lutloom.language.model_file import read_transformer

    console = Console(as_json=as_json)
    transformer, tokenizer = read_transformer(model)
    data, report = pack_model(transformer, tokenizer, method=method, compression=compress)
    write_bytes(output, data)
    rows = [
        (name, f"{size:,}", f"{size / report.total:.1%}") for name, size in parts_of(report).items()
    ]
    console.table(
        f"{method}, {compress}",
        ("part", "#bytes", "#share"),
        [*rows, ("total", f"{report.total:,}", "")],
    )
    if (carried := report.rotations) is not None:
        console.say(
            f"rotations carry {carried.popped_bits // 8:,} bytes of the weights; "
            f"{carried.correction_bits // 8:,} of the message put right {carried.corrections:,} of "
            f"their {carried.parameters:,} parameters"
        )
    change = "less" if report.saving >= 0 else "more"
    console.say(
        f"weights: {report.weights:,} bytes, {abs(report.saving):.1%} {change} than the "
        f"{report.plain_fp16_bytes:,} of fp16"
    )
    console.say(f"wrote {output}")
    console.result(
        {
            "archive": str(output),
            **msgspec.to_builtins(report),
            "weights": report.weights,
            "saving": report.saving,
        }
    )
