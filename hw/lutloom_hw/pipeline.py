"""The whole network behind valid/ready streams: free-running stages inside, credits at the edges.

Example
-------
>>> pipeline = Pipeline(network, PipelineOptions())     # doctest: +SKIP
>>> pipeline.latency_cycles                             # doctest: +SKIP
14
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from amaranth.hdl import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.argmax import Argmax
from lutloom_hw.class_groups import ClassGroups
from lutloom_hw.credit import CreditGate
from lutloom_hw.layer import LutLayer
from lutloom_hw.options import PipelineOptions
from lutloom_hw.stage import Block, Stage, bits_for
from lutloom_hw.vote import Vote


class Pipeline(Block):
    """Classify one image a clock.

    Parameters
    ----------
    network : ir.Network
    options : PipelineOptions
    images_in_flight : int or None
        Images inside at a time, which is the depth of the queue of answers; ``None`` takes what
        full throughput needs.  Fewer make the queue smaller and the throughput
        ``images_in_flight / (latency_cycles + 1)`` images a clock.

    Members
    -------
    i : In(stream.Signature(encoder.n_bits))
        Encoded images; payload bit ``p * n_thresholds + t`` is pixel ``p`` against threshold ``t``.
    o : Out(stream.Signature(class width))
        Classes, in the order of the images; the lowest class wins among equal scores.

    Attributes
    ----------
    network : ir.Network
        The network, verified.
    stages : dict of str to Stage
        What the image passes through, in order: ``layer1``, ..., ``vote``, or ``groups`` in their
        place; then ``argmax``.

    Latency: ``latency_cycles`` clocks from an accepted image to ``o.valid`` with an empty queue.
    Throughput: one image a clock while ``o.ready`` is high.  When ``o.ready`` falls, at most
    ``images_in_flight`` answers wait and ``i.ready`` falls; nothing inside is ever stopped.

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule of the representation.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        network: ir.Network,
        options: PipelineOptions,
        *,
        images_in_flight: int | None = None,
    ) -> None:
        self.network = ir.verify(network)
        self.options = options
        self.stages = _stages(network, options)
        self._gate = CreditGate(
            width=bits_for(network.n_classes - 1),
            stages_latency_cycles=sum(stage.latency_cycles for stage in self.stages.values()),
            images_in_flight=images_in_flight,
        )
        self.images_in_flight = self._gate.images_in_flight
        self.latency_cycles = self._gate.latency_cycles
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(network.encoder.n_bits))),
                "o": Out(stream.Signature(unsigned(bits_for(network.n_classes - 1)))),
            }
        )

    def model(self, inputs: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Run every stage's numpy model in turn.

        Parameters
        ----------
        inputs : uint8[n, encoder.n_bits]
            Encoded images, zeros and ones.

        Returns
        -------
        int64[n, 1]
        """
        rows = inputs
        for stage in self.stages.values():
            rows = stage.model(rows)
        return rows.astype(np.int64)

    def _build(self, m: Module) -> None:
        for name, stage in self.stages.items():
            m.submodules[name] = stage
        m.submodules.gate = gate = self._gate
        for source, sink in pairwise(self.stages.values()):
            wiring.connect(m, source.o, sink.i)
        first, *_, last = self.stages.values()
        m.d.comb += [
            first.i.payload.eq(self.i.payload),
            first.i.valid.eq(gate.accepted),
            gate.i_valid.eq(self.i.valid),
            self.i.ready.eq(gate.i_ready),
        ]
        wiring.connect(m, last.o, gate.answer)
        wiring.connect(m, gate.o, wiring.flipped(self.o))


def _stages(network: ir.Network, options: PipelineOptions) -> dict[str, Stage]:
    stages: dict[str, Stage] = {}
    n_bits = network.encoder.n_bits
    form, register_every = options.vote
    scorer: Vote | ClassGroups
    if options.class_groups:
        scorer = stages["groups"] = ClassGroups(
            network,
            n_groups=options.class_groups,
            score_ranks=options.score_ranks,
            lut_style=options.lut_style,
            vote_form=form,
            vote_register_every=register_every,
        )
    else:
        for number, layer in enumerate(network.layers, start=1):
            stages[f"layer{number}"] = LutLayer(
                layer, n_inputs=n_bits, number=number, lut_style=options.lut_style
            )
            n_bits = layer.n_neurons
        scorer = stages["vote"] = Vote(
            network.head, n_inputs=n_bits, form=form, register_every=register_every
        )
    stages["argmax"] = Argmax(
        n_classes=network.n_classes,
        score_width=scorer.score_width,
        clocks_per_round=options.argmax_clocks,
    )
    return stages
