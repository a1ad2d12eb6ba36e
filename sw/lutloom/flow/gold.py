"""Truth tables as Verilog, written straight from the network's integers.

This is the specification a netlist is proven against, so it shares no code with the emission: each
table is halved by its highest address bit until one bit is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from lutloom import ir


def _halves(name: str, table: int, inputs: Sequence[str]) -> tuple[list[str], str]:
    """Write the wires that look ``table`` up, and the expression of the answer."""
    if not inputs:
        return [], f"1'b{table & 1}"
    lines = []
    for k in reversed(range(len(inputs))):
        n = 1 << k
        if k == len(inputs) - 1:
            high, low = f"{n}'h{table >> n:x}", f"{n}'h{table & ((1 << n) - 1):x}"
        else:
            high, low = f"{name}_{k + 1}[{2 * n - 1}:{n}]", f"{name}_{k + 1}[{n - 1}:0]"
        lines.append(f"  wire [{n - 1}:0] {name}_{k} = {inputs[k]} ? {high} : {low};")
    return lines, f"{name}_0"


def gold_layer(
    layer: ir.LutLayer, n_inputs: int, neurons: Sequence[int], chunk: int
) -> tuple[str, list[range]]:
    """Write some neurons of a layer as a Verilog module ``gold``.

    Its ports are ``clk``, ``rst``, ``i`` (the layer's inputs), ``i_valid``, ``o_valid``, and
    ``o0``, ``o1``, ...: the neurons' registers, ``chunk`` to a port.

    Parameters
    ----------
    layer : ir.LutLayer
    n_inputs : int
        Bits the layer may read.
    neurons : sequence of int
        Which neurons, rising.
    chunk : int
        Neurons to a port.

    Returns
    -------
    verilog : str
    chunks : list of range
        The positions in ``neurons`` that each port holds.
    """
    chunks = [range(a, min(a + chunk, len(neurons))) for a in range(0, len(neurons), chunk)]
    ports = [f"output reg [{len(c) - 1}:0] o{p} = 0" for p, c in enumerate(chunks)]
    lines = [
        f"module gold (input clk, input rst, input i_valid, input [{n_inputs - 1}:0] i,",
        f"  output reg o_valid = 0, {', '.join(ports)});",
    ]
    clocked = ["    o_valid <= ~rst & i_valid;"]
    for port, positions in enumerate(chunks):
        for position in positions:
            j = neurons[position]
            taps = layer.fan_in[j, : layer.fan_in_count[j]].tolist()
            wires, answer = _halves(f"n{j}", int(layer.table[j]), [f"i[{tap}]" for tap in taps])
            lines += wires
            clocked.append(f"    o{port}[{position - positions.start}] <= {answer};")
    lines += ["  always @(posedge clk) begin", *clocked, "  end", "endmodule", ""]
    return "\n".join(lines), chunks
