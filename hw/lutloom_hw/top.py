"""What is placed and routed: pixels in, classes out."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.loader import ImageLoader
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.stage import Block, bits_for
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
    in flight as that takes.

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
            network.encoder, used_input_bits(network), pixels_per_beat=options.pixels_per_beat
        )
        round_trip_cycles = Pipeline(network, options).latency_cycles + 1
        self.pipeline = Pipeline(
            network,
            options,
            images_in_flight=-(-round_trip_cycles // self.loader.beats_per_image),
        )
        self.latency_cycles = self.loader.latency_cycles + self.pipeline.latency_cycles
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(8 * options.pixels_per_beat))),
                "o": Out(stream.Signature(unsigned(bits_for(network.n_classes - 1)))),
            }
        )

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
        wiring.connect(m, wiring.flipped(self.i), self.loader.i)
        wiring.connect(m, self.loader.o, self.pipeline.i)
        wiring.connect(m, self.pipeline.o, wiring.flipped(self.o))
