"""What a bitstream configures, rebuilt from it alone: the network, and any planted fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lutloom.errors import LutloomError
from lutloom.flow import find_device, synthesise_and_route
from lutloom.flow.bitstream import UNPACKED, bitstream_name
from lutloom.flow.netlist import read_netlist
from lutloom.flow.synth import FLAT_JSON
from lutloom.flow.unpack import unpack_netlist
from lutloom.flow.unpack.placement import PLACEMENT, read_placement
from lutloom.flow.unpack.rebuild import rebuild_text
from lutloom.lower import lower
from lutloom.lower.random_network import random_network
from lutloom_sim.bitstream_tables import compare_tables
from lutloom_sim.netlist_run import simulate_bitstream

NETWORK = lower(random_network(1, (40, 20), image=(6, 7))).network
IMAGES = np.random.default_rng(0).integers(0, 256, (200, 6, 7), dtype=np.uint8)


@pytest.fixture(scope="module", params=["hx8k", "up5k", "25k"])
def built(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    chip = find_device(request.param)
    from lutloom_hw.options import PipelineOptions

    options = PipelineOptions(family=chip.family, pixels_per_beat=3)
    synthesise_and_route(NETWORK, chip, seeds=(1,), folder=folder, options=options)
    return chip, folder


def simulate(netlist, folder):
    placed = read_placement(folder / PLACEMENT)
    return simulate_bitstream(netlist, placed.pins, NETWORK, IMAGES, pixels_per_beat=3)


def tables(netlist, folder):
    placed = read_placement(folder / PLACEMENT)
    return compare_tables(NETWORK, read_netlist(folder / FLAT_JSON), netlist, placed.drivers)


def test_it_answers_as_the_network_does(built):
    chip, folder = built
    netlist = unpack_netlist(folder / bitstream_name(chip.family), chip)
    found = simulate(netlist, folder)
    assert (found.images, found.mismatches) == (len(IMAGES), 0)


def test_every_table_is_in_it(built):
    chip, folder = built
    netlist = unpack_netlist(folder / bitstream_name(chip.family), chip)
    found = tables(netlist, folder)
    assert found.differ == 0
    assert found.tables + found.unplaced == NETWORK.n_neurons
    assert found.tables > 50


def flip_table_bits(text: str, family: str) -> list[str]:
    """Give texts with one bit of one look-up table turned, each another."""
    changed = []
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if family == "ecp5" and ".INIT " in line and set(line.split()[-1]) == {"0", "1"}:
            at = len(line.rstrip()) - 1
        elif family == "ice40" and number and lines[number - 1].startswith(".logic_tile"):
            at = 40  # entry 0 of the tile's first cell
            if "1" not in line[36:46]:
                continue
        else:
            continue
        turned = line[:at] + ("1" if line[at] == "0" else "0") + line[at + 1 :]
        changed.append("".join([*lines[:number], turned, *lines[number + 1 :]]))
    return changed


def test_a_turned_bit_of_a_neuron_s_table_is_found(built):
    """Of bits turned in any cells some are a neuron's; all of these must be told."""
    chip, folder = built
    unpack_netlist(folder / bitstream_name(chip.family), chip)
    text = (folder / UNPACKED).read_text()
    found = 0
    for changed in flip_table_bits(text, chip.family)[::3]:
        try:
            found += tables(rebuild_text(changed, chip), folder).differ
        except LutloomError:
            found += 1
        if found:
            break
    assert found


def test_a_bitstream_that_is_not_there(built, tmp_path: Path):
    chip, _ = built
    with pytest.raises(LutloomError, match="must be a bitstream"):
        unpack_netlist(tmp_path / "none.bin", chip)
