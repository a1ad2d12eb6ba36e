"""Which wire goes where between the parts: read from the RTL, compared with the netlist.

Amaranth gives a part's ports names of its own making; what a port bit means is read from the RTL,
where ``i__payload`` and ``o__payload`` are names for the same wires.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from lutloom.errors import MismatchError
from lutloom.flow.netlist import Bit, Module, Netlist, last_name
from lutloom.flow.results import PartProof

PortBit = tuple[str, int]
Endpoint = tuple[str, str, int] | str
"""(instance, port, bit), instance empty for the module's own ports; or a constant."""


@dataclass(frozen=True, slots=True)
class LayerPorts:
    """Say what the port bits of a layer's module mean.

    Parameters
    ----------
    inputs : dict of (port, bit) to int
        The layer input each input port bit is.
    outputs : dict of (port, bit) to int
        The neuron each output port bit is.
    i_valid, o_valid : (port, bit)
    """

    inputs: dict[PortBit, int]
    outputs: dict[PortBit, int]
    i_valid: PortBit
    o_valid: PortBit


def _named(module: Module, module_name: str, name: str) -> tuple[Bit, ...]:
    if name not in module.netnames:
        raise MismatchError(
            f"RTL, module {module_name}: must have a wire {name}; emit the network again"
        )
    return module.netnames[name].bits


def layer_ports(rtl: Netlist, module_name: str) -> LayerPorts:
    """Read from the RTL what the port bits of a layer's module mean.

    Parameters
    ----------
    rtl : Netlist
        The design before synthesis.
    module_name : str
        The layer's module.

    Returns
    -------
    LayerPorts

    Raises
    ------
    MismatchError
        If a port bit has no meaning.
    """
    module = rtl.modules[module_name]
    at = module.port_bits
    inputs = {
        at[bit]: index
        for index, bit in enumerate(_named(module, module_name, "i__payload"))
        if bit in at
    }
    outputs = {
        at[bit]: index
        for index, bit in enumerate(_named(module, module_name, "o__payload"))
        if bit in at
    }
    (i_valid,) = _named(module, module_name, "i__valid")
    (o_valid,) = _named(module, module_name, "o__valid")
    known = {*inputs, *outputs, at.get(i_valid), at.get(o_valid), ("clk", 0), ("rst", 0)}
    unknown = [where for where in at.values() if where not in known]
    if unknown or i_valid not in at or o_valid not in at:
        raise MismatchError(
            f"RTL, module {module_name}: every port bit must be an input, a neuron or valid, "
            f"not {unknown[:3]}; emit the network again"
        )
    return LayerPorts(inputs, outputs, at[i_valid], at[o_valid])


def _sinks(design: Netlist, module: Module) -> dict[Endpoint, Endpoint]:
    """Map each place a wire of a module ends to the place it begins."""
    begins: dict[Bit, Endpoint] = {}
    ends: dict[Endpoint, Bit] = {}
    for name, port in module.ports.items():
        for index, bit in enumerate(port.bits):
            if port.direction == "input":
                begins[bit] = ("", name, index)
            else:
                ends["", name, index] = bit
    for instance, cell in module.cells.items():
        ports = design.modules[cell.type].ports
        for name, bits in cell.connections.items():
            for index, bit in enumerate(bits):
                if ports[name].direction == "output":
                    begins[bit] = (instance, name, index)
                else:
                    ends[instance, name, index] = bit
    return {
        end: begins.get(bit, str(bit) if isinstance(bit, str) else "open")
        for end, bit in ends.items()
    }


def _only_wires(design: Netlist, module: Module) -> bool:
    return all(design.is_part(cell) for cell in module.cells.values())


def wiring_modules(rtl: Netlist) -> list[str]:
    """Name the modules that only connect others."""
    return [name for name, module in rtl.own_modules() if module.cells and _only_wires(rtl, module)]


def prove_wiring(rtl: Netlist, netlist: Netlist) -> PartProof:
    """Compare, wire by wire, the modules that only connect others; RTL against netlist.

    Also checks that each layer reads the layer before it in order: neuron ``j`` is input ``j``.

    Parameters
    ----------
    rtl, netlist : Netlist
        The design before and after synthesis, parts apart.

    Returns
    -------
    PartProof

    Raises
    ------
    MismatchError
        Naming the first wire that differs.
    """
    compared = 0
    for name in wiring_modules(rtl):
        if name not in netlist.modules or not _only_wires(netlist, netlist.modules[name]):
            raise MismatchError(f"netlist, module {name}: must only connect parts, as in the RTL")
        before = _sinks(rtl, rtl.modules[name])
        after = _sinks(netlist, netlist.modules[name])
        for end in before | after:
            if before.get(end) != after.get(end):
                raise MismatchError(
                    f"netlist, module {name}: {_say(end)} must come from {_say(before.get(end))}, "
                    f"not {_say(after.get(end))}"
                )
        compared += len(before)
        compared += _check_order(rtl, name, after)
    return PartProof(
        part="wiring", against="RTL", outputs=compared, proven=True, method="structure", cpu_s=0.0
    )


def _say(end: Endpoint | None) -> str:
    if end is None:
        return "nothing"
    if isinstance(end, str):
        return f"constant {end}"
    instance, port, bit = end
    return f"{instance or 'port'} {port}[{bit}]"


def _check_order(rtl: Netlist, name: str, sinks: dict[Endpoint, Endpoint]) -> int:
    """Check that neuron j of each layer is input j of the next; count the wires."""
    instances = {
        last_name(cell.type): (instance, cell.type)
        for instance, cell in rtl.modules[name].cells.items()
    }
    layers = sorted((n for n in instances if n.startswith("layer")), key=lambda n: int(n[5:]))
    compared = 0
    for before, after in pairwise(layers):
        (source, source_type), (sink, sink_type) = instances[before], instances[after]
        outputs = layer_ports(rtl, source_type).outputs
        for (port, bit), index in layer_ports(rtl, sink_type).inputs.items():
            begin = sinks.get((sink, port, bit))
            neuron = outputs.get(begin[1:]) if isinstance(begin, tuple) else None
            if not isinstance(begin, tuple) or begin[0] != source or neuron != index:
                raise MismatchError(
                    f"netlist, module {name}: input {index} of {after} must be neuron {index} of "
                    f"{before}, not {_say(begin)}"
                )
            compared += 1
    return compared
