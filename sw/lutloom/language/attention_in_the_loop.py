"""What stands in for a block's attention, whatever it computes, and how it gets there.

:mod:`~lutloom.language.attention_loop` and :mod:`~lutloom.language.attention_binary_loop` say what.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.attention.config import AttentionConfig
from lutloom.attention.integer import seen_keys
from lutloom.errors import InvalidDataError
from lutloom.language.attention_capture import (
    AttentionRows,
    attention_config,
    attention_of,
    capture_attention,
)
from lutloom.language.transformer import Attention, Transformer

Rows = list[NDArray[np.float32]]
"""Queries, keys and values, ``float32[n_heads, n, t, head_size]``."""

C = TypeVar("C", bound="Calibrated")


class Layer(Protocol):
    """Be a layer of attention that knows its sizes."""

    @property
    def config(self) -> AttentionConfig:
        """Its sizes, and the keys a query sees."""


class Calibrated(Protocol):
    """Be what a trained model's attention was calibrated to."""

    @property
    def layer(self) -> Layer:
        """What attends."""

    def run(self, query: Any, key: Any, value: Any, attend_with: Any = None) -> NDArray[np.float64]:
        """Quantise, attend and dequantise; see ``CalibratedAttention.run``."""


class AttentionInTheLoop(nn.Module):
    """Stand in for a block's attention: quantise, attend, dequantise, project.

    Parameters
    ----------
    attention : Attention
        Its four matrices are used as they are.
    calibrated : Calibrated
        With all heads.
    attend_with : callable
        Given to the run of ``calibrated``.

    Attributes
    ----------
    calibrated : Calibrated

    Raises
    ------
    InvalidDataError
        If the heads are not those of the model.
    """

    calibrated: Calibrated

    def __init__(self, attention: Attention, calibrated: Calibrated, attend_with: Any) -> None:
        super().__init__()
        self.attention, self.attend_with = attention, attend_with
        self.calibrated = calibrated
        config = calibrated.layer.config
        heads = attention.n_heads, attention.head_size
        if (config.n_heads, config.head_size) != heads:
            raise InvalidDataError(
                f"attention in the loop: must have {heads[0]} heads of {heads[1]}, as the model, "
                f"not {config.n_heads} of {config.head_size}; calibrate on all heads of this model"
            )

    def forward(self, x: Tensor, rotation: Tensor | None, mask: Tensor | None) -> Tensor:
        """Attend; see :class:`~lutloom.language.transformer.Attention`.

        Raises
        ------
        InvalidDataError
            If the mask is not that of the layer's pattern, or there are too many positions.
        """
        n, t, _ = x.shape
        config = self.calibrated.layer.config
        given = np.tri(t, dtype=np.bool_) if mask is None else mask.numpy()
        if t > config.context or (given != seen_keys(config, t)).any():
            raise InvalidDataError(
                f"attention in the loop: must see keys as the layer does ({config.pattern}, "
                f"context {config.context}), but the model does not; calibrate again"
            )
        parts = self.attention.project(x, rotation)
        rows = [part.detach().transpose(0, 1).numpy() for part in parts]
        output: Tensor = self.attention.output(self._mix(parts, rows).reshape(n, t, -1))
        return output

    def _mix(self, parts: tuple[Tensor, Tensor, Tensor], rows: Rows) -> Tensor:
        """Attend with all heads, ``float[n, t, n_heads, head_size]``.

        Parameters
        ----------
        parts : tuple of float[n, n_heads, t, head_size]
            Queries, keys and values, with their gradients.
        rows : list of float32[n_heads, n, t, head_size]
            The same, without.
        """
        mixed = self.calibrated.run(rows[0], rows[1], rows[2], self.attend_with)
        return torch.from_numpy(mixed).to(parts[0].dtype).permute(1, 2, 0, 3)


def with_executor(model: Transformer, executor: Callable[[Any], Any]) -> Transformer:
    """Give a copy of a model in which the blocks attend as calibrated, but by something else.

    Parameters
    ----------
    model : Transformer
        From :func:`with_attention`; is not changed.
    executor : callable
        Makes what attends, from what a block was calibrated to.

    Returns
    -------
    Transformer
        Ready to be evaluated.
    """
    changed = copy.deepcopy(model)
    for module in changed.modules():
        if isinstance(module, AttentionInTheLoop):
            module.attend_with = executor(module.calibrated)
    return changed.eval()


def calibrate_each(
    model: Transformer,
    tokens: Tensor,
    blocks: Iterable[int] | None,
    calibrate: Callable[[AttentionConfig, AttentionRows, str], C],
    progress: Callable[[float, float, str], None] | None = None,
) -> dict[int, C]:
    """Calibrate some blocks, each on what it meets where nothing is quantised.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n_windows, n_positions]
    blocks : iterable of int or None
        None: all.
    calibrate : callable
        Takes configuration, rows and what errors call the block.
    progress : callable, optional

    Returns
    -------
    dict of int to Calibrated
    """
    config = attention_config(model.config)
    chosen = list(range(len(model.blocks)) if blocks is None else blocks)
    found: dict[int, C] = {}
    for index, block in enumerate(chosen):
        rows = capture_attention(model, tokens, block)
        found[block] = calibrate(config, rows, f"block {block}")
        if progress is not None:
            progress(index + 1, len(chosen), f"block {block}")
    return found


def with_attention(
    model: Transformer,
    calibrated: Mapping[int, C],
    make: Callable[[Attention, C], nn.Module],
) -> Transformer:
    """Give a copy of a model in which something else attends in some blocks.

    Parameters
    ----------
    model : Transformer
        Is not changed.
    calibrated : dict of int to Calibrated
        By block.
    make : callable
        Makes the stand-in.

    Returns
    -------
    Transformer
        Ready to be evaluated.

    Raises
    ------
    InvalidDataError
        If there is no such block.
    """
    changed = copy.deepcopy(model)
    for block, layer in calibrated.items():
        changed.blocks[block].attention = make(attention_of(changed, block), layer)
    return changed.eval()
