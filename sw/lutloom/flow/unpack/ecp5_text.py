"""ECP5's configuration as text, tile by tile, as ``ecpunpack`` and nextpnr write it.

What a tile does not say is at its default, so this holds only what is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lutloom.errors import InvalidFileError


@dataclass(slots=True)
class Ecp5Tile:
    """Hold what one tile says.

    Parameters
    ----------
    arcs : list of (str, str)
        Sink and source, named from the tile.
    words : dict of str to str
        Bits by name, the most significant first.
    enums : dict of str to str
    """

    arcs: list[tuple[str, str]] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    enums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ecp5Configuration:
    """Hold what a bitstream says.

    Parameters
    ----------
    device : str
        As ``LFE5U-25F``.
    tiles : mapping of str to Ecp5Tile
        By the database's name: ``R2C15:PLC2``.
    """

    device: str
    tiles: Mapping[str, Ecp5Tile]


def read_ecp5_text(text: str, name: str = "configuration") -> Ecp5Configuration:
    """Read a configuration's text.

    Parameters
    ----------
    text : str
    name : str
        What messages call it.

    Returns
    -------
    Ecp5Configuration

    Raises
    ------
    InvalidFileError
        If it is something else.
    """
    device = ""
    tiles: dict[str, Ecp5Tile] = {}
    tile: Ecp5Tile | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] == ".device":
                device = words[1]
            elif words[0] == ".tile":
                tile = tiles.setdefault(words[1], Ecp5Tile())
            elif words[0].startswith("."):
                tile = None
            elif tile is not None:
                _take(tile, words)
        except (ValueError, IndexError):
            raise InvalidFileError(
                f"{name}, line {number}: must be a line of an ECP5 configuration, not "
                f"{line[:40]!r}; unpack the bitstream again"
            ) from None
    if not device or not tiles:
        raise InvalidFileError(
            f"{name}: must name a device and hold tiles, but does not; unpack the bitstream again"
        )
    return Ecp5Configuration(device, tiles)


def _take(tile: Ecp5Tile, words: list[str]) -> None:
    kind, *rest = words
    if kind == "arc:":
        sink, source = rest
        tile.arcs.append((sink, source))
    elif kind == "word:":
        key, value = rest
        int(value, 2)
        tile.words[key] = value
    elif kind == "enum:":
        key, value = rest
        tile.enums[key] = value
    elif kind != "unknown:":
        raise ValueError
