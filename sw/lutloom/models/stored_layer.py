"""A layer read back from a file: it answers, and has nothing left to learn."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lutloom.files.model_state import LayerState
from lutloom.models.activation_first_layer import weighted_tables
from lutloom.models.layer import Layer


class StoredLayer(Layer):
    """Evaluate the tables of a stored layer of either kind.

    Parameters
    ----------
    state : LayerState
    n_inputs : int
        Outputs of the layer before, or encoder bits.
    """

    _tables: Tensor

    def __init__(self, state: LayerState, n_inputs: int) -> None:
        fan_in = torch.from_numpy(state.fan_in.astype(np.int64))[None]
        super().__init__(fan_in, n_inputs, shared_input=True)
        self.register_buffer("_tables", _tables(state)[None], persistent=False)
        self.refresh()

    def tables(self) -> Tensor:
        """Give the truth tables, ``bool[1, n_neurons, 2**k]``."""
        return self._tables


def _tables(state: LayerState) -> Tensor:
    if state.counter is not None:
        return torch.from_numpy(state.counter.copy()) > 0
    arrays = (state.weight, state.polarity_in, state.threshold)
    weight, polarity_in, threshold = (torch.from_numpy(np.array(a)) for a in arrays)
    return weighted_tables(weight, polarity_in, threshold)
