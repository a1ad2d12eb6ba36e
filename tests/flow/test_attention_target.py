"""An attention engine from RTLIL to a proven netlist; planted faults turn it red."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from attention_binary import make_layer as make_binary_layer
from attention_engine import make_layer

from lutloom.attention.batch import random_batch
from lutloom.emit import ATTENTION_TOP, emit_attention_rtlil
from lutloom.errors import InvalidRecipeError
from lutloom.flow import check_fit, find_device
from lutloom.flow.attention_target import (
    attention_netlist,
    prove_attention,
    synthesise_attention,
)
from lutloom.flow.devices import FpgaFamily
from lutloom.flow.results import PartProof, Resources
from lutloom.flow.style import attention_part_of, attention_style
from lutloom.flow.synth import NETLIST, NETLIST_VERILOG, Synthesis, synthesise
from lutloom_hw.attention_options import AttentionOptions
from lutloom_sim.attention import simulate_attention

LAYER = make_layer(multiplier=[300, 500], value_shift=[0, 1], pattern="local_strided", stride=4)
OPTIONS = {
    "ice40": AttentionOptions(lanes=2, features_per_beat=1, row_memory="single_port"),
    "ecp5": AttentionOptions(lanes=4),
}
DEVICES = {"ice40": "up5k", "ecp5": "25k"}
BLOCKS = re.compile(r"rows|queries|scores\.memory|weights\.(low|high|powers)|lanes\.multiplier\d")


@pytest.fixture(scope="module")
def synthesis(family: FpgaFamily, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    rtlil = emit_attention_rtlil(LAYER, OPTIONS[family])
    folder = tmp_path_factory.mktemp("attention")
    return synthesise(rtlil, family, folder, top=ATTENTION_TOP, style=attention_style(True))


@pytest.fixture(scope="module")
def proofs(synthesis: Synthesis) -> tuple[PartProof, ...]:
    return prove_attention(synthesis)


def test_all_but_memories_and_multipliers_is_proven(proofs: tuple[PartProof, ...]) -> None:
    open_parts = {proof.part: proof for proof in proofs if not proof.proven}
    assert all(BLOCKS.fullmatch(part) for part in open_parts), open_parts.keys()
    for proof in open_parts.values():
        assert re.fullmatch(r"holds a (memory|multiplier), which SAT does not reach", proof.reason)
        assert (proof.method, proof.outputs) == ("none", 0)
    proven = {proof.part for proof in proofs if proof.proven}
    assert {"engine", "intake", "sequencer", "scores", "weights", "lanes", "divider"} <= proven
    assert {"wiring", "cells", "input_register", "output_register"} <= proven
    assert all(proof.outputs > 0 for proof in proofs if proof.proven)


def test_multipliers_and_memories_are_used_and_counted(synthesis: Synthesis) -> None:
    total = synthesis.resources
    lanes = OPTIONS[synthesis.family].lanes
    assert total.dsp == lanes + 2
    assert synthesis.by_part["lanes"].dsp == lanes
    assert total.bram >= 1
    assert sum(part.lut4 for part in synthesis.by_part.values()) == total.lut4


def test_a_long_context_lies_in_the_large_memory_of_up5k(tmp_path: Path) -> None:
    layer = make_layer(head_size=64, context=512)
    options = AttentionOptions(lanes=2, features_per_beat=1, row_memory="single_port")
    synthesis = synthesise(
        emit_attention_rtlil(layer, options), "ice40", tmp_path, top=ATTENTION_TOP,
        style=attention_style(True),
    )  # fmt: skip
    check_fit(synthesis, find_device("up5k"))
    assert synthesis.resources.spram == synthesis.by_part["rows"].spram == 2


@pytest.mark.parametrize("stall_probability", [0.0, 0.4])
def test_the_netlist_gives_the_models_integers(
    synthesis: Synthesis, stall_probability: float
) -> None:
    netlist = attention_netlist(synthesis.folder, DEVICES[synthesis.family])
    found = simulate_attention(
        LAYER, random_batch(LAYER.config, 3), options=OPTIONS[synthesis.family], engine="bulk",
        optimise="quick", sources=(netlist,), stall_probability=stall_probability,
    )  # fmt: skip
    assert (found.design, found.differing, found.marks_differing) == ("netlist", 0, 0)
    assert found.compared == 3 * 2 * 16 * 8


def test_a_wrong_cell_is_caught_by_proof(synthesis: Synthesis, tmp_path: Path) -> None:
    shutil.copytree(synthesis.folder, tmp_path, dirs_exist_ok=True)
    planted = dataclasses.replace(synthesis, folder=tmp_path)
    path = tmp_path / NETLIST
    text = path.read_text()
    start = text.index(f"module \\{ATTENTION_TOP}.engine.divider\n")
    found = re.compile(r"INIT 16'([01]{16})").search(text, start)
    assert found is not None
    inverted = found[1].translate(str.maketrans("01", "10"))
    path.write_text(text[: found.start(1)] + inverted + text[found.end(1) :])
    proofs = {proof.part: proof for proof in prove_attention(planted)}
    assert not proofs["divider"].proven
    assert "open" in proofs["divider"].reason
    assert proofs["intake"].proven


def test_a_wrong_memory_is_caught_by_simulation(synthesis: Synthesis) -> None:
    text = (synthesis.folder / NETLIST_VERILOG).read_text()
    contents = re.compile(r"(\.INIT(?:VAL)?_0?0\(\d+'h)([0-9a-fx]+)")
    found = next(m for m in contents.finditer(text) if set(m[2]) - set("0x"))
    wrong = text[: found.start(2)] + "1" * len(found[2]) + text[found.end(2) :]
    netlist = attention_netlist(synthesis.folder, DEVICES[synthesis.family])
    assert text in netlist
    result = simulate_attention(
        LAYER, random_batch(LAYER.config, 1), options=OPTIONS[synthesis.family], engine="bulk",
        optimise="quick", sources=(netlist.replace(text, wrong),),
    )  # fmt: skip
    assert result.differing > 0


def test_attention_by_codes_needs_no_multiplier_and_is_proven(
    family: FpgaFamily, tmp_path: Path
) -> None:
    layer = make_binary_layer(n_kept=[2, 4], group_size=2)
    options = AttentionOptions(lanes=2, features_per_beat=1)
    synthesis = synthesise(
        emit_attention_rtlil(layer, options), family, tmp_path, top=ATTENTION_TOP,
        style=attention_style(False),
    )  # fmt: skip
    assert synthesis.resources.dsp == 0
    proofs = {proof.part: proof for proof in prove_attention(synthesis)}
    for part in ("scorer", "summer", "match", "values", "candidates", "divider"):
        assert proofs[part].proven, proofs[part].reason


NEEDS = [
    (
        "25k",
        Resources(dsp=29),
        10,
        "needs 29 multipliers, 25k has 28; lower 'lanes' or",
    ),
    ("up5k", Resources(bram=31), 10, "needs 31 block memories, up5k has 30"),
    ("up5k", Resources(spram=5), 10, "needs 5 large memories, up5k has 4"),
    (
        "up5k",
        Resources(lut4=6000),
        10,
        "needs 6,000 LUT4s, up5k has 5,280; lower 'lanes' or",
    ),
    ("up5k", Resources(), 40, "at most 39 pins, not 40; lower 'features_per_beat'"),
]


@pytest.mark.parametrize(("device", "need", "pins", "message"), NEEDS)
def test_a_design_that_cannot_fit(
    synthesis: Synthesis, device: str, need: Resources, pins: int, message: str
) -> None:
    chip = find_device(device)
    too_large = dataclasses.replace(
        synthesis, family=chip.family, by_part={"lanes": need}, pins=pins
    )
    with pytest.raises(InvalidRecipeError, match=message):
        check_fit(too_large, chip)


def test_parts_are_named_by_the_engines_own_modules() -> None:
    names = {
        "lutloom_attention": "ports",
        "lutloom_attention.input_register": "ports",
        "lutloom_attention.engine": "engine",
        "lutloom_attention.engine.lanes.multiplier0": "lanes",
        "lutloom_attention.engine.engine1": "engine",
        "lutloom_attention.engine.engine12.scores.memory": "scores",
    }
    assert {name: attention_part_of(name) for name in names} == names


def test_the_whole_way_leaves_a_bitstream_and_a_manifest(tmp_path: Path) -> None:
    steps: list[str] = []
    result = synthesise_attention(
        LAYER, "25k", options=OPTIONS["ecp5"], folder=tmp_path, seeds=(1,), on_step=steps.append
    )
    assert steps == ["synthesis", "proof", "placement and routing"]
    assert result.routed
    assert result.bitstream_unpacked
    assert (result.dsp, result.spram) == (6, 0)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert re.fullmatch("[0-9a-f]{64}", manifest["network"])
    assert manifest["products"]["bitstream.bit"] == result.bitstream_sha256
    assert np.isfinite(result.fmax_mhz.median if result.fmax_mhz else np.nan)
