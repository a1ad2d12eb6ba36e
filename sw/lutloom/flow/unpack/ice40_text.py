"""iCE40's configuration as text, tile by tile, as ``iceunpack`` and nextpnr write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError
from lutloom.flow.unpack.ice40_chip import TILE_KINDS

Tile = tuple[int, int]
"""Column and row."""

ROWS, COLUMNS = 16, 54
"""The largest tile's bits."""

_RAM_WORDS, _RAM_BITS = 16, 256


@dataclass(frozen=True, slots=True)
class Ice40Configuration:
    """Hold every bit of a bitstream.

    Parameters
    ----------
    device : str
        Icestorm's name: ``8k``, ``5k``, ...
    kinds : mapping of Tile to str
        ``logic``, ``io``, ``ramb``, ...
    bits : bool[height, width, 16, 54]
        By row and column of the tile, then of the bit.
    memories : mapping of Tile to tuple of int
        First contents: sixteen numbers of 256 bits, as in the parameters ``INIT_0`` to ``INIT_F``.
    extra : frozenset of (int, int, int)
        Bits outside the tiles that are set: bank, column, row.
    """

    device: str
    kinds: Mapping[Tile, str]
    bits: NDArray[np.bool_]
    memories: Mapping[Tile, tuple[int, ...]]
    extra: frozenset[tuple[int, int, int]]


def read_ice40_text(text: str, name: str = "configuration") -> Ice40Configuration:
    """Read a configuration's text.

    Parameters
    ----------
    text : str
    name : str
        What messages call it.

    Returns
    -------
    Ice40Configuration

    Raises
    ------
    InvalidFileError
        If it is something else, or cut short.
    """
    reader = _Reader(name)
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            reader.take(line.strip())
        except (ValueError, IndexError):
            raise InvalidFileError(
                f"{name}, line {number}: must be a line of an iCE40 configuration, not "
                f"{line[:40]!r}; unpack the bitstream again"
            ) from None
    return reader.configuration()


class _Reader:
    """Gather the lines of one text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._device = ""
        self._kinds: dict[Tile, str] = {}
        self._tiles: dict[Tile, list[str]] = {}
        self._memories: dict[Tile, list[str]] = {}
        self._extra: set[tuple[int, int, int]] = set()
        self._rows: list[str] | None = None

    def take(self, line: str) -> None:
        """Take one line."""
        if not line.startswith("."):
            if line and self._rows is not None:
                int(line, 16)
                self._rows.append(line)
            return
        word, *rest = line.split()
        self._rows = None
        if word == ".device":
            (self._device,) = rest
        elif word == ".extra_bit":
            bank, column, row = map(int, rest)
            self._extra.add((bank, column, row))
        elif word == ".ram_data":
            self._rows = self._memories.setdefault(self._tile(rest), [])
        elif word.endswith("_tile") and word[1:-5] in TILE_KINDS:
            tile = self._tile(rest)
            self._kinds[tile] = word[1:-5]
            self._rows = self._tiles.setdefault(tile, [])

    @staticmethod
    def _tile(words: list[str]) -> Tile:
        x, y = map(int, words)
        if not (0 <= x < 64 and 0 <= y < 64):
            raise ValueError
        return x, y

    def configuration(self) -> Ice40Configuration:
        """Put it together."""
        if not self._device or not self._tiles:
            raise InvalidFileError(
                f"{self._name}: must name a device and hold tiles, but does not; "
                "unpack the bitstream again"
            )
        width, height = (1 + max(tile[k] for tile in self._tiles) for k in (0, 1))
        bits = np.zeros((height, width, ROWS, COLUMNS), dtype=np.bool_)
        for (x, y), rows in self._tiles.items():
            if len(rows) != ROWS or len({len(row) for row in rows}) != 1 or len(rows[0]) > COLUMNS:
                raise InvalidFileError(
                    f"{self._name}, tile {x} {y}: must have {ROWS} rows of at most {COLUMNS} "
                    "bits, but has not; unpack the bitstream again"
                )
            values = np.frombuffer("".join(rows).encode(), dtype=np.uint8).reshape(ROWS, -1)
            bits[y, x, :, : values.shape[1]] = values == ord("1")
        return Ice40Configuration(
            device=self._device,
            kinds=self._kinds,
            bits=bits,
            memories={tile: self._contents(tile, rows) for tile, rows in self._memories.items()},
            extra=frozenset(self._extra),
        )

    def _contents(self, tile: Tile, rows: list[str]) -> tuple[int, ...]:
        if len(rows) != _RAM_WORDS or any(len(row) != _RAM_BITS // 4 for row in rows):
            raise InvalidFileError(
                f"{self._name}, memory {tile[0]} {tile[1]}: must have {_RAM_WORDS} rows of "
                f"{_RAM_BITS} bits, but has not; unpack the bitstream again"
            )
        return tuple(int(row, 16) for row in rows)
