"""What attention of a trained transformer met on text: queries, keys and values, as numpy arrays.

Example
-------
>>> rows = capture_attention(model, windows(tokens, 128)[:, :-1], block=0)   # doctest: +SKIP
>>> calibrate(attention_config(model.config), *rows.inputs).layer    # doctest: +SKIP
IntegerAttention(...)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lutloom.attention.config import CONTEXT_MAX, AttentionConfig
from lutloom.errors import InvalidDataError, InvalidNetworkError
from lutloom.language.transformer import (
    Attention,
    Block,
    Transformer,
    TransformerConfig,
)
from lutloom.schema import SchemaError, convert


@dataclass(frozen=True, slots=True, eq=False)
class AttentionRows:
    """Hold what one block's attention took in and gave out.

    Parameters
    ----------
    query, key, value : float32[n_heads, n_windows, n_positions, head_size]
        Rotary positions applied to queries and keys; shared keys and values repeated.
    mixed : float32[n_heads, n_windows, n_positions, head_size]
        What it gave, before the output projection.
    """

    query: NDArray[np.float32]
    key: NDArray[np.float32]
    value: NDArray[np.float32]
    mixed: NDArray[np.float32]

    @property
    def inputs(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Queries, keys and values."""
        return self.query, self.key, self.value

    def select(self, heads: Sequence[int]) -> AttentionRows:
        """Keep some heads, in the order given."""
        index = list(heads)
        return AttentionRows(
            self.query[index], self.key[index], self.value[index], self.mixed[index]
        )


def attention_config(config: TransformerConfig, n_heads: int | None = None) -> AttentionConfig:
    """Give the configuration of integer attention for a transformer's blocks.

    Parameters
    ----------
    config : TransformerConfig
    n_heads : int, optional
        All by default.

    Returns
    -------
    AttentionConfig
        A stride beyond the longest context is cut to it, which changes no mask.

    Raises
    ------
    InvalidNetworkError
        If heads are too many, too small or too large, or the context is too long.
    """
    raw: dict[str, Any] = {
        "n_heads": config.n_heads if n_heads is None else n_heads,
        "head_size": config.head_size,
        "context": config.context,
        "pattern": config.pattern,
        "stride": min(config.stride, CONTEXT_MAX),
    }
    try:
        return convert(raw, AttentionConfig)
    except SchemaError as error:
        raise InvalidNetworkError(
            f"integer attention, {error}; train a model within these limits"
        ) from error


def attention_of(model: Transformer, block: int) -> Attention:
    """Give a block's attention.

    Parameters
    ----------
    model : Transformer
    block : int
        Counted from 0.

    Returns
    -------
    Attention

    Raises
    ------
    InvalidDataError
        If there is no such block, or its attention is already another.
    """
    n_blocks = len(model.blocks)
    if not 0 <= block < n_blocks:
        raise InvalidDataError(
            f"integer attention, block: must be one of the model's {n_blocks}, counted from 0, "
            f"not {block}; name one that is there"
        )
    attention = cast(Block, model.blocks[block]).attention
    if not isinstance(attention, Attention):
        raise InvalidDataError(
            f"integer attention, block {block}: must attend in floats, not by "
            f"{type(attention).__name__}; give the model itself"
        )
    return attention


@torch.inference_mode()
def capture_attention(model: Transformer, tokens: Tensor, block: int) -> AttentionRows:
    """Run a model up to a block, and keep what that block's attention meets.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n_windows, n_positions]
    block : int
        Counted from 0.

    Returns
    -------
    AttentionRows

    Raises
    ------
    InvalidDataError
        If there is no such block, or a number is not finite.
    """
    attention = attention_of(model, block)
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    hooks = (
        attention.register_forward_pre_hook(lambda _, given: inputs.append(given[0])),
        attention.output.register_forward_pre_hook(lambda _, given: outputs.append(given[0])),
    )
    model.eval()
    try:
        x = model.embed(tokens)
        for index in range(block + 1):
            x = model.run_block(index, x)
    finally:
        for hook in hooks:
            hook.remove()
    rotation = None if model.rotation is None else model.rotation[: tokens.shape[1]]
    n, t = tokens.shape
    mixed = outputs[0].view(n, t, attention.n_heads, attention.head_size).transpose(1, 2)
    parts = (*attention.project(inputs[0], rotation), mixed)
    rows = AttentionRows(*(part.transpose(0, 1).numpy() for part in parts))
    for name, part in (("queries", rows.query), ("keys", rows.key), ("values", rows.value)):
        if not np.isfinite(part).all():
            raise InvalidDataError(
                f"block {block}, {name}: must be finite numbers, but one is not; "
                "train the model again"
            )
    return rows
