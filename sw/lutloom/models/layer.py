"""What all layers share: wiring, evaluation from truth tables, and how learning reaches them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.files.model_state import LayerState
from lutloom.models.bits import look_up
from lutloom.rules import gather_drive, read_addresses


class Layer(nn.Module, ABC):
    """Evaluate one layer of equal groups of neurons, one group for each output.

    Parameters
    ----------
    fan_in : int64[n_groups, n_neurons, k]
        Which input of the group's own previous layer (layer 1: which encoder bit) is address bit
        ``k``; bit 0 is the least significant.
    n_inputs : int
        Inputs a group may choose from.
    shared_input : bool
        Whether all groups read the same inputs (layer 1 does).
    """

    fan_in: Tensor
    _masks: Tensor

    def __init__(self, fan_in: Tensor, n_inputs: int, *, shared_input: bool) -> None:
        super().__init__()
        self.n_inputs = n_inputs
        self.shared_input = shared_input
        self.n_groups, self.n_neurons, self.k = fan_in.shape
        self.register_buffer("fan_in", fan_in.clone())
        empty = torch.zeros((self.n_groups * self.n_neurons, 1 << self.k), dtype=torch.int64)
        self.register_buffer("_masks", empty, persistent=False)

    def extra_repr(self) -> str:
        """Tell the shape in torch's listings."""
        return f"groups={self.n_groups}, neurons={self.n_neurons}, fan_in={self.k}"

    @property
    def flat_fan_in(self) -> Tensor:
        """Wiring by flat input number, ``int64[n_groups * n_neurons, k]``."""
        if self.shared_input:
            return self.fan_in.flatten(0, 1)
        first = torch.arange(self.n_groups, device=self.fan_in.device) * self.n_inputs
        return (self.fan_in + first[:, None, None]).flatten(0, 1)

    @abstractmethod
    def tables(self) -> Tensor:
        """Give the truth tables, ``bool[n_groups, n_neurons, 2**k]``."""

    def refresh(self) -> None:
        """Take the truth tables over into evaluation; needed after every change."""
        self._masks.copy_(self.tables().flatten(0, 1).to(torch.int64).neg_())

    def forward(self, words: Tensor) -> Tensor:
        """Evaluate all neurons.

        Parameters
        ----------
        words : int64[n_inputs of all groups, n_words]

        Returns
        -------
        int64[n_groups * n_neurons, n_words]
        """
        return look_up(words, self.flat_fan_in, self._masks)


class LearningLayer(Layer):
    """Learn from one error an output and the layer's own previous input."""

    def drive(self, previous_input: Tensor, error: Tensor, fan_in: Tensor | None = None) -> Tensor:
        """Gather the error by what the previous input selects.

        Parameters
        ----------
        previous_input : uint8[n_groups, n_inputs, n_images]
        error : float32[n_groups, n_images]
        fan_in : int64[n_groups, n, k], optional
            Other wiring than the layer's own, to see what it would be worth.

        Returns
        -------
        float32[n_groups, n_neurons, 2**k]
        """
        wiring = self.fan_in if fan_in is None else fan_in
        return gather_drive(read_addresses(previous_input, wiring), error, 1 << self.k)

    @abstractmethod
    def learn(self, drive: Tensor, learning_rate: float) -> None:
        """Move by learning rate x drive; see :mod:`lutloom.rules`.

        Parameters
        ----------
        drive : float32[n_groups, n_neurons, 2**k]
        learning_rate : float
            As a share of the range of what moves.
        """

    def flat_wiring(self) -> NDArray[np.int32]:
        """Give :attr:`flat_fan_in` as it is stored, ``int32[n_groups * n_neurons, k]``."""
        wiring: NDArray[np.int32] = self.flat_fan_in.to(torch.int32).cpu().numpy()
        return wiring

    @abstractmethod
    def to_state(self) -> LayerState:
        """Give what was learnt as plain arrays, groups one after another."""

    def replace(self, neurons: Tensor, fan_in: Tensor, drive: Tensor) -> None:
        """Rewire neurons and set what they know from one gathered drive.

        Parameters
        ----------
        neurons : int64[n_groups, n]
        fan_in : int64[n_groups, n, k]
        drive : float32[n_groups, n, 2**k]
        """
        groups = torch.arange(self.n_groups, device=neurons.device)[:, None]
        self.fan_in[groups, neurons] = fan_in
        self._forget(groups, neurons, drive)

    @abstractmethod
    def _forget(self, groups: Tensor, neurons: Tensor, drive: Tensor) -> None:
        """Begin neurons anew from one gathered drive, as :meth:`replace` says."""

    def reorder(self, order: Tensor) -> None:
        """Put the neurons of each group in another order.

        Parameters
        ----------
        order : int64[n_groups, n_neurons]
            Row ``i`` of the new order is row ``order[i]`` of the old.
        """
        groups = torch.arange(self.n_groups, device=order.device)[:, None]
        for buffer in self._by_neuron():
            buffer.copy_(buffer[groups, order])

    def _by_neuron(self) -> list[Tensor]:
        """List the buffers that have a row for each neuron."""
        shape = (self.n_groups, self.n_neurons)
        return [b for b in self.buffers() if b.shape[:2] == shape]


def flat_array(tensor: Tensor) -> NDArray[Any]:
    """Give a tensor of groups and neurons as one numpy array of all neurons.

    Parameters
    ----------
    tensor : [n_groups, n_neurons, ...]

    Returns
    -------
    [n_groups * n_neurons, ...]
    """
    array: NDArray[Any] = tensor.flatten(0, 1).cpu().numpy()
    return array
