from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from lutloom import ir
from lutloom.errors import MismatchError
from lutloom.flow import netlist_verilog
from lutloom.flow.cells import cell_models
from lutloom.flow.netlist import read_netlist
from lutloom.flow.toolchain import Command, run
from lutloom_sim.beats import image_beats, pixel_beats
from lutloom_sim.netlist import NetlistSimulator
from lutloom_sim.netlist_run import run_lanes


def read_back(design: Any, top: Literal["pipeline", "top"], folder: Path) -> NetlistSimulator:
    """Read the Verilog with Yosys and simulate its cells as another program understands them."""
    models = cell_models(design.options.family)
    verilog = netlist_verilog(design.synthesis, top)
    assert verilog.startswith(models)
    (folder / "cells.v").write_text(models)
    (folder / "netlist.v").write_text(verilog.removeprefix(models))
    name = f"lutloom_{top}"
    script = (
        f"read_verilog -lib cells.v; read_verilog netlist.v; hierarchy -check -top {name}; flatten;"
        " opt_clean; delete t:$scopeinfo; write_json flat.json"
    )
    run(Command("yosys", ("-q", "-p", script), folder, "log", ("flat.json",)))
    return NetlistSimulator(read_netlist(folder / "flat.json"), name)


@pytest.mark.parametrize("top", ["pipeline", "top"])
@pytest.mark.parametrize("which", [0, 1])
def test_the_verilog_answers_as_the_network(
    top: Literal["pipeline", "top"], which: int, small: Any, wide: Any, tmp_path: Path
) -> None:
    design = (small, wide)[which]
    encoder = design.network.encoder
    shape = (64, encoder.height, encoder.width)
    images = np.random.default_rng(6).integers(0, 256, shape, dtype=np.uint8)
    if top == "pipeline":
        beats = image_beats(encoder, images)
    else:
        beats = pixel_beats(encoder, images, design.options.pixels_per_beat)
    simulator = read_back(design, top, tmp_path)
    answers = run_lanes(simulator, beats.reshape(16, -1, beats.shape[1]), 4).answers
    assert np.array_equal(answers, ir.classify(design.network, images))


def test_a_design_without_a_pipeline(planted: Any) -> None:
    rtl = planted.synthesis.folder / "rtl.json"
    rtl.write_text(rtl.read_text().replace("lutloom_top.pipeline", "lutloom_top.other"))
    with pytest.raises(MismatchError, match=r"must have a module lutloom_top\.pipeline"):
        netlist_verilog(planted.synthesis)
