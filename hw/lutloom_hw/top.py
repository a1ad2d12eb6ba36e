"""What is placed and routed: pixels in, classes out."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.handover import Handover
from lutloom_hw.loader import ImageLoader
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.stage import Block, bits_for
from lutloom_hw.stream_register import SkidRegister
from lutloom_hw.usage import used_input_bits


class Top(Block):
    """Classify images that arrive as pixels, one image after the other.

    Parameters
    ----------
    network : ir.Network
    options : PipelineOptions

    Members
    -------
    i : In(stream.Signature(8 * pixels_per_beat))
        Pixels, see :class:`~lutloom_hw.loader.ImageLoader`.
    o : Out(stream.Signature(class width))
        Classes, in the order of the images.

    Latency: ``latency_cycles`` clocks from an image's last beat to ``o.valid``.
    Throughput: one beat a clock while ``o.ready`` is high; the pipeline keeps just as many images
    in flight as that takes.  With class groups an image takes some clocks more than its beats, at
    most ``cycles_per_image_max``.

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule of the representation.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, network: ir.Network, options: PipelineOptions) -> None:
        self.network = ir.verify(network)
        self.options = options
        self.loader = ImageLoader(
            network.encoder,
            used_input_bits(network),
            pixels_per_beat=options.pixels_per_beat,
            rows_per_rank=options.rows_per_rank,
        )
        round_trip_cycles = Pipeline(network, options).latency_cycles + 1
        self.pipeline = Pipeline(
            network,
            options,
            images_in_flight=-(-round_trip_cycles // self.loader.beats_per_image),
        )
        self.latency_cycles = self.loader.latency_cycles + self.pipeline.latency_cycles
        if options.port_ranks:
            self.latency_cycles += 2 * options.port_ranks + Handover.latency_cycles
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(8 * options.pixels_per_beat))),
                "o": Out(stream.Signature(unsigned(bits_for(network.n_classes - 1)))),
            }
        )

    @property
    def cycles_per_image_max(self) -> int:
        """Clocks that an image takes at most while ``o.ready`` is high."""
        beats = self.loader.beats_per_image
        if not self.options.port_ranks:
            return beats
        return beats + self.loader.latency_cycles + Handover.cycles_per_word

    def model(self, inputs: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Run the loader's and the pipeline's numpy models.

        Parameters
        ----------
        inputs : uint8[n, height, width]

        Returns
        -------
        int64[n, 1]
        """
        return self.pipeline.model(self.loader.model(inputs))

    def _build(self, m: Module) -> None:
        m.submodules.loader = self.loader
        m.submodules.pipeline = self.pipeline
        source, sink = wiring.flipped(self.i), wiring.flipped(self.o)
        for k in range(self.options.port_ranks):
            before, after = (
                SkidRegister(self.i.payload.shape()),
                SkidRegister(self.o.payload.shape()),
            )
            m.submodules[f"input_port{k}"], m.submodules[f"output_port{k}"] = before, after
            wiring.connect(m, source, before.i)
            wiring.connect(m, after.o, sink)
            source, sink = before.o, after.i
        wiring.connect(m, source, self.loader.i)
        loader, pipeline = self.loader, self.pipeline
        if self.options.port_ranks:
            m.submodules.handover = handover = Handover()
            m.d.comb += [
                pipeline.i.payload.eq(loader.o.payload),
                handover.i.valid.eq(loader.o.valid),
                loader.o.ready.eq(handover.i.ready),
                pipeline.i.valid.eq(handover.o.valid),
                handover.o.ready.eq(pipeline.i.ready),
            ]
        else:
            wiring.connect(m, loader.o, pipeline.i)
        wiring.connect(m, self.pipeline.o, sink)
