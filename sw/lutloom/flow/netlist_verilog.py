"""The placed netlist as Verilog that any simulator reads, with the chip's cells beside it.

Example
-------
>>> verilog = netlist_verilog(synthesis, "pipeline")    # module lutloom_pipeline: encoded images in
>>> verilog = netlist_verilog(synthesis, "top")         # module lutloom_top: pixels in
"""

from __future__ import annotations

from typing import Literal

from lutloom.errors import MismatchError
from lutloom.flow.cells import cell_models
from lutloom.flow.equivalence import escape
from lutloom.flow.netlist import Bit, Module, Netlist, last_name, read_netlist
from lutloom.flow.synth import NETLIST_VERILOG, RTL_JSON, Synthesis
from lutloom.flow.wiring import PortBit

_HANDSHAKE = {  # the pipeline's port: the gate's port that is wired to it
    "i__valid": "i_valid",
    "i__ready": "i_ready",
    "o__payload": "o__payload",
    "o__valid": "o__valid",
    "o__ready": "o__ready",
}


def netlist_verilog(synthesis: Synthesis, top: Literal["pipeline", "top"] = "pipeline") -> str:
    """Give the netlist that is placed and routed, and the cells it is made of, as Verilog.

    Parameters
    ----------
    synthesis : Synthesis
        Of ``lutloom_top``.
    top : {"pipeline", "top"}
        ``pipeline`` adds a module ``lutloom_pipeline`` around the pipeline inside ``lutloom_top``
        with the ports the RTL of that name has: ``clk``, ``rst``, ``i__payload`` (one bit an
        encoder bit), ``i__valid``, ``i__ready``, ``o__payload``, ``o__valid``, ``o__ready``.

    Returns
    -------
    str

    Raises
    ------
    MismatchError
        If the design has no pipeline inside.
    """
    parts = [cell_models(synthesis.family), (synthesis.folder / NETLIST_VERILOG).read_text()]
    if top == "pipeline" and synthesis.top != "lutloom_pipeline":
        parts.append(_wrap_pipeline(read_netlist(synthesis.folder / RTL_JSON), synthesis.top))
    return "\n".join(parts)


def _find(module: Module, where: str, names: tuple[str, ...]) -> tuple[str, str]:
    for instance, cell in module.cells.items():
        if last_name(cell.type) in names:
            return instance, cell.type
    raise MismatchError(f"RTL, module {where}: must hold {' or '.join(names)}; emit it again")


def _wrap_pipeline(rtl: Netlist, top: str) -> str:
    """Write ``lutloom_pipeline``: the payload in the encoder's order, the handshake by its name."""
    name = f"{top}.pipeline"
    if name not in rtl.modules:
        raise MismatchError(f"RTL: must have a module {name}; emit the whole top")
    pipeline = rtl.modules[name]
    instance, kind = _find(pipeline, name, ("groups", "layer1", "vote"))
    payload = rtl.modules[kind].netnames["i__payload"].bits
    meaning: dict[PortBit, str] = {("clk", 0): "clk", ("rst", 0): "rst"}
    first_at = rtl.modules[kind].port_bits
    outside = pipeline.cells[instance].connections
    for index, bit in enumerate(payload):
        if bit in first_at:
            port, position = first_at[bit]
            meaning[pipeline.port_bits[outside[port][position]]] = f"i__payload[{index}]"
    gate = pipeline.cells[_find(pipeline, name, ("gate",))[0]].connections
    widths: dict[str, int] = {"i__payload": len(payload)}
    for own, inner in _HANDSHAKE.items():
        bits: tuple[Bit, ...] = gate[inner]
        widths[own] = len(bits)
        for index, bit in enumerate(bits):
            meaning[pipeline.port_bits[bit]] = f"{own}[{index}]" if len(bits) > 1 else own
    directions = {"i__ready": "output", "o__payload": "output", "o__valid": "output"}
    ports = ["input clk", "input rst"] + [
        f"{directions.get(own, 'input')}{f' [{width - 1}:0]' if width > 1 else ''} {own}"
        for own, width in widths.items()
    ]
    pins = []
    for port, declared in pipeline.ports.items():
        wires = [meaning[port, index] for index in reversed(range(len(declared.bits)))]
        pins.append(f"    .{escape(port)}({{{', '.join(wires)}}})")
    return "\n".join(
        [
            f"module lutloom_pipeline ({', '.join(ports)});",
            f"  {escape(name)} pipeline (",
            ",\n".join(pins),
            "  );",
            "endmodule",
            "",
        ]
    )
