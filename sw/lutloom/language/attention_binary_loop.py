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

import functools
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lutloom.attention.binary import NO_WEIGHT, attend_binary, look_up, weigh
from lutloom.attention.binary_calibrate import (
    AttendBinary,
    CalibratedBinaryAttention,
    calibrate_binary,
)
from lutloom.attention.binary_codes import CodeMap
from lutloom.attention.config import AttentionConfig
from lutloom.attention.integer import seen_keys
from lutloom.language.attention_capture import AttentionRows
from lutloom.language.attention_in_the_loop import (
    AttentionInTheLoop,
    Rows,
    calibrate_each,
    with_attention,
)
from lutloom.language.transformer import Attention, Transformer

BinaryExecutor = Callable[[CalibratedBinaryAttention], AttendBinary]
"""Make what attends by a layer; called once a block."""

_SLOPE_MIN = 1 / 8


def attend_in_numpy(calibrated: CalibratedBinaryAttention) -> AttendBinary:
    """Attend by the specification."""
    return functools.partial(attend_binary, calibrated.layer)


class BinaryAttentionInTheLoop(AttentionInTheLoop):
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

    calibrated: CalibratedBinaryAttention

    def __init__(
        self,
        attention: Attention,
        calibrated: CalibratedBinaryAttention,
        attend_with: AttendBinary,
    ) -> None:
        super().__init__(attention, calibrated, attend_with)

    def _mix(self, parts: tuple[Tensor, Tensor, Tensor], rows: Rows) -> Tensor:
        """Attend with all heads; in training, head by head with gradients."""
        if not self.training:
            return super()._mix(parts, rows)
        heads = [
            self._attend_straight_through(
                head, [part[:, head] for part in parts], [part[head] for part in rows]
            )
            for head in range(self.calibrated.layer.config.n_heads)
        ]
        return torch.stack(heads, dim=2)

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

    def calibrate_block(
        config: AttentionConfig, rows: AttentionRows, where: str
    ) -> CalibratedBinaryAttention:
        return calibrate_binary(
            config,
            *rows.inputs,
            code_bits=code_bits,
            n_kept=n_kept,
            group_size=group_size,
            seed=seed,
            where=where,
        )

    return calibrate_each(model, tokens, blocks, calibrate_block, progress)


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
    return with_attention(
        model,
        calibrated,
        lambda attention, layer: BinaryAttentionInTheLoop(attention, layer, executor(layer)),
    )


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
