"""``lutloom verify``: bitstreams built again, every hash compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console, ResultError
from lutloom.cli.options import Json

NAME = "verify"
EXAMPLES = (
    "lutloom verify bitstreams/hx8k/hx8k_board",
    "lutloom verify bitstreams/*/*",
)


def run(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders with a manifest.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Build bitstreams again and compare every file with their manifests.

    Ends with status 1 if any hash differs.
    """
    from lutloom.boards import verify_bitstream

    console = Console(as_json=as_json)
    results = {}
    with console.progress("verify") as advance:
        for done, folder in enumerate(folders):

            def on_step(what: str, done: int = done, folder: Path = folder) -> None:
                advance(done, len(folders), f"{folder}: {what}")

            results[str(folder)] = verify_bitstream(folder, on_step=on_step)
        advance(len(folders), len(folders))
    console.table(
        "Verified",
        ("folder", "file", "SHA-256", ""),
        [
            (folder, check.file, check.expected[:16], "equal" if check.equal else "DIFFERS")
            for folder, checks in results.items()
            for check in checks
        ],
    )
    console.result(results)
    wrong = [
        f"{folder}: {check.file}"
        for folder, checks in results.items()
        for check in checks
        if not check.equal
    ]
    if wrong:
        raise ResultError(
            f"verify: every file must come out as in its manifest, but {', '.join(wrong)} did not;"
            " is this the version of Lutloom that made it?"
        )
