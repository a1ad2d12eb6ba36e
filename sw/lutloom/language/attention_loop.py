"""A transformer with integer attention in the loop, so that it is judged by perplexity.

Everything but attention stays in floats.  What attends is given: numpy, ONNX Runtime, or hardware.

Example
-------
>>> calibrated = calibrate_blocks(model, windows(train, 128)[:16, :-1])      # doctest: +SKIP
>>> integer = with_integer_attention(model, calibrated)              # doctest: +SKIP
>>> perplexity(integer, held_out) / perplexity(model, held_out)      # doctest: +SKIP
1.002
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.attention import attend, seen_keys
from lutloom.attention.calibrate import PERCENTILES, Attend, CalibratedAttention, calibrate
from lutloom.errors import InvalidDataError
from lutloom.language.attention_capture import (
    attention_config,
    attention_of,
    capture_attention,
)
from lutloom.language.transformer import Attention, Transformer

Executor = Callable[[CalibratedAttention], Attend]
"""Make what attends by a layer; called once a block."""


def attend_in_numpy(calibrated: CalibratedAttention) -> Attend:
    """Attend by the specification."""
    return functools.partial(attend, calibrated.layer)


class DifferenceCount:
    """Attend by two executors, count where they differ, and go on with the second's answer.

    Parameters
    ----------
    reference, other : Executor

    Attributes
    ----------
    differing, compared : int
        Integers of outputs, over all blocks and calls.
    """

    def __init__(self, reference: Executor, other: Executor) -> None:
        self.reference, self.other = reference, other
        self.differing = self.compared = 0

    def __call__(self, calibrated: CalibratedAttention) -> Attend:
        """Make both; see :data:`Executor`."""
        first, second = self.reference(calibrated), self.other(calibrated)

        def attend_by_both(
            query: NDArray[np.int8], key: NDArray[np.int8], value: NDArray[np.int8]
        ) -> NDArray[np.int8]:
            wanted, found = first(query, key, value), second(query, key, value)
            self.differing += int((wanted != found).sum())
            self.compared += wanted.size
            return found

        return attend_by_both


class AttentionInTheLoop(nn.Module):
    """Stand in for a block's attention: quantise, attend in integers, dequantise, project.

    Parameters
    ----------
    attention : Attention
        Its four matrices are used as they are.
    calibrated : CalibratedAttention
        With all heads.
    attend_with : callable
    """

    def __init__(
        self, attention: Attention, calibrated: CalibratedAttention, attend_with: Attend
    ) -> None:
        super().__init__()
        self.attention, self.calibrated, self.attend_with = attention, calibrated, attend_with
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
        mixed = self.calibrated.run(rows[0], rows[1], rows[2], self.attend_with)
        joined = torch.from_numpy(mixed).to(x.dtype).permute(1, 2, 0, 3).reshape(n, t, -1)
        output: Tensor = self.attention.output(joined)
        return output


def calibrate_blocks(
    model: Transformer,
    tokens: Tensor,
    blocks: Iterable[int] | None = None,
    percentiles: Sequence[float] = PERCENTILES,
    *,
    progress: Callable[[float, float, str], None] | None = None,
) -> dict[int, CalibratedAttention]:
    """Calibrate all heads of some blocks, each on what it meets where nothing is quantised.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n_windows, n_positions]
    blocks : iterable of int, optional
        All by default.
    percentiles : sequence of float
        See :func:`lutloom.attention.calibrate.calibrate`.
    progress : callable, optional

    Returns
    -------
    dict of int to CalibratedAttention
    """
    config = attention_config(model.config)
    chosen = list(range(len(model.blocks)) if blocks is None else blocks)
    found: dict[int, CalibratedAttention] = {}
    for index, block in enumerate(chosen):
        rows = capture_attention(model, tokens, block)
        found[block] = calibrate(config, *rows.inputs, percentiles, where=f"block {block}")
        if progress is not None:
            progress(index + 1, len(chosen), f"block {block}")
    return found


def with_integer_attention(
    model: Transformer,
    calibrated: Mapping[int, CalibratedAttention],
    executor: Executor = attend_in_numpy,
) -> Transformer:
    """Give a copy of a model in which some blocks attend in integers; for evaluation only.

    Parameters
    ----------
    model : Transformer
        Is not changed.
    calibrated : dict of int to CalibratedAttention
        By block.
    executor : callable
        What attends; see :data:`Executor`.

    Returns
    -------
    Transformer
        For :func:`lutloom.language.pretraining.mean_loss` and ``perplexity``.

    Raises
    ------
    InvalidDataError
        If there is no such block, or a layer has other heads than the model.
    """
    changed = copy.deepcopy(model).eval()
    for block, layer in calibrated.items():
        attention = attention_of(changed, block)
        changed.blocks[block].attention = AttentionInTheLoop(attention, layer, executor(layer))
    return changed
