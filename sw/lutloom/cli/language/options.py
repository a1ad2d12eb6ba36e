"""Options that the language commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelFile = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A model that `lutloom language train` wrote.")
]
TextName = Annotated[
    str,
    typer.Option("--text", metavar="NAME|FILE", help="kjv, python, or a text file (UTF-8)."),
]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where it goes.")]
