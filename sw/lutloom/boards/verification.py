"""Build a shipped bitstream again and compare every hash.

Example
-------
>>> all(check.equal for check in verify_bitstream(Path("bitstreams/hx8k/hx8k")))  # doctest: +SKIP
True
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from lutloom import ir
from lutloom.boards.manifest import MANIFEST, NETWORK, BoardManifest, read_manifest
from lutloom.errors import InvalidFileError, ToolError
from lutloom.files.network_onnx import read_network
from lutloom.flow.board_target import synthesise_board
from lutloom.flow.devices import find_device
from lutloom.flow.manifest import Manifest
from lutloom.flow.target import tools_for
from lutloom.flow.tools import identify
from lutloom.schema import read_json
from lutloom_hw.board.boards import find_board


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one file's hash as the manifest has it and as it came this time."""

    file: str
    expected: str
    found: str

    @property
    def equal(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.found


def verify_bitstream(
    folder: Path, *, on_step: Callable[[str], None] | None = None
) -> tuple[Check, ...]:
    """Check a bitstream's folder against its manifest, and build the bitstream again.

    Parameters
    ----------
    folder : Path
        With ``manifest.json``, ``network.onnx`` and the bitstream.
    on_step : callable or None
        Told what begins.

    Returns
    -------
    tuple of Check
        One for each input and product, whether equal or not.

    Raises
    ------
    InvalidFileError
        If a file is missing, or not the one the manifest names.
    ToolError
        If a tool is another version than the one that made the bitstream, or fails.
    """
    manifest = read_manifest(folder)
    network = read_network(folder / NETWORK)
    if ir.network_digest(network) != manifest.network:
        raise InvalidFileError(
            f"{folder / MANIFEST}: the network's digest must be {ir.network_digest(network)}, as "
            f"of {NETWORK}, not {manifest.network}; take the folder anew"
        )
    board = find_board(manifest.board)
    _require_tools(manifest)
    with tempfile.TemporaryDirectory(prefix="lutloom-verify-") as name:
        work = Path(name)
        synthesise_board(
            network, board, folder=work, options=manifest.pipeline_options(),
            seeds=(manifest.seed,), proves=False, on_step=on_step,
        )  # fmt: skip
        made = read_json(work / "manifest.json", Manifest)
        found = made.inputs | made.products | {NETWORK: manifest.inputs[NETWORK]}
    expected = manifest.inputs | manifest.products
    return tuple(
        Check(file=file, expected=digest, found=found.get(file, "not made"))
        for file, digest in expected.items()
    )


def _require_tools(manifest: BoardManifest) -> None:
    made_with = {tool.name: tool for tool in manifest.tools}
    for name in tools_for(find_device(manifest.device)):
        here = identify(name)
        then = made_with.get(name)
        if then is None or (here.version, here.sha256) != (then.version, then.sha256):
            wanted = f"{then.kind} {then.version}" if then else "one the manifest names"
            raise ToolError(
                f"{name}: must be {wanted}, which made the bitstream, not {here.kind} "
                f"{here.version}; install that version to verify"
            )
