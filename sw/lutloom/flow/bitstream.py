"""Bitstreams: packed from the routed text, unpacked again to see that nothing was lost.

Example
-------
>>> bitstream = pack(folder, "ice40", seed=1)
>>> unpacks(folder, "ice40", 1, bitstream)
True
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from lutloom.flow.devices import FpgaFamily
from lutloom.flow.toolchain import Command, run
from lutloom.flow.tools import ToolName

UNPACKED = "unpacked.txt"
"""The bitstream as text again."""


def sha256_of(path: Path) -> str:
    """Digest a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def routed_names(family: FpgaFamily, seed: int) -> tuple[str, str]:
    """Name what one seed's run makes: the routed text and the report."""
    extension = "asc" if family == "ice40" else "config"
    return f"routed-{seed}.{extension}", f"nextpnr-{seed}.json"


def bitstream_name(family: FpgaFamily) -> str:
    """Name the file of a family's bitstream."""
    return "bitstream.bin" if family == "ice40" else "bitstream.bit"


def placed_name(seed: int) -> str:
    """Name the file in which one seed's run says what it placed where."""
    return f"placed-{seed}.json"


def pack(folder: Path, family: FpgaFamily, seed: int, user_code: int = 0) -> Path:
    """Pack a seed's routed text into a bitstream.

    Parameters
    ----------
    folder : Path
        Where nextpnr ran.
    family : {"ice40", "ecp5"}
    seed : int
    user_code : int
        32 bits that an ECP5 tells over its programming cable; iCE40 has none.

    Returns
    -------
    Path

    Raises
    ------
    ToolError
        If the packer fails.
    """
    routed, _ = routed_names(family, seed)
    name = bitstream_name(family)
    if family == "ice40":
        run(Command("icepack", (routed, name), folder, "icepack.log", (name,)))
    else:
        run(_pack_ecp5(folder, routed, name, user_code))
    return folder / name


def _pack_ecp5(folder: Path, text: str, name: str, user_code: int) -> Command:
    arguments = ("--compress", "--usercode", str(user_code), text, name)
    return Command("ecppack", arguments, folder, f"{name}.log", (name,))


def _tiles(text: str) -> dict[str, list[str]]:
    """Read iCE40's configuration text: the rows of each tile; memories of zeros left out."""
    tiles: dict[str, list[str]] = {}
    rows: list[str] = []
    for line in text.splitlines():
        if line.startswith((".comment", ".sym")):
            rows = []
        elif line.startswith("."):
            rows = tiles[line] = []
        elif line:
            rows.append(line)
    return {
        name: rows
        for name, rows in tiles.items()
        if not (name.startswith(".ram_data") and not any(row.strip("0") for row in rows))
    }


def unpack(bitstream: Path, family: FpgaFamily) -> Path:
    """Unpack a bitstream to configuration text beside it.

    Parameters
    ----------
    bitstream : Path
    family : {"ice40", "ecp5"}

    Returns
    -------
    Path
        :data:`UNPACKED` in the same folder.

    Raises
    ------
    ToolError
        If it cannot be unpacked.
    """
    tool: ToolName = "iceunpack" if family == "ice40" else "ecpunpack"
    arguments = (bitstream.name, UNPACKED)
    run(Command(tool, arguments, bitstream.parent, f"{tool}.log", (UNPACKED,)))
    return bitstream.with_name(UNPACKED)


def unpacks(
    folder: Path, family: FpgaFamily, seed: int, bitstream: Path, user_code: int = 0
) -> bool:
    """Unpack the bitstream and compare it with what nextpnr wrote.

    iCE40's text is compared tile by tile.  ECP5's text leaves defaults out on one side only, so the
    unpacked text is packed again: the same bits.

    Parameters
    ----------
    folder : Path
        Where nextpnr ran.
    family : {"ice40", "ecp5"}
    seed : int
    bitstream : Path
        From :func:`pack`, in ``folder``.
    user_code : int
        The one it was packed with; ECP5's text does not hold it.

    Returns
    -------
    bool

    Raises
    ------
    ToolError
        If the bitstream cannot be unpacked at all.
    """
    routed, _ = routed_names(family, seed)
    unpack(bitstream, family)
    if family == "ice40":
        wrote, found = (_tiles((folder / name).read_text()) for name in (routed, UNPACKED))
        return wrote == found
    again = "packed-again.bit"
    run(_pack_ecp5(folder, UNPACKED, again, user_code))
    return (folder / again).read_bytes() == bitstream.read_bytes()
