"""Places for ranks: inside the chip, each its own, neighbours near each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lutloom.errors import ToolError
from lutloom.flow.devices import find_device
from lutloom.flow.floorplan import (
    Rectangle,
    logic_rows,
    place_bits,
    plan_rectangles,
    write_floorplan,
)
from lutloom.lower.random_network import random_network
from lutloom_hw.class_groups import ClassGroups

NETWORK = random_network(1, (60, 30), image=(28, 28), thresholds=(100,))


def make_groups(n_groups: int = 10) -> ClassGroups:
    return ClassGroups(
        NETWORK, n_groups=n_groups, score_ranks=2, lut_style="cell",
        vote_form="compressor", vote_register_every=1,
    )  # fmt: skip


@pytest.mark.parametrize(("device", "rows", "columns"), [("25k", 44, 70), ("85k", 85, 124)])
def test_rows_of_logic_are_read_from_the_database(device: str, rows: int, columns: int) -> None:
    found, last = logic_rows(find_device(device))
    assert (len(found), last) == (rows, columns)


@pytest.mark.parametrize("n_groups", [1, 2, 3, 10])
@pytest.mark.parametrize("flip_flops", [40, 1000, 1900])
def test_rectangles_are_inside_the_chip_and_apart(n_groups: int, flip_flops: int) -> None:
    rows, columns = logic_rows(find_device("25k"))
    groups = make_groups(n_groups)
    rectangles = plan_rectangles(groups, [flip_flops] * n_groups, rows, columns)
    taken: set[tuple[int, int]] = set()
    for rectangle in rectangles:
        tiles = {
            (x, row)
            for x in range(rectangle.x, rectangle.x + rectangle.width)
            for row in rectangle.rows
        }
        assert taken.isdisjoint(tiles)
        taken |= tiles
        assert rectangle.x >= 2
        assert rectangle.x + rectangle.width - 1 <= columns
        assert set(rectangle.rows) <= set(rows)
    for hop, rectangle in zip(groups.hops, rectangles, strict=True):
        if hop.after is not None:
            assert rectangle.x - rectangles[hop.after].x == rectangle.width


def test_pixels_that_are_neighbours_get_places_that_are() -> None:
    bits = np.arange(28 * 28, dtype=np.int32)
    rectangle = Rectangle(10, 14, tuple(range(20, 34)))
    tiles = np.array(place_bits(bits, rectangle, image_width=28, n_thresholds=1))
    assert tiles.min(axis=0).tolist() == [10, 20]
    assert tiles.max(axis=0).tolist() == [23, 33]
    image = tiles.reshape(28, 28, 2)
    assert np.abs(np.diff(image, axis=0)).max() <= 1
    assert np.abs(np.diff(image, axis=1)).max() <= 1


def make_netlist(path: Path, groups: ClassGroups) -> None:
    cells, netnames, wire = {}, {}, 2
    for number, group in enumerate(groups.groups):
        bits: list[int | str] = ["0"] * NETWORK.encoder.n_bits
        for bit in group.held.tolist():
            bits[bit] = wire
            cells[f"pipeline.groups.group{number}.rank_{bit}"] = {
                "type": "TRELLIS_FF", "connections": {"Q": [wire]}, "attributes": {},
            }  # fmt: skip
            wire += 1
        netnames[f"pipeline.groups.group{number}.layer1.i__payload"] = {"bits": bits}
    path.write_text(json.dumps({"modules": {"top": {"cells": cells, "netnames": netnames}}}))


def test_every_flip_flop_of_a_rank_gets_a_place_of_its_own(tmp_path: Path) -> None:
    groups = make_groups()
    path = tmp_path / "flat.json"
    make_netlist(path, groups)
    placed = write_floorplan(groups, find_device("25k"), path, "top")
    cells = json.loads(path.read_text())["modules"]["top"]["cells"]
    places = [cell["attributes"]["BEL"] for cell in cells.values() if cell["attributes"]]
    assert placed == len(places) == len(set(places))
    assert placed > 0.9 * len(cells)
    before = path.read_bytes()
    write_floorplan(groups, find_device("25k"), path, "top")
    assert path.read_bytes() == before


def test_a_netlist_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.json"
    path.write_text(json.dumps({"modules": {"top": {"cells": {}, "netnames": {}}}}))
    with pytest.raises(ToolError, match=r"must have a wire pipeline\.groups\.group0"):
        write_floorplan(make_groups(), find_device("25k"), path, "top")
