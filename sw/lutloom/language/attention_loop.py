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

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lutloom.attention import AttentionConfig, attend
from lutloom.attention.calibrate import PERCENTILES, Attend, CalibratedAttention, calibrate
from lutloom.language.attention_capture import AttentionRows
from lutloom.language.attention_in_the_loop import (
    AttentionInTheLoop,
    calibrate_each,
    with_attention,
)
from lutloom.language.transformer import Transformer

Executor = Callable[[CalibratedAttention], Attend]
"""Make what attends by a layer; called once a block."""


def attend_in_numpy(calibrated: CalibratedAttention) -> Attend:
    """Attend by the specification."""
    return functools.partial(attend, calibrated.layer)


class DifferenceCount:
    """Attend by two executors, count where they differ, and go on with the second's answer.

    Parameters
    ----------
    reference, other : callable
        Each makes what attends by a layer, of either kind; see :data:`Executor`.

    Attributes
    ----------
    differing, compared : int
        Integers of outputs, over all blocks and calls.
    """

    def __init__(
        self,
        reference: Callable[[Any], Callable[..., NDArray[np.int8]]],
        other: Callable[[Any], Callable[..., NDArray[np.int8]]],
    ) -> None:
        self.reference, self.other = reference, other
        self.differing = self.compared = 0

    def __call__(self, calibrated: Any) -> Callable[..., NDArray[np.int8]]:
        """Make both; see :data:`Executor`."""
        first, second = self.reference(calibrated), self.other(calibrated)

        def attend_by_both(*rows: NDArray[Any]) -> NDArray[np.int8]:
            wanted, found = first(*rows), second(*rows)
            self.differing += int((wanted != found).sum())
            self.compared += wanted.size
            return found

        return attend_by_both


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

    def calibrate_block(
        config: AttentionConfig, rows: AttentionRows, where: str
    ) -> CalibratedAttention:
        return calibrate(config, *rows.inputs, percentiles, where=where)

    return calibrate_each(model, tokens, blocks, calibrate_block, progress)


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
    return with_attention(
        model,
        calibrated,
        lambda attention, layer: AttentionInTheLoop(attention, layer, executor(layer)),
    )
