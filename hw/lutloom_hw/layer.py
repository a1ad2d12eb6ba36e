"""One layer of truth tables: one register stage, one layer per clock."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Instance, Module, Signal, Value
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.options import LutStyle
from lutloom_hw.stage import Stage
from lutloom_hw.wide import join


def neuron_names(layer: ir.LutLayer, number: int) -> list[str]:
    """Name each neuron after the model: ``layer1_n0042`` is neuron 42 of the trained layer 1.

    Where two neurons share an origin (lowering split one), the second gets ``_2``, and so on.

    Parameters
    ----------
    layer : ir.LutLayer
    number : int
        The layer's number, counted from 1.

    Returns
    -------
    list of str
        One distinct name a neuron, in the order of the layer.
    """
    seen: dict[int, int] = {}
    names = []
    for origin in layer.origin.tolist():
        count = seen[origin] = seen.get(origin, 0) + 1
        names.append(f"layer{number}_n{origin:04d}" + (f"_{count}" if count > 1 else ""))
    return names


class LutLayer(Stage):
    """Look every neuron's table up and register the answers.

    Parameters
    ----------
    layer : ir.LutLayer
        Tables and wiring; address bit 0 comes from ``fan_in[:, 0]``.
    n_inputs : int
        Bits the layer may read.
    number : int
        The layer's number, counted from 1; only names depend on it.
    lut_style : {"expression", "cell"}
        Indexed constants, or ``$lut`` cells.

    Members
    -------
    i : In(stream.Signature(n_inputs, always_ready=True))
        Bit ``j`` is input ``j`` of the layer.
    o : Out(stream.Signature(n_neurons, always_ready=True))
        Bit ``j`` is neuron ``j`` of the layer.

    Latency: 1 clock.  Throughput: one row a clock.
    """

    def __init__(
        self, layer: ir.LutLayer, *, n_inputs: int, number: int, lut_style: LutStyle = "expression"
    ) -> None:
        self.layer = layer
        self.number = number
        self.lut_style = lut_style
        super().__init__(
            i_fields=n_inputs, i_width=1, o_fields=layer.n_neurons, o_width=1, latency_cycles=1
        )

    def model(self, inputs: NDArray[Any]) -> NDArray[np.uint8]:
        """Look the tables up with numpy.

        Parameters
        ----------
        inputs : integers[n, n_inputs]
            Zeros and ones.

        Returns
        -------
        uint8[n, n_neurons]
        """
        layer = self.layer
        address = np.zeros((len(inputs), layer.n_neurons), dtype=np.uint64)
        for k in range(layer.fan_in.shape[1]):
            used = layer.fan_in[:, k] != ir.UNUSED
            bit = inputs[:, layer.fan_in[used, k]].astype(np.uint64)
            address[:, used] |= bit << np.uint64(k)
        return ((layer.table >> address) & np.uint64(1)).astype(np.uint8)

    def _build(self, m: Module) -> None:
        layer = self.layer
        fan_in, count = layer.fan_in.tolist(), layer.fan_in_count.tolist()
        inputs = list(self.i.payload)
        looked_up: list[Value] = []
        for taps, n_taps, table in zip(fan_in, count, layer.table.tolist(), strict=True):
            address = Cat(inputs[tap] for tap in taps[:n_taps])
            looked_up.append(self._look_up(m, table, n_taps, address))

        neurons = Signal(layer.n_neurons, name="neurons", reset_less=True)
        m.d.sync += neurons.eq(join(m, looked_up))
        m.d.comb += self.o.payload.eq(neurons)
        for j, name in enumerate(neuron_names(layer, self.number)):
            m.d.comb += Signal(name=name).eq(neurons[j])

    def _look_up(self, m: Module, table: int, n_taps: int, address: Value) -> Value:
        if n_taps == 0:
            return Const(table & 1, 1)
        constant = Const(table, 1 << n_taps)
        if self.lut_style == "expression":
            return constant.bit_select(address, 1)
        out = Signal()
        m.submodules += Instance("$lut", p_WIDTH=n_taps, p_LUT=constant, i_A=address, o_Y=out)
        return out
