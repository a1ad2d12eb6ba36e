import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from lutloom import ir
from lutloom.emit import emit_rtlil, emit_verilog, yosys
from lutloom.errors import InvalidRecipeError, MissingExtraError, ToolError
from lutloom.files.network_onnx import write_network
from lutloom_hw.options import PipelineOptions


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(6)
    encoder = ir.ThermometerEncoder(3, 4, [60, 128])
    first = ir.LutLayer(
        rng.integers(0, 24, (20, 4)), rng.integers(0, 1 << 16, 20), np.arange(20) + 40
    )
    second = ir.LutLayer(rng.permutation(20).reshape(10, 2), rng.integers(0, 16, 10), [7] * 10)
    head = ir.VoteHead(np.arange(10), np.arange(10) // 5, [0, 1])
    return ir.verify(ir.Network(encoder, (first, second), head))


def ports(verilog, module):
    return re.search(rf"module {module}\((.*?)\);", verilog).group(1).split(", ")


@pytest.mark.parametrize(("top", "width"), [("pipeline", 24), ("top", 32)])
def test_verilog_has_the_ports_agreed_on(network, top, width):
    verilog = emit_verilog(network, PipelineOptions(), top)
    assert sorted(ports(verilog, f"lutloom_{top}")) == sorted(
        ["clk", "rst", "i__payload", "i__valid", "i__ready", "o__payload", "o__valid", "o__ready"]
    )
    assert f"input [{width - 1}:0] i__payload;" in verilog
    assert "$lut" not in verilog


def test_neurons_are_named_after_the_model(network):
    verilog = emit_verilog(network, PipelineOptions())
    body = re.search(r"module \\lutloom_pipeline\.layer1 .*?endmodule", verilog, re.S).group(0)
    assert sorted(set(re.findall(r"layer1_n\d+", body))) == [
        f"layer1_n{n:04d}" for n in range(40, 60)
    ]
    assert {"layer2_n0007", "layer2_n0007_2", "layer2_n0007_10"} <= set(
        re.findall(r"layer2_n\w+", verilog)
    )


def test_every_part_is_a_module_of_its_own(network):
    rtlil = emit_rtlil(network, PipelineOptions(class_groups=2))
    modules = set(re.findall(r"^module \\(\S+)", rtlil, re.M))
    assert modules >= {
        "lutloom_top",
        "lutloom_top.loader",
        "lutloom_top.pipeline",
        *(
            f"lutloom_top.pipeline.{part}"
            for part in ("groups", "groups.group0", "groups.group1", "argmax", "gate")
        ),
        *(
            f"lutloom_top.pipeline.groups.group{g}.{part}"
            for g in range(2)
            for part in ("layer1", "layer2", "vote")
        ),
    }


def test_rtlil_holds_every_table_as_a_cell(network):
    rtlil = emit_rtlil(network, PipelineOptions())
    tables = re.findall(r"cell \$lut .*?parameter \\LUT (\d+)'([01]+)", rtlil, re.S)
    wanted = sorted(
        (1 << int(count), int(table))
        for layer in network.layers
        for count, table in zip(layer.fan_in_count, layer.table, strict=True)
    )
    assert sorted((int(width), int(bits, 2)) for width, bits in tables) == wanted


def test_no_trace_of_this_machine(network):
    text = emit_verilog(network, PipelineOptions()) + emit_rtlil(network, PipelineOptions())
    assert "attribute \\src" not in text
    assert ".py" not in text


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_same_network_gives_the_same_bytes_in_any_process(network, hash_seed, tmp_path):
    options = PipelineOptions(family="ice40", class_groups=2)
    write_network(network, tmp_path / "network.onnx")
    script = (
        "import hashlib, pathlib, sys\n"
        "from lutloom.emit import emit_rtlil\n"
        "from lutloom.files.network_onnx import read_network\n"
        "from lutloom_hw.options import PipelineOptions\n"
        "network = read_network(pathlib.Path('network.onnx'))\n"
        "text = emit_rtlil(network, PipelineOptions(family='ice40', class_groups=2))\n"
        "sys.stdout.write(hashlib.sha256(text.encode()).hexdigest())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert result.stdout == hashlib.sha256(emit_rtlil(network, options).encode()).hexdigest()


def test_verilog_is_the_same_twice_and_another_table_changes_it(network):
    options = PipelineOptions()
    once = emit_verilog(network, options)
    assert once == emit_verilog(network, options)
    layer = network.layers[0]
    table = layer.table.copy()
    table[3] ^= np.uint64(1)
    other = ir.LutLayer(layer.fan_in, table, layer.origin)
    changed = ir.Network(network.encoder, (other, network.layers[1]), network.head)
    assert emit_verilog(changed, options) != once


def test_the_style_option_is_not_considered(network):
    styles = [PipelineOptions(lut_style=style) for style in ("cell", "expression")]
    assert len({emit_rtlil(network, options) for options in styles}) == 1


def test_an_unknown_top_is_refused(network):
    with pytest.raises(InvalidRecipeError, match="emit, top: must be one of pipeline, top, not"):
        emit_rtlil(network, PipelineOptions(), "board")


def test_a_yosys_that_is_not_there(network, monkeypatch):
    monkeypatch.setenv(yosys.YOSYS_VARIABLE, "no-such-yosys")
    with pytest.raises(MissingExtraError, match="LUTLOOM_YOSYS"):
        emit_verilog(network, PipelineOptions())


def test_a_yosys_that_fails_or_says_nothing(network, monkeypatch):
    for program in ("false", "true"):
        monkeypatch.setenv(yosys.YOSYS_VARIABLE, program)
        with pytest.raises(ToolError, match="Yosys must convert RTLIL"):
            emit_verilog(network, PipelineOptions())


def test_broken_rtlil_is_reported():
    with pytest.raises(ToolError, match="Yosys must convert RTLIL"):
        yosys.rtlil_to_verilog("module \\unfinished\n")
