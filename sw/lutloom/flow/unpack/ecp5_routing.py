"""Where the signal on a wire of an ECP5 comes from: configured arcs, fixed ones, global networks.

A wire is a column, a row and a name.  Tiles name wires from where they stand (``E1_H02W0501`` is
``H02W0501`` one column to the east); names that begin with ``G_`` are the same everywhere, but for
the parts of the clock tree that lie in rows and columns.  The rules are those of Project Trellis's
``RoutingGraph.cpp`` and of nextpnr's ``globals.cc``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lutloom.errors import ToolError
from lutloom.flow.unpack.ecp5_files import database_folder, read_device_file
from lutloom.flow.unpack.ecp5_text import Ecp5Configuration

Wire = tuple[int, int, str]
"""Column, row, name."""

_PLACE = re.compile(r"R(\d+)C(\d+)")
_RELATIVE = re.compile(r"([NS]\d+)?([EW]\d+)?_(.*)")
_OWN_SIZE = re.compile(r"(25|45|85)K_")
_IN_PLACE = re.compile(r"G_(VPTX|HPBX|HPRX)")
_DRIVER = re.compile(r"(?:F[0-7]|F5[A-D]|FX[A-D]|Q[0-7]|FCO[A-C]?)_SLICE|JPADDI[A-D]_PIO")
_DCC = re.compile(r"G_CLKO_(.DCC\w+)")
_TIED = re.compile(r"J[A-D][0-7]")
_STEPS_MAX = 500


def place_of(tile: str) -> tuple[int, int]:
    """Give the column and row a tile's name says."""
    match = _PLACE.search(tile)
    if match is None:
        raise ToolError(f"chip database: tile {tile} must say its place; use another database")
    return int(match[2]), int(match[1])


@dataclass(frozen=True, slots=True)
class _Rule:
    """Say that tiles of a kind connect a wire of theirs whatever is configured."""

    kind: str
    dx: int
    dy: int
    source: str


class Ecp5Routing:
    """Follow wires of a configured chip to what drives them.

    Parameters
    ----------
    configuration : Ecp5Configuration

    Raises
    ------
    MissingExtraError, InvalidFileError
        If the chip database is missing.
    ToolError
        If two arcs lead to one wire.
    """

    def __init__(self, configuration: Ecp5Configuration) -> None:
        device = configuration.device
        self._size = f"{device[-3:-1]}K_"
        grid = read_device_file(device, "tilegrid.json")
        self._globals = read_device_file(device, "globals.json")
        self._kinds = defaultdict[tuple[int, int], set[str]](set)
        for name, tile in grid.items():
            self._kinds[place_of(name)].add(tile["type"])
        self._last_column = max(x for x, _ in self._kinds)
        self._rules = self._read_rules({tile["type"] for tile in grid.values()})
        self._arcs: dict[Wire, Wire] = {}
        self._ties: dict[Wire, str] = {}
        for name, tile in configuration.tiles.items():
            x, y = place_of(name)
            for key, value in tile.enums.items():
                if key.startswith("CIB.") and value in "01":
                    self._ties[x, y, key[4:-3]] = value
            for sink, source in tile.arcs:
                self._add(self._wire(x, y, sink), self._wire(x, y, source))

    def _add(self, sink: Wire | None, source: Wire | None) -> None:
        if sink is None or source is None:
            return
        if self._arcs.setdefault(sink, source) != source:
            raise ToolError(
                f"bitstream, {_say(sink)}: only one arc may lead to a wire, not from "
                f"{_say(self._arcs[sink])} and from {_say(source)}; the bitstream is damaged"
            )

    def _wire(self, x: int, y: int, name: str) -> Wire | None:
        """Give the wire a tile at a place calls by a name; None: of chips of another size."""
        if _OWN_SIZE.match(name):
            if not name.startswith(self._size):
                return None
            name = name[4:]
        if x >= 69:
            name = name.replace("PCSA", "PCSB")
        if name.startswith(("G_", "L_", "R_")):
            return (x, y, name) if name[0] != "G" or _IN_PLACE.match(name) else (0, 0, name)
        match = _RELATIVE.fullmatch(name)
        if match and (match[1] or match[2]):
            for step in filter(None, match.groups()[:2]):
                count = int(step[1:])
                x += {"E": count, "W": -count}.get(step[0], 0)
                y += {"S": count, "N": -count}.get(step[0], 0)
            name = match[3]
        return x, y, name

    def _read_rules(self, kinds: set[str]) -> dict[str, list[_Rule]]:
        """Read fixed connections and the arcs that hold where none is configured."""
        rules = defaultdict[str, list[_Rule]](list)
        folder = database_folder() / "tiledata"
        for kind in sorted(kinds):
            path = folder / kind / "bits.db"
            for sink, source in _unconditional(path.read_text() if path.is_file() else ""):
                if source.endswith("_CIBTEST") or source.endswith("BOUNCE"):
                    continue  # no signal comes from there
                wire = self._wire(0, 0, sink)
                if wire is not None:
                    rules[wire[2]].append(_Rule(kind, wire[0], wire[1], source))
        return rules

    def origin(self, wire: Wire) -> Wire | str | None:
        """Find what drives a wire.

        Parameters
        ----------
        wire : Wire

        Returns
        -------
        Wire, str or None
            A cell's output, the constant ``"0"`` or ``"1"``, or None where nothing leads to it.
        """
        seen = set[Wire]()
        waiting = [wire]
        while waiting and len(seen) < _STEPS_MAX:
            wire = waiting.pop()
            if wire in seen:
                continue
            seen.add(wire)
            if _DRIVER.fullmatch(wire[2]):
                return wire
            if wire in self._arcs:
                waiting = [self._arcs[wire]]
                continue
            if wire in self._ties and _TIED.fullmatch(wire[2]):
                return self._ties[wire]
            waiting += [*self._clock_tree(wire), *self._fixed(wire)]
        return None

    def last(self, wire: Wire) -> Wire:
        """Give the last wire on the way back from one, for messages."""
        for _ in range(_STEPS_MAX):
            before = self._arcs.get(wire)
            if before is None:
                return wire
            wire = before
        return wire

    def arc(self, wire: Wire) -> Wire | None:
        """Give the source of the arc configured to a wire."""
        return self._arcs.get(wire)

    def divert(self, wire: Wire, source: Wire) -> None:
        """Put another source in place of the one configured."""
        self._arcs[wire] = source

    def _fixed(self, wire: Wire) -> Iterator[Wire]:
        x, y, name = wire
        for rule in self._rules.get(name, ()):
            if name.startswith("G_") and not _IN_PLACE.match(name):
                places = [place for place, kinds in self._kinds.items() if rule.kind in kinds]
            else:
                places = [(x - rule.dx, y - rule.dy)]
            for place in places:
                if rule.kind in self._kinds.get(place, ()):
                    source = self._wire(*place, rule.source)
                    if source is not None:
                        yield source

    def _clock_tree(self, wire: Wire) -> Iterator[Wire]:
        """Go up the clock tree: row in a tile, tap, spine, quadrant, clock buffer."""
        x, y, name = wire
        if name.startswith("G_HPBX"):
            for tap, span in self._globals["taps"].items():
                for side in ("l", "r"):
                    if span[f"{side}x0"] <= x <= span[f"{side}x1"]:
                        yield int(tap[1:]), y, f"{side.upper()}_{name[2:]}"
        elif name.startswith("G_VPTX"):
            spine = self._globals["spines"].get(f"{self._quadrant(x, y)}{x}")
            if spine is not None and (x, y) != (spine["x"], spine["y"]):
                yield spine["x"], spine["y"], name
        elif name.startswith("G_HPRX"):
            yield 0, 0, f"G_{self._quadrant(x, y)}PCLK{int(name[6:8])}"
        elif match := _DCC.fullmatch(name):
            yield 0, 0, f"G_CLKI_{match[1]}"

    def _quadrant(self, x: int, y: int) -> str:
        for name, area in self._globals["quadrants"].items():
            if area["x0"] <= x <= area["x1"] and area["y0"] <= y <= area["y1"]:
                return str(name)
        return ""


def _unconditional(text: str) -> Iterator[tuple[str, str]]:
    """Read sink and source of connections that need no bit."""
    sink = ""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == ".fixed_conn":
            yield words[1], words[2]
        if words[0].startswith("."):
            sink = words[1] if words[0] == ".mux" else ""
        elif sink and words[1:] == ["-"]:
            yield sink, words[0]


def _say(wire: Wire) -> str:
    return f"wire {wire[2]} at R{wire[1]}C{wire[0]}"
