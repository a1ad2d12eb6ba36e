"""A stack of layers, one network for each output, that votes for a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.files.model_state import ModelState
from lutloom.ir import ThermometerEncoder
from lutloom.models.bits import WORD_BITS, byte_lanes, count_votes, pack_bits
from lutloom.models.layer import Layer, LearningLayer
from lutloom.models.stored_layer import StoredLayer

_BATCH = 4096


class VotingClassifier(nn.Module):
    """Answer with the class whose network has most set votes; the lowest index among equals.

    Parameters
    ----------
    encoder : ThermometerEncoder
    layers : sequence of Layer
    n_classes : int
        The last layer's outputs are as many blocks of votes, class after class.
    """

    thresholds: Tensor
    _lanes: Tensor

    def __init__(
        self, encoder: ThermometerEncoder, layers: Sequence[Layer], n_classes: int
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.layers = nn.ModuleList(layers)
        self.n_classes = n_classes
        self.register_buffer("thresholds", torch.from_numpy(encoder.thresholds.copy()))
        self.register_buffer("_lanes", byte_lanes("cpu"), persistent=False)

    @property
    def stack(self) -> list[Layer]:
        """The layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    @property
    def learning_stack(self) -> list[LearningLayer]:
        """The layers that can learn, in order: all, unless the model was read from a file."""
        return [layer for layer in self.layers if isinstance(layer, LearningLayer)]

    @property
    def n_votes(self) -> int:
        """Votes of one class."""
        last = self.stack[-1]
        return last.n_groups * last.n_neurons // self.n_classes

    def encode(self, images: Tensor) -> Tensor:
        """Encode images to bits by thermometer.

        Parameters
        ----------
        images : uint8[n, height, width]

        Returns
        -------
        uint8[n_bits, n]
            Bit ``p * n_thresholds + t`` is ``pixel[p] >= thresholds[t]``.
        """
        pixels = images.flatten(1).t().contiguous()
        bits = [pixels >= threshold for threshold in self.thresholds]
        return torch.stack(bits, dim=1).flatten(0, 1).view(torch.uint8)

    def forward(self, words: Tensor) -> list[Tensor]:
        """Evaluate every layer.

        Parameters
        ----------
        words : int64[n_bits, n_words]
            Packed input bits.

        Returns
        -------
        list of int64[n_classes * n_neurons, n_words]
            One a layer.
        """
        outputs = []
        for layer in self.stack:
            words = layer(words)
            outputs.append(words)
        return outputs

    def count(self, words: Tensor) -> Tensor:
        """Count the last layer's votes.

        Parameters
        ----------
        words : int64[n_classes * n_votes, n_words]

        Returns
        -------
        int32[n_classes, n_words * 64]
        """
        return count_votes(words, self.n_classes, self._lanes)

    def scores(self, images: Tensor) -> Tensor:
        """Score images by class.

        Parameters
        ----------
        images : uint8[n, height, width]

        Returns
        -------
        int32[n, n_classes]
        """
        parts = [torch.empty((0, self.n_classes), dtype=torch.int32, device=images.device)]
        for start in range(0, len(images), _BATCH):
            some = images[start : start + _BATCH]
            spare = -len(some) % WORD_BITS
            padded = torch.cat([some, some.new_zeros((spare, *some.shape[1:]))])
            votes = self.count(self(pack_bits(self.encode(padded)))[-1])
            parts.append(votes[:, : len(some)].t())
        return torch.cat(parts)

    def to_state(self, metadata: dict[str, str]) -> ModelState:
        """Give the trained state as plain arrays.

        Parameters
        ----------
        metadata : dict of str
            Notes to keep with it.

        Returns
        -------
        ModelState
        """
        return ModelState(
            encoder=self.encoder,
            n_classes=self.n_classes,
            layers=tuple(layer.to_state() for layer in self.learning_stack),
            metadata=metadata,
        )


@torch.inference_mode()
def classify_torch(
    state: ModelState, images: NDArray[np.uint8], device: str = "cpu"
) -> NDArray[np.int64]:
    """Run a trained state in torch.

    Parameters
    ----------
    state : ModelState
    images : uint8[n, height, width]
    device : str
        One of :func:`devices`.

    Returns
    -------
    int64[n]
        Classes; ties go to the lowest index.
    """
    sizes = [state.encoder.n_bits, *(layer.n_neurons for layer in state.layers)]
    layers = [StoredLayer(s, n) for s, n in zip(state.layers, sizes[:-1], strict=True)]
    model = VotingClassifier(state.encoder, layers, state.n_classes)
    model.to(device)
    scores = model.scores(torch.tensor(images, device=device))
    classes: NDArray[np.int64] = scores.cpu().numpy().argmax(axis=1)
    return classes


def devices() -> tuple[str, ...]:
    """List where torch can run here: ``"cpu"``, and ``"cuda"`` where a GPU is."""
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
