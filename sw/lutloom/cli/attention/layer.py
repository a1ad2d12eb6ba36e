"""What the commands on a layer's file share: its options, its rows, where its products go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lutloom.attention.batch import AttentionBatch
    from lutloom.attention.calibrate import CalibratedAttention
    from lutloom.cli.console import Console

QUERY_ROWS = 10_240
"""Queries that are simulated where nothing else is asked for."""

LayerFile = Annotated[
    Path,
    typer.Argument(metavar="HEAD.onnx", help="A layer that `lutloom attention lower` wrote."),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="DIR", help="Where products go; default: HEAD/ beside HEAD.onnx.",
        show_default=False,
    ),
]  # fmt: skip
Lanes = Annotated[
    int,
    typer.Option(metavar="1|2|4|8|16", help="Features multiplied at a time; divides a head's."),
]
Engines = Annotated[
    int, typer.Option(metavar="N", min=1, max=64, help="Heads that are worked on at a time.")
]
FeaturesPerBeat = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=64,
        help="Features in one beat at the ports; default: all lanes, fewer where pins are few.",
        show_default=False,
    ),
]  # fmt: skip
SinglePort = Annotated[
    bool,
    typer.Option(
        "--single-port",
        help="Keys and values in single-port memory, such as UP5K's SPRAM.",
    ),
]
RowsFile = Annotated[
    Path | None,
    typer.Option(
        "--rows", metavar="FILE.npz",
        help="Queries, keys and values to simulate; default: HEAD.npz, else random ones.",
        show_default=False,
    ),
]  # fmt: skip


def rows_path(layer_file: Path) -> Path:
    """Give the path of the rows that belong to a layer's file."""
    return layer_file.with_suffix(".npz")


def product_folder(layer_file: Path, asked: Path | None) -> Path:
    """Give the folder of what is made from a layer's file.

    Parameters
    ----------
    layer_file : Path
    asked : Path or None

    Returns
    -------
    Path
    """
    return layer_file.with_suffix("") if asked is None else asked


def read_layer(layer_file: Path) -> CalibratedAttention:
    """Read a layer's file.

    Parameters
    ----------
    layer_file : Path

    Returns
    -------
    CalibratedAttention
    """
    from lutloom.files.attention_onnx import read_attention

    return read_attention(layer_file)


def read_rows(
    console: Console, layer_file: Path, calibrated: CalibratedAttention, rows: Path | None
) -> AttentionBatch:
    """Read the rows to simulate, or draw them, and say which it was.

    Parameters
    ----------
    console : Console
    layer_file : Path
    calibrated : CalibratedAttention
    rows : Path or None

    Returns
    -------
    AttentionBatch
    """
    from lutloom.attention.batch import random_batch, sequences_for
    from lutloom.files.attention_rows import read_attention_rows

    config = calibrated.layer.config
    path = rows_path(layer_file) if rows is None else rows
    if rows is None and not path.is_file():
        console.say(f"{path} is not there: random rows instead")
        return random_batch(config, sequences_for(config, QUERY_ROWS))
    return read_attention_rows(path, config)
