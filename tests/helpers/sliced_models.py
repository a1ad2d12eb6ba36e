"""Sliced models small enough for tests, their weights as arrays, and rotations to turn them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from small_transformer import make_tokens, make_transformer
from torch import Tensor

from lutloom.language.model_file import build_transformer
from lutloom.language.slicing import slice_model
from lutloom.language.transformer import Transformer, TransformerConfig


def make_sliced(
    share: float = 0.3, seed: int = 0, orientation: str = "random", **changes: object
) -> Transformer:
    """A model sliced on random tokens: its shortcuts are nearly orthogonal, as real ones are."""
    whole = make_transformer(seed=seed, **changes)
    return slice_model(whole, make_windows(), share, orientation=orientation, seed=seed)  # type: ignore[arg-type]


def make_windows(n: int = 24, length: int = 17) -> Tensor:
    return torch.from_numpy(make_tokens(n * length, seed=5)).view(n, length)


def arrays(model: Transformer, dtype: str = "float16") -> dict[str, NDArray[Any]]:
    return {name: t.detach().numpy().astype(dtype) for name, t in model.state_dict().items()}


def from_arrays(config: TransformerConfig, tensors: Mapping[str, NDArray[Any]]) -> Transformer:
    made = {name: torch.from_numpy(a.astype(np.float32)) for name, a in tensors.items()}
    return build_transformer(config, made)


def random_rotation(width: int, seed: int = 0) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@torch.no_grad()
def logits(model: Transformer) -> NDArray[np.float32]:
    found: NDArray[np.float32] = model(make_windows(4)[:, :-1]).numpy()
    return found


def off(model: Transformer, other: Transformer) -> float:
    """Largest difference of two models' logits, as a share of the largest logit."""
    expected = logits(other)
    return float(np.abs(logits(model) - expected).max() / np.abs(expected).max())
