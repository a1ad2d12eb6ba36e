from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lutloom.errors import MismatchError
from lutloom.flow.netlist import Netlist, read_netlist
from lutloom.flow.wiring import layer_ports, prove_wiring, wiring_modules
from lutloom_hw.class_groups import split_classes

PIPELINE = "lutloom_top.pipeline"


def both(design: Any) -> tuple[Netlist, Netlist]:
    folder = design.synthesis.folder
    return read_netlist(folder / "rtl.json"), read_netlist(folder / "netlist.json")


def with_wires(netlist: Netlist, instance: str, port: str, bits: tuple[Any, ...]) -> Netlist:
    raw = msgspec.to_builtins(netlist)
    raw["modules"][PIPELINE]["cells"][instance]["connections"][port] = bits
    return msgspec.convert(raw, Netlist)


def test_wires_between_parts_are_those_of_the_rtl(small: Any, wide: Any) -> None:
    for design in (small, wide):
        rtl, netlist = both(design)
        assert wiring_modules(rtl) == ["lutloom_top", PIPELINE]
        proof = prove_wiring(rtl, netlist)
        assert proof.proven
        assert proof.outputs > 200


def test_swapped_wires_are_caught(small: Any) -> None:
    rtl, netlist = both(small)
    bits = list(netlist.modules[PIPELINE].cells["layer2"].connections["i__payload"])
    bits[3], bits[4] = bits[4], bits[3]
    wrong = with_wires(netlist, "layer2", "i__payload", tuple(bits))
    with pytest.raises(MismatchError, match=r"layer2 i__payload\[\d\] must come from layer1 "):
        prove_wiring(rtl, wrong)


def test_a_wire_tied_to_a_constant_is_caught(small: Any) -> None:
    rtl, netlist = both(small)
    wrong = with_wires(netlist, "layer2", "i__valid", ("1",))
    with pytest.raises(MismatchError, match=r"layer2 i__valid\[0\] .* not constant 1"):
        prove_wiring(rtl, wrong)


def test_layers_out_of_order_in_both_are_caught(small: Any) -> None:
    rtl, netlist = both(small)
    bits = list(rtl.modules[PIPELINE].cells["layer2"].connections["i__payload"])
    same = list(netlist.modules[PIPELINE].cells["layer2"].connections["i__payload"])
    bits[3], bits[4], same[3], same[4] = bits[4], bits[3], same[4], same[3]
    with pytest.raises(MismatchError, match=r"input \d of layer2 must be neuron \d of layer1"):
        prove_wiring(
            with_wires(rtl, "layer2", "i__payload", tuple(bits)),
            with_wires(netlist, "layer2", "i__payload", tuple(same)),
        )


def test_every_port_bit_of_a_layer_has_a_meaning(wide: Any) -> None:
    rtl, _ = both(wide)
    for g, part in enumerate(split_classes(wide.network, 2)):
        ports = layer_ports(rtl, f"{PIPELINE}.groups.group{g}.layer2")
        assert sorted(ports.outputs.values()) == list(range(part.layers[1].n_neurons))
        assert set(ports.inputs.values()) == set(range(part.layers[0].n_neurons))


def test_a_port_without_meaning_is_refused(small: Any) -> None:
    rtl, _ = both(small)
    raw = msgspec.to_builtins(rtl)
    raw["modules"][f"{PIPELINE}.layer1"]["ports"]["stray"] = {"direction": "input", "bits": [99999]}
    with pytest.raises(MismatchError, match="every port bit must be an input, a neuron or valid"):
        layer_ports(msgspec.convert(raw, Netlist), f"{PIPELINE}.layer1")
