from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lutloom.errors import ToolError
from lutloom.flow import synthesise
from lutloom.flow.netlist import Cell, read_netlist
from lutloom.flow.style import pipeline_part_of as part_of
from lutloom.flow.synth import _count_flat
from lutloom.lower.estimate import estimate


def test_parts_are_told_by_name() -> None:
    assert part_of("lutloom_top.pipeline.layer12") == "layers"
    assert part_of("lutloom_top.pipeline.groups.group3") == "input"
    assert part_of("lutloom_top.pipeline.groups.group3.layer2") == "layers"
    assert part_of("lutloom_top.loader") == "loader"
    assert part_of("lutloom_top.pipeline.gate") == "other"
    assert part_of("lutloom_top.pipeline.layer") == "other"


def test_one_lut_and_one_flip_flop_a_neuron(small: Any) -> None:
    read = set(small.network.layers[1].fan_in.ravel().tolist())
    neurons = len(read) + small.network.layers[1].n_neurons
    layers = small.synthesis.by_part["layers"]
    assert neurons - 2 <= layers.lut4 <= neurons  # a random table may be a constant or a wire
    assert neurons <= layers.ff <= neurons + small.synthesis.resources.ff


def test_every_part_is_counted(small: Any) -> None:
    by_part = small.synthesis.by_part
    assert all(by_part[part].lut4 > 0 for part in ("layers", "vote", "argmax", "loader"))
    assert by_part["input"].ff == 0
    assert small.synthesis.resources.lut4 == sum(part.lut4 for part in by_part.values())
    assert small.synthesis.pins == 2 + (32 + 2) + (2 + 2)


def test_ranks_of_class_groups_are_not_merged(wide: Any) -> None:
    expected = estimate(wide.network, wide.options).by_part["input"]
    assert wide.synthesis.by_part["input"].ff == expected.ff


def test_wide_tables_cost_what_the_family_gives(wide: Any) -> None:
    netlist = read_netlist(wide.synthesis.folder / "netlist.json")
    cells = sum(
        (netlist.primitives(m) for n, m in netlist.own_modules() if part_of(n) == "layers"),
        start=netlist.primitives(netlist.modules["lutloom_top"]),
    )
    if wide.options.family == "ecp5":
        assert cells["PFUMX"] > 0
        assert cells["L6MUX21"] > 0
    else:
        assert set(cells) <= {"SB_LUT4", "SB_DFF", "SB_DFFSR"}


def test_a_cell_that_appears_in_flattening_is_caught(small: Any) -> None:
    folder = small.synthesis.folder
    kind = "SB_DFF" if small.options.family == "ice40" else "TRELLIS_FF"
    netlist, flat = (read_netlist(folder / name) for name in ("netlist.json", "flat.json"))
    flat.modules["lutloom_top"].cells["stray"] = Cell(kind, {})
    with pytest.raises(ToolError, match="must add no cell, but stray"):
        _count_flat(netlist, flat, "lutloom_top")


def test_a_design_that_is_no_rtlil(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"yosys: must end with status 0.*ERROR.*synth\.log"):
        synthesise("module \\lutloom_top\n  wire wire\nend\n", "ice40", tmp_path)


SAME = """
import sys
from pathlib import Path
from lutloom.emit import emit_rtlil
from lutloom.flow import find_device, place_and_route, synthesise
from lutloom.lower.random_network import random_network
from lutloom_hw.options import PipelineOptions
network = random_network(9, (12, 4), n_classes=2, image=(4, 4), thresholds=(100,))
rtlil = emit_rtlil(network, PipelineOptions(family=sys.argv[1]), "top")
device = find_device({"ice40": "hx8k", "ecp5": "25k"}[sys.argv[1]])
synthesis = synthesise(rtlil, sys.argv[1], Path(sys.argv[2]))
place_and_route(synthesis, device, (1,))
"""


@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_the_same_input_gives_the_same_bits(family: str, tmp_path: Path) -> None:
    digests = []
    for number, folder in ((1, "here"), (2, "far/away/ über dort")):
        subprocess.run(
            [sys.executable, "-c", SAME, family, str(tmp_path / folder)],
            env={**os.environ, "PYTHONHASHSEED": str(number), "TZ": f"UTC+{number}"},
            check=True,
        )
        made = sorted((tmp_path / folder).glob("*.json")) + sorted(
            (tmp_path / folder).glob("*.bi*")
        )
        made = [path for path in made if not path.name.startswith("nextpnr")]
        assert len(made) >= 4
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made})
    assert digests[0] == digests[1]
