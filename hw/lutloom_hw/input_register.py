"""A rank of flip-flops in front of layer 1: a copy of each used bit for each region.

One pixel bit feeds tables of many classes all over the die, and that net's wires set the clock.
A copy for each group of classes keeps every net in one region.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from amaranth.hdl import Cat, ClockSignal, Instance, Module, Signal, Value
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.options import LutStyle
from lutloom_hw.stage import Stage
from lutloom_hw.usage import first_readers, reader_regions
from lutloom_hw.wide import join


@dataclass(frozen=True, slots=True, eq=False)
class InputCopies:
    """Say which input bit each duplicated flip-flop holds, and who reads which flip-flop.

    Parameters
    ----------
    source : int32[n_registers]
        The input bit each flip-flop holds; the copies of one region are consecutive.
    region_ends : tuple of int
        Where each region's flip-flops end.
    network : ir.Network
        The network with its first readers rewired from input bits to flip-flops.
    """

    source: NDArray[np.int32]
    region_ends: tuple[int, ...]
    network: ir.Network


def plan_input_copies(network: ir.Network, copies: int) -> InputCopies:
    """Group classes into ``copies`` contiguous regions and give each its own input flip-flops.

    A reader belongs to the region of the lowest class it has a part in.  Only bits that a region
    reads are held there.

    Parameters
    ----------
    network : ir.Network
    copies : int
        Regions, at least 1; more than there are classes gives one a class.

    Returns
    -------
    InputCopies
    """
    readers = first_readers(network)
    copies = min(copies, network.n_classes)
    region = reader_regions(network) * copies // network.n_classes
    rewired = np.full_like(readers, ir.UNUSED)
    sources: list[NDArray[np.int32]] = []
    ends: list[int] = []
    size = 0
    for r in range(copies):
        here = (region == r)[:, None] & (readers != ir.UNUSED)
        bits = np.unique(readers[here]).astype(np.int32)
        rewired[here] = size + np.searchsorted(bits, readers[here])
        size += bits.size
        sources.append(bits)
        ends.append(size)
    return InputCopies(np.concatenate(sources), tuple(ends), _rewire(network, rewired))


def _rewire(network: ir.Network, readers: NDArray[np.int32]) -> ir.Network:
    if not network.layers:
        return replace(network, head=_replace_source(network.head, readers[:, 0]))
    first = network.layers[0]
    layer = ir.LutLayer(fan_in=readers, table=first.table, origin=first.origin)
    return replace(network, layers=(layer, *network.layers[1:]))


def _replace_source(head: ir.VoteHead, source: NDArray[np.int32]) -> ir.VoteHead:
    return ir.VoteHead(source=source, class_index=head.class_index, bias=head.bias)


def _kept_flip_flops(d: Value, q: Signal) -> Instance:
    """Make flip-flops that synthesis must not merge with equal ones: equal is the purpose here.

    Yosys heeds ``keep`` on a cell, not on the wire behind it.
    """
    return Instance(
        "$dff",
        ("a", "keep", 1),
        p_WIDTH=len(d),
        p_CLK_POLARITY=1,
        i_CLK=ClockSignal(),
        i_D=d,
        o_Q=q,
    )


class InputRegister(Stage):
    """Register chosen input bits, one flip-flop for each entry of ``source``.

    Parameters
    ----------
    source : int32[n_registers]
        The input bit each flip-flop holds; repeats are the purpose.
    region_ends : tuple of int
        Where each region's flip-flops end.
    n_inputs : int
        Bits at the input.
    lut_style : {"expression", "cell"}
        Ordinary registers, or ``$dff`` cells that synthesis keeps.

    Members
    -------
    i : In(stream.Signature(n_inputs, always_ready=True))
        Encoded image.
    o : Out(stream.Signature(n_registers, always_ready=True))
        Bit ``k`` is input bit ``source[k]``.

    Latency: 1 clock.  Throughput: one row a clock.
    """

    def __init__(
        self,
        source: NDArray[np.int32],
        *,
        region_ends: tuple[int, ...],
        n_inputs: int,
        lut_style: LutStyle = "expression",
    ) -> None:
        self.source = source
        self.lut_style = lut_style
        self.region_ends = region_ends
        super().__init__(
            i_fields=n_inputs, i_width=1, o_fields=len(source), o_width=1, latency_cycles=1
        )

    def model(self, inputs: NDArray[Any]) -> NDArray[np.uint8]:
        """Select the bits with numpy.

        Parameters
        ----------
        inputs : integers[n, n_inputs]
            Zeros and ones.

        Returns
        -------
        uint8[n, n_registers]
        """
        return np.asarray(inputs)[:, self.source].astype(np.uint8)

    def _build(self, m: Module) -> None:
        copies = []
        start = 0
        for region, end in enumerate(self.region_ends):
            bits = join(m, [self.i.payload[bit] for bit in self.source[start:end].tolist()])
            copy = Signal(end - start, name=f"region{region}", reset_less=True)
            if self.lut_style == "expression":
                m.d.sync += copy.eq(bits)
            elif len(bits):
                m.submodules[f"keep{region}"] = _kept_flip_flops(bits, copy)
            copies.append(copy)
            start = end
        m.d.comb += self.o.payload.eq(Cat(copies))
