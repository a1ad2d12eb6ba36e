from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lutloom import ir
from lutloom.errors import MismatchError, ToolError
from lutloom.flow import PartProof, prove_layers, require_proven
from lutloom_hw.class_groups import split_classes


def layer_lut(design: Any, layer: int) -> re.Match[str]:
    """Find a look-up table of a layer in the netlist whose four inputs all count."""
    text = (design.synthesis.folder / "netlist.il").read_text()
    start = text.index(f"module \\lutloom_top.pipeline.layer{layer}\n")
    pattern = re.compile(
        r"  cell \\(?:SB_LUT4|LUT4) .*\n    parameter \\(?:LUT_INIT|INIT) 16'([01]{16})\n"
        r"    connect \\\w+ (.*)\n    connect \\\w+ (.*)\n    connect \\\w+ (.*)\n"
    )
    for found in pattern.finditer(text, start):
        if len(set(found.groups())) == 4 and "1'" not in "".join(found.groups()[1:]):
            return found
    raise AssertionError("no table found")


def swap_bit(table: str, bit: int) -> str:
    flipped = "1" if table[15 - bit] == "0" else "0"
    return table[: 15 - bit] + flipped + table[16 - bit :]


def test_layers_are_proven(small: Any) -> None:
    proofs = prove_layers(small.network, small.synthesis)
    assert [(p.part, p.proven, p.outputs) for p in proofs] == [
        ("layer1", True, 25),
        ("layer2", True, 9),
    ]
    require_proven(proofs)


def test_layers_of_class_groups_are_proven_group_by_group(wide: Any) -> None:
    proofs = prove_layers(wide.network, wide.synthesis, class_groups=2)
    parts = split_classes(wide.network, 2)
    assert [(p.part, p.outputs) for p in proofs] == [
        (f"group{g}.layer{number}", layer.n_neurons + 1)
        for g, part in enumerate(parts)
        for number, layer in enumerate(part.layers, start=1)
    ]
    require_proven(proofs)


def test_a_wrong_table_in_one_group_is_caught(wide: Any) -> None:
    last = wide.network.layers[-1]
    votes = wide.network.head
    neuron = int(votes.source[votes.class_index == 0][0])
    table = last.table.copy()
    table[neuron] ^= np.uint64(2)
    changed = ir.LutLayer(fan_in=last.fan_in, table=table, origin=last.origin)
    layers = (*wide.network.layers[:-1], changed)
    other = dataclasses.replace(wide.network, layers=layers)
    proofs = prove_layers(other, wide.synthesis, class_groups=2)
    readers = {int(c) * 2 // votes.n_classes for c in votes.class_index[votes.source == neuron]}
    assert {p.part for p in proofs if not p.proven} == {f"group{g}.layer3" for g in readers}


@pytest.mark.parametrize("bit", [0, 5, 15])
def test_a_wrong_bit_of_a_table_is_caught(planted: Any, bit: int) -> None:
    table = layer_lut(planted, 1)
    planted.edit("netlist.il", table[0], table[0].replace(table[1], swap_bit(table[1], bit)))
    first, second = prove_layers(planted.network, planted.synthesis)
    assert not first.proven
    assert (
        "one of neurons 0..23 differs; counterexample in prove-layer1-0.yosys.log" in first.reason
    )
    assert second.proven
    with pytest.raises(MismatchError, match="layer1: must equal its truth tables, but one of"):
        require_proven([first, second])


def test_a_wrong_wire_is_caught(planted: Any) -> None:
    table = layer_lut(planted, 2)
    first, second = table[3], table[4]
    wrong = table[0].replace(first, "WIRE").replace(second, first).replace("WIRE", second)
    planted.edit("netlist.il", table[0], wrong)
    proofs = prove_layers(planted.network, planted.synthesis)
    assert [p.proven for p in proofs] == [True, False]


def test_a_neuron_that_is_not_registered_as_it_should_be_is_caught(planted: Any) -> None:
    if planted.options.family == "ice40":
        pytest.skip("flip-flops of iCE40 start at 0, whatever the netlist says")
    text = (planted.synthesis.folder / "netlist.il").read_text()
    at = text.index("module \\lutloom_top.pipeline.layer1\n")
    old = text[text.index('parameter \\REGSET "RESET"', at) - 400 :][:600]
    planted.edit("netlist.il", old, old.replace('REGSET "RESET"', 'REGSET "SET"'))
    assert [p.proven for p in prove_layers(planted.network, planted.synthesis)] == [False, True]


@pytest.mark.parametrize("change", ["table", "wiring"])
def test_another_network_is_caught(small: Any, change: str, tmp_path: Path) -> None:
    design = small.copy(tmp_path)
    last = design.network.layers[1]
    table, fan_in = last.table.copy(), last.fan_in.copy()
    if change == "table":
        table[7] ^= np.uint64(1 << 9)
    else:
        fan_in[7, 0] = (fan_in[7, 0] + 1) % 24
    other = ir.LutLayer(fan_in=fan_in, table=table, origin=last.origin)
    network = dataclasses.replace(design.network, layers=(design.network.layers[0], other))
    assert [p.proven for p in prove_layers(network, design.synthesis)] == [True, False]


def test_a_network_of_more_layers_is_refused(planted: Any) -> None:
    layers = (*planted.network.layers, planted.network.layers[1])
    network = dataclasses.replace(planted.network, layers=layers)
    with pytest.raises(MismatchError, match="must have a module layer3"):
        prove_layers(network, planted.synthesis)


def test_a_broken_netlist_is_no_verdict(planted: Any) -> None:
    planted.edit("netlist.il", "module \\lutloom_top.pipeline.layer1\n", "module\n")
    with pytest.raises(ToolError, match=r"yosys: must end with status 0.*prove-layer\d-0\.log"):
        prove_layers(planted.network, planted.synthesis)


def test_a_proof_that_takes_too_long_is_not_proven(planted: Any) -> None:
    proofs = prove_layers(planted.network, planted.synthesis, time_limit_s=0.01)
    assert not any(p.proven for p in proofs)
    assert "stopped after 0.01 s" in proofs[0].reason


def test_require_proven_names_what_is_open() -> None:
    proof = PartProof(
        part="vote", against="RTL", outputs=0, proven=False, method="none", cpu_s=0.0, reason="why"
    )
    with pytest.raises(MismatchError, match="netlist, vote: must equal its RTL, but why"):
        require_proven([proof])
