"""From a network to a proven netlist and a bitstream, with open FPGA tools.

``synthesise_and_route`` does it all; ``synthesise``, ``prove`` and ``place_and_route`` are its
steps.  ``netlist_verilog`` gives the placed netlist to a simulator.
"""

from lutloom.flow.devices import DEVICES, Device, find_device
from lutloom.flow.equivalence import prove_layers, require_proven
from lutloom.flow.netlist_verilog import netlist_verilog
from lutloom.flow.place_route import Placement, check_fit, place_and_route
from lutloom.flow.results import Fmax, PartProof, Resources, SeedResult, TargetResult
from lutloom.flow.synth import Synthesis, synthesise
from lutloom.flow.target import prove, synthesise_and_route
from lutloom.flow.toolchain import ToolTimeoutError, warm
from lutloom.flow.tools import ToolIdentity, identify

__all__ = [
    "synthesise_and_route",
    "TargetResult",
    "synthesise",
    "Synthesis",
    "prove",
    "prove_layers",
    "require_proven",
    "PartProof",
    "place_and_route",
    "check_fit",
    "Placement",
    "SeedResult",
    "Fmax",
    "Resources",
    "netlist_verilog",
    "DEVICES",
    "Device",
    "find_device",
    "identify",
    "warm",
    "ToolIdentity",
    "ToolTimeoutError",
]
