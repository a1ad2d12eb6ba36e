"""``lutloom language unpack``: an archive back to a model that every command reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.language.options import Output
from lutloom.cli.options import Json

NAME = "unpack"
EXAMPLES = (
    "lutloom language unpack model.llm",
    "lutloom language unpack model.llm -o model.safetensors",
)


def run(
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="A file that `lutloom language pack` wrote.")
    ],
    output: Output = Path("build/language/unpacked.safetensors"),
    as_json: Json = False,
) -> None:
    """Unpack an archive into a model file.

    Its SHA-256 and every size in it are checked before anything is believed; where one does not
    hold, nothing is written.
    """
    from lutloom.language.archive import read_archive
    from lutloom.language.model_file import write_transformer

    console = Console(as_json=as_json)
    model, tokenizer = read_archive(archive)
    write_transformer(model, tokenizer, output)
    config = model.config
    kind = "sliced" if config.sliced else "whole"
    console.say(
        f"wrote {output}: {model.n_parameters:,} parameters, {config.n_blocks} blocks, width "
        f"{config.width} ({kind}), {tokenizer.vocabulary:,} tokens"
    )
    console.result(
        {
            "model": str(output),
            "parameters": model.n_parameters,
            "blocks": config.n_blocks,
            "width": config.width,
            "sliced": config.sliced,
            "vocabulary": tokenizer.vocabulary,
        }
    )
