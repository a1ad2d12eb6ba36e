"""A transformer with binary attention in the loop: judged by perplexity, and trained on with it.

To evaluate, the specification itself attends.  To train, the same codes, weights and entries are
used, and gradients pass straight through what has none: a bit as the tanh of how far a row is from
its hyperplane, a weight as its share under a softmax over all keys seen, a value as itself.

Example
-------
>>> calibrated = calibrate_binary_blocks(model, windows(train, 128)[:16, :-1])   # doctest: +SKIP
>>> binary = with_binary_attention(model, calibrated)                # doctest: +SKIP
>>> pretrain(binary, train, PretrainingPlan(steps=300, learning_rate=1e-3))      # doctest: +SKIP
>>> perplexity(binary, held_out)                                     # doctest: +SKIP
22.9

References
----------
Bengio, Leonard and Courville, "Estimating or propagating gradients through stochastic neurons for
conditional computation", 2013.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.attention.binary import NO_WEIGHT, attend_binary, look_up, weigh
from lutloom.attention.binary_calibrate import (
    AttendBinary,
    CalibratedBinaryAttention,
    calibrate_binary,
)
from lutloom.attention.binary_codes import CodeMap
from lutloom.attention.integer import seen_keys
from lutloom.errors import InvalidDataError
from lutloom.language.attention_capture import (
    attention_config,
    attention_of,
    capture_attention,
)
from lutloom.language.transformer import Attention, Transformer

BinaryExecutor = Callable[[CalibratedBinaryAttention], AttendBinary]
"""Make what attends by a layer; called once a block."""

_SLOPE_MIN = 1 / 8


def attend_in_numpy(calibrated: CalibratedBinaryAttention) -> AttendBinary:
    """Attend by the specification."""
    return functools.partial(attend_binary, calibrated.layer)


class BinaryAttentionInTheLoop(nn.Module):
    """Stand in for a block's attention; in training mode gradients pass straight through.

    Parameters
    ----------
    attention : Attention
        Its four matrices are used, and trained.
    calibrated : CalibratedBinaryAttention
        With all heads; stays as it is.
    attend_with : callable
        Used to evaluate.
    """

    def __init__(
        self,
        attention: Attention,
        calibrated: CalibratedBinaryAttention,
        attend_with: AttendBinary,
    ) -> None:
        super().__init__()
        self.attention, self.calibrated, self.attend_with = attention, calibrated, attend_with
        config = calibrated.layer.config
        heads = attention.n_heads, attention.head_size
        if (config.n_heads, config.head_size) != heads:
            raise InvalidDataError(
                f"binary attention in the loop: must have {heads[0]} heads of {heads[1]}, as the "
                f"model, not {config.n_heads} of {config.head_size}; calibrate on all heads of "
                "this model"
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
                f"binary attention in the loop: must see keys as the layer does ({config.pattern}, "
                f"context {config.context}), but the model does not; calibrate again"
            )
        parts = self.attention.project(x, rotation)
        rows = [part.detach().transpose(0, 1).numpy() for part in parts]
        if self.training:
            mixed = torch.stack(
                [
                    self._attend_straight_through(
                        head, [part[:, head] for part in parts], [part[head] for part in rows]
                    )
                    for head in range(config.n_heads)
                ],
                dim=2,
            )
        else:
            found = self.calibrated.run(rows[0], rows[1], rows[2], self.attend_with)
            mixed = torch.from_numpy(found).to(x.dtype).permute(1, 2, 0, 3)
        output: Tensor = self.attention.output(mixed.reshape(n, t, -1))
        return output

    def _attend_straight_through(
        self, head: int, parts: list[Tensor], rows: list[NDArray[np.float32]]
    ) -> Tensor:
        """Attend with one head as the layer does, but for the rounding of outputs."""
        layer, codes = self.calibrated.layer, self.calibrated.codes[head]
        query = _straight_through_bits(parts[0], rows[0], codes.query)
        key = _straight_through_bits(parts[1], rows[1], codes.key)
        scores = (layer.code_bits + query @ key.transpose(1, 2)) / 2
        level = layer.level[head]
        seen = seen_keys(layer.config, scores.shape[1])
        integers = scores.detach().round().to(torch.int64).numpy()
        weight = torch.from_numpy(weigh(integers, seen, int(layer.n_kept[head]), level))
        share = (weight / weight.sum(dim=-1, keepdim=True)).to(scores.dtype)
        softened = scores * (_slope(level) * math.log(2))
        softened = softened.masked_fill(~torch.from_numpy(seen), -math.inf).softmax(dim=-1)
        value = torch.from_numpy(self._values(head, rows[2])).to(scores.dtype)
        mixed: Tensor = _straight_through(share, softened) @ _straight_through(value, parts[2])
        return mixed

    def _values(self, head: int, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give what values are worth once they are rounded, or entries of the codebook."""
        integers = self.calibrated.quantise_values(head, rows)
        flat = look_up(self.calibrated.layer, head, integers.reshape(-1, integers.shape[-1]))
        worth: NDArray[np.float64] = flat * self.calibrated.value_scale[head]
        return worth.reshape(rows.shape)


def calibrate_binary_blocks(
    model: Transformer,
    tokens: Tensor,
    blocks: Iterable[int] | None = None,
    *,
    code_bits: int = 32,
    n_kept: int = 4,
    group_size: int = 2,
    seed: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
) -> dict[int, CalibratedBinaryAttention]:
    """Calibrate all heads of some blocks, each on what it meets where nothing is quantised.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n_windows, n_positions]
    blocks : iterable of int, optional
        All by default.
    code_bits, n_kept, group_size, seed : int
        See :func:`lutloom.attention.binary_calibrate.calibrate_binary`.
    progress : callable, optional

    Returns
    -------
    dict of int to CalibratedBinaryAttention
    """
    config = attention_config(model.config)
    chosen = list(range(len(model.blocks)) if blocks is None else blocks)
    found: dict[int, CalibratedBinaryAttention] = {}
    for index, block in enumerate(chosen):
        rows = capture_attention(model, tokens, block)
        found[block] = calibrate_binary(
            config,
            *rows.inputs,
            code_bits=code_bits,
            n_kept=n_kept,
            group_size=group_size,
            seed=seed,
            where=f"block {block}",
        )
        if progress is not None:
            progress(index + 1, len(chosen), f"block {block}")
    return found


def with_binary_attention(
    model: Transformer,
    calibrated: Mapping[int, CalibratedBinaryAttention],
    executor: BinaryExecutor = attend_in_numpy,
) -> Transformer:
    """Give a copy of a model in which some blocks attend by codes.

    Parameters
    ----------
    model : Transformer
        Is not changed.
    calibrated : dict of int to CalibratedBinaryAttention
        By block.
    executor : callable
        What attends when the copy is evaluated; see :data:`BinaryExecutor`.

    Returns
    -------
    Transformer
        For :func:`lutloom.language.pretraining.pretrain`, ``mean_loss`` and ``perplexity``.

    Raises
    ------
    InvalidDataError
        If there is no such block, or a layer has other heads than the model.
    """
    changed = copy.deepcopy(model)
    for block, layer in calibrated.items():
        attention = attention_of(changed, block)
        changed.blocks[block].attention = BinaryAttentionInTheLoop(
            attention, layer, executor(layer)
        )
    return changed.eval()


def _straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Give ``hard`` with the gradient of ``soft``."""
    return soft + (hard - soft).detach()


def _straight_through_bits(part: Tensor, rows: NDArray[np.float32], codes: CodeMap) -> Tensor:
    """Give bits as -1 and 1, with the gradient of a tanh as wide as rows lie from the plane."""
    signs = torch.from_numpy(np.where(codes.bits(rows), 1.0, -1.0)).to(part.dtype)
    reachable = torch.from_numpy(np.abs(codes.threshold) < 1e20)
    direction = torch.from_numpy(codes.direction).to(part.dtype)
    threshold = torch.from_numpy(np.where(reachable, codes.threshold, 0.0)).to(part.dtype)
    beyond = part @ direction.T - threshold
    width = beyond.detach().abs().mean(dim=(0, 1)) + 1e-6
    soft = torch.tanh(beyond / width) * reachable
    return _straight_through(signs, soft)


def _slope(level: NDArray[np.int64]) -> float:
    """Fit the halvings a bit of a level table."""
    gap = np.flatnonzero(level < NO_WEIGHT)
    shift = level[gap] + 0.5 * (level[gap] > 0)
    return max(_SLOPE_MIN, float((gap * shift).sum() / max(1, int((gap * gap).sum()))))
