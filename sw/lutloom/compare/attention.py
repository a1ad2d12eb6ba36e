"""A trained model judged with each executor of its attention, from torch to Verilog.

Example
-------
>>> found = evaluate_in_the_loop(model, held_out, calibrated)        # doctest: +SKIP
>>> found[-1].executor, found[-1].differing                          # doctest: +SKIP
('verilog', 0)
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.binary_calibrate import CalibratedBinaryAttention
from lutloom.attention.calibrate import Attend, CalibratedAttention
from lutloom.compare.attention_results import LoopExecutor, LoopResult
from lutloom.files.attention_onnx import OnnxRuntimeAttention, write_attention
from lutloom.language.attention_loop import (
    DifferenceCount,
    attend_in_numpy,
    with_integer_attention,
)
from lutloom.language.pretraining import perplexity
from lutloom.language.transformer import Transformer
from lutloom_hw.attention_options import AttentionOptions
from lutloom_sim.attention import AttentionSimulator

Watch = Callable[[float, float, str], None]


def attend_in_onnxruntime(calibrated: CalibratedAttention) -> Attend:
    """Attend by the layer's ONNX file in ONNX Runtime.

    Parameters
    ----------
    calibrated : CalibratedAttention

    Returns
    -------
    callable

    Raises
    ------
    MissingExtraError
        If ONNX Runtime is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attention.onnx"
        write_attention(calibrated, path)
        return OnnxRuntimeAttention(path).run


class VerilogExecutor:
    """Attend by each layer's Verilog in Verilator.

    Parameters
    ----------
    options : AttentionOptions

    Attributes
    ----------
    simulators : list of AttentionSimulator
        One for each layer so far.
    """

    def __init__(self, options: AttentionOptions) -> None:
        self.options = options
        self.simulators: list[AttentionSimulator] = []

    def __call__(
        self, calibrated: CalibratedAttention | CalibratedBinaryAttention
    ) -> Callable[..., NDArray[np.int8]]:
        """Build one; see :data:`lutloom.language.attention_loop.Executor`."""
        self.simulators.append(AttentionSimulator(calibrated.layer, self.options, optimise="quick"))
        return self.simulators[-1].attend

    def close(self) -> None:
        """Free the simulators' memory."""
        for simulator in self.simulators:
            simulator.close()


def evaluate_in_the_loop(
    model: Transformer,
    tokens: NDArray[np.int64],
    calibrated: Mapping[int, CalibratedAttention],
    *,
    executors: Sequence[LoopExecutor] = ("torch", "numpy", "onnxruntime", "verilog"),
    options: AttentionOptions | None = None,
    watch: Watch | None = None,
) -> tuple[LoopResult, ...]:
    """Give the model's perplexity with each executor, and count where integers differ from numpy's.

    Parameters
    ----------
    model : Transformer
    tokens : int64[n]
        Held out.
    calibrated : dict of int to CalibratedAttention
        By block.
    executors : sequence of {"torch", "numpy", "onnxruntime", "verilog"}
        ``torch`` first.
    options : AttentionOptions, optional
        Of the engine; needed for ``verilog``.
    watch : callable, optional

    Returns
    -------
    tuple of LoopResult

    Raises
    ------
    MissingExtraError, ToolError
        If a package or tool is missing or fails.
    """
    found: list[LoopResult] = []
    for index, name in enumerate(executors):
        if watch is not None:
            watch(index, len(executors), f"attention in {name}")
        started_s = time.perf_counter()
        count, verilog = None, None
        if name == "onnxruntime":
            count = DifferenceCount(attend_in_numpy, attend_in_onnxruntime)
        elif name == "verilog":
            verilog = VerilogExecutor(options or AttentionOptions())
            count = DifferenceCount(attend_in_numpy, verilog)
        judged = model
        if name != "torch":
            judged = with_integer_attention(model, calibrated, count or attend_in_numpy)
        value = perplexity(judged, tokens)
        if verilog is not None:
            verilog.close()
        found.append(
            LoopResult(
                executor=name,
                perplexity=value,
                change=value / found[0].perplexity - 1 if found else 0.0,
                compared=None if count is None else count.compared,
                differing=None if count is None else count.differing,
                seconds=time.perf_counter() - started_s,
            )
        )
    if watch is not None:
        watch(len(executors), len(executors), "")
    return tuple(found)
