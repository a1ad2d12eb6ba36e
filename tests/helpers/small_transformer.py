"""A transformer small enough for tests, and text it can learn from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lutloom.language.transformer import Transformer, TransformerConfig

WORDS = ("cat", "dog", "bird", "fish"), ("sees", "hears", "follows"), ("slowly", "again", "today")


def make_config(**changes: object) -> TransformerConfig:
    values = {
        "vocabulary": 61, "n_blocks": 3, "width": 24, "n_heads": 3, "head_size": 8, "hidden": 40,
        "context": 16, **changes,
    }  # fmt: skip
    return TransformerConfig(**values)  # type: ignore[arg-type]


def make_transformer(seed: int = 0, **changes: object) -> Transformer:
    """A model of random weights, large enough that every part of it matters."""
    torch.manual_seed(seed)
    model = Transformer(make_config(**changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
            else:
                torch.nn.init.normal_(parameter, std=0.25)
    return model.eval()


def make_tokens(n: int, vocabulary: int = 61, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, vocabulary, n)


def make_text(n_lines: int = 1500, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    animals, verbs, adverbs = WORDS
    return "\n".join(
        f"the {rng.choice(animals)} {rng.choice(verbs)} the {rng.choice(animals)} "
        f"{rng.choice(adverbs)} ."
        for _ in range(n_lines)
    )
