"""A network of look-up tables as plain, frozen, columnar integers.

One :class:`LutLayer` is one register stage of hardware.  Columns are read-only numpy arrays, so a
layer of a million neurons costs a few arrays, not a million objects.

Example
-------
>>> xor = LutLayer(fan_in=[[0, 1]], table=[0b0110], origin=[0])
>>> xor.n_neurons, xor.fan_in_count.tolist()
(1, [2])
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FAN_IN_MAX = 6
"""The largest fan-in: a table of ``2**6`` entries is one 64-bit word."""

UNUSED = -1
"""The value of a ``fan_in`` slot that is not connected; unused slots come last."""


def _column(values: ArrayLike, dtype: Any, ndim: int) -> NDArray[Any]:
    array = np.array(values, dtype=dtype, ndmin=ndim, copy=True)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class ThermometerEncoder:
    """Turn grey pixels into bits by comparing each pixel with rising thresholds.

    Input bit ``p * n_thresholds + t`` is ``pixel[p] >= thresholds[t]``.

    Parameters
    ----------
    height, width : int
        Image size in pixels; pixel ``p = row * width + column``.
    thresholds : uint8[n_thresholds]
        Strictly rising grey levels, 1 to 255.
    """

    height: int
    width: int
    thresholds: NDArray[np.uint8]

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", _column(self.thresholds, np.uint8, 1))

    @property
    def n_pixels(self) -> int:
        """Pixels of one image."""
        return self.height * self.width

    @property
    def n_thresholds(self) -> int:
        """Bits of one pixel."""
        return int(self.thresholds.size)

    @property
    def n_bits(self) -> int:
        """Bits of one encoded image."""
        return self.n_pixels * self.n_thresholds

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Encode images to bits.

        Parameters
        ----------
        images : uint8[n, height, width]

        Returns
        -------
        uint8[n, n_bits]
            Zeros and ones in the bit order of the class.
        """
        pixels = images.reshape(len(images), self.n_pixels, 1)
        bits = (pixels >= self.thresholds).astype(np.uint8)
        return bits.reshape(len(images), self.n_bits)


@dataclass(frozen=True, slots=True, eq=False)
class LutLayer:
    """Hold one layer of truth tables, one register stage of hardware.

    Parameters
    ----------
    fan_in : int32[n_neurons, k]
        Which output of the previous layer (or which input bit) drives address bit ``k``;
        bit 0 is the least significant.  Unused slots are :data:`UNUSED` and come last.
    table : uint64[n_neurons]
        Truth tables: bit ``a`` is the output at address ``a``.  Bits at and above
        ``2**fan_in_count`` are zero.  A neuron without inputs is the constant ``table & 1``.
    origin : int32[n_neurons]
        Each neuron's number in the trained model's layer; names in Verilog and reports use it.
    """

    fan_in: NDArray[np.int32]
    table: NDArray[np.uint64]
    origin: NDArray[np.int32]
    fan_in_count: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fan_in", _column(self.fan_in, np.int32, 2))
        object.__setattr__(self, "table", _column(self.table, np.uint64, 1))
        object.__setattr__(self, "origin", _column(self.origin, np.int32, 1))
        count = (self.fan_in != UNUSED).sum(axis=1)
        object.__setattr__(self, "fan_in_count", _column(count, np.int32, 1))

    @property
    def n_neurons(self) -> int:
        """Neurons of the layer, which are also its output bits."""
        return int(self.table.size)


@dataclass(frozen=True, slots=True, eq=False)
class VoteHead:
    """Count the last layer's bits by class and answer with the class of most votes.

    The score of class ``c`` is ``bias[c]`` plus the number of its votes that are set; the answer
    is the class of the highest score, and **the lowest class index among equals**.

    Parameters
    ----------
    source : int32[n_votes]
        Which output of the last layer a vote reads; one output may vote more than once.
    class_index : int32[n_votes]
        Which class it votes for; never falling.
    bias : int32[n_classes]
        Votes that are always set (constants folded by lowering); not negative.
    """

    source: NDArray[np.int32]
    class_index: NDArray[np.int32]
    bias: NDArray[np.int32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", _column(self.source, np.int32, 1))
        object.__setattr__(self, "class_index", _column(self.class_index, np.int32, 1))
        object.__setattr__(self, "bias", _column(self.bias, np.int32, 1))

    @property
    def n_votes(self) -> int:
        """Votes of all classes together."""
        return int(self.source.size)

    @property
    def n_classes(self) -> int:
        """Classes to choose from."""
        return int(self.bias.size)

    @property
    def score_max(self) -> int:
        """The highest score any class can reach; fixes the width of scores in hardware."""
        votes = np.bincount(self.class_index, minlength=self.n_classes)
        return int((votes + self.bias).max(initial=0))


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Describe a whole classifier: encoder, layers of truth tables, vote.

    Parameters
    ----------
    encoder : ThermometerEncoder
    layers : tuple of LutLayer
        Layer ``l`` reads the outputs of layer ``l - 1``; layer 0 reads the encoder's bits.
        With no layers the vote reads the encoder's bits.
    head : VoteHead
    """

    encoder: ThermometerEncoder
    layers: tuple[LutLayer, ...]
    head: VoteHead

    @property
    def n_neurons(self) -> int:
        """Neurons of all layers together."""
        return sum(layer.n_neurons for layer in self.layers)

    @property
    def n_classes(self) -> int:
        """Classes the network chooses from."""
        return self.head.n_classes

    def layer_input_size(self, layer_index: int) -> int:
        """Give the number of bits that layer ``layer_index`` may read."""
        return self.encoder.n_bits if layer_index == 0 else self.layers[layer_index - 1].n_neurons
