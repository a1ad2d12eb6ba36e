"""What must still be there after synthesis: copies, names, cheap adders; and cells equal tables."""

import json
import re
import subprocess
from functools import partial

import numpy as np
import pytest
from amaranth.back import rtlil

from lutloom import ir
from lutloom.emit import emit_rtlil, yosys
from lutloom.emit.text import with_internal_cells
from lutloom_hw.layer import LutLayer
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.vote import Vote


def run_yosys(script, work_dir=None):
    return subprocess.run(
        [*yosys.yosys_command(), "-q", "-"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        cwd=work_dir,
    )


@pytest.fixture
def synthesise(tmp_path):
    return partial(_synthesise, tmp_path)


def _synthesise(work_dir, text, *commands):
    script = [f"read_rtlil <<rtlil\n{text}\nrtlil", *commands]
    result = run_yosys("\n".join([*script, "write_json netlist.json"]), work_dir)
    assert result.returncode == 0, result.stderr
    return json.loads((work_dir / "netlist.json").read_text())["modules"]


def stage_rtlil(stage, name):
    ports = [stage.i.payload, stage.i.valid, stage.o.payload, stage.o.valid]
    return with_internal_cells(rtlil.convert(stage, name=name, ports=ports, emit_src=False))


def flip_flops(module):
    return [cell for cell in module["cells"].values() if re.search("DFF|TRELLIS_FF", cell["type"])]


@pytest.mark.parametrize("synth", ["synth_ice40", "synth_ecp5 -nowidelut"])
def test_every_rank_of_every_group_survives_synthesis(random_network, synthesise, synth):
    network = random_network(np.random.default_rng(1), layers=((30, 4),), n_classes=3)
    options = PipelineOptions(class_groups=3)
    groups = Pipeline(network, options).stages["groups"]
    modules = synthesise(
        emit_rtlil(network, options, "pipeline"),
        f"{synth} -noflatten -top lutloom_pipeline",
    )
    for number, group in enumerate(groups.groups):
        module = modules[f"lutloom_pipeline.groups.group{number}"]
        assert len(flip_flops(module)) == group.held.size + 1  # and valid


def test_neurons_keep_their_names(random_network, synthesise):
    network = random_network(np.random.default_rng(1), layers=((30, 4),), n_classes=3)
    text = emit_rtlil(network, PipelineOptions(family="ice40"), "pipeline")
    module = synthesise(text, "synth_ice40 -top lutloom_pipeline")["lutloom_pipeline"]
    names = {name.split(".")[-1] for name in module["netnames"]}
    layer = network.layers[0]
    tables = zip(layer.table.tolist(), layer.fan_in_count.tolist(), strict=True)
    varies = np.array([0 < table.bit_count() < 1 << count for table, count in tables])
    assert varies.sum() > 10
    assert {f"layer1_n{n:04d}" for n in np.flatnonzero(varies)} <= names


def prove_styles(tables_gold, tables_gate):
    fan_in = [[0, 1, 2, 3, 4, 5], [5, 3, -1, -1, -1, -1], [2, 0, 4, -1, -1, -1]]
    texts = [
        stage_rtlil(
            LutLayer(ir.LutLayer(fan_in, tables, [0, 1, 2]), n_inputs=6, number=1, lut_style=style),
            name,
        )
        for name, style, tables in (
            ("gold", "expression", tables_gold),
            ("gate", "cell", tables_gate),
        )
    ]
    return run_yosys(
        "\n".join(
            [
                *(f"read_rtlil <<rtlil\n{text}\nrtlil" for text in texts),
                "proc",
                "miter -equiv -flatten gold gate miter",
                "sat -verify -tempinduct -prove trigger 0 -seq 1 miter",
            ]
        )
    ).returncode


def test_cells_and_expressions_are_proven_equal_and_a_wrong_bit_is_found():
    tables = [0x0123456789ABCDEF, 0b0110, 0b11010010]
    assert prove_styles(tables, tables) == 0
    assert prove_styles(tables, [tables[0] ^ 1 << 37, *tables[1:]]) != 0


@pytest.mark.parametrize(("n_votes", "cells"), [(32, 60), (64, 112)])
def test_a_vote_takes_few_ice40_cells(synthesise, n_votes, cells):
    """Tables, carries without a table and flip-flops without a table; valid included."""
    head = ir.VoteHead(np.arange(n_votes), np.zeros(n_votes), [0])
    stage = Vote(head, n_inputs=n_votes, form="carry", register_every=2)
    text = stage_rtlil(stage, "vote")
    module = synthesise(text, "synth_ice40 -top vote")["vote"]
    kinds = {"SB_LUT4": {}, "SB_CARRY": {}, "DFF": {}}
    for name, cell in module["cells"].items():
        kind = "DFF" if "DFF" in cell["type"] else cell["type"]
        kinds.setdefault(kind, {})[name] = {p: b[0] for p, b in cell["connections"].items()}
    tables = kinds["SB_LUT4"].values()
    made = {cell["O"] for cell in tables}
    lone_flip_flops = sum(cell["D"] not in made for cell in kinds["DFF"].values())
    places = {(cell["I1"], cell["I2"], cell["I3"]) for cell in tables}
    lone_carries = sum(
        (cell["I0"], cell["I1"], cell["CI"]) not in places for cell in kinds["SB_CARRY"].values()
    )
    assert 0 < len(tables) + lone_flip_flops + lone_carries <= cells
