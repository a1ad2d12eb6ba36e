"""The executors of a network: each a name, a title, and a function from images to classes.

What an executor needs is imported when it runs.  One that cannot run here says why; one that runs
and fails is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.compare.results import ExecutorName
from lutloom.errors import MissingExtraError

if TYPE_CHECKING:
    from lutloom.files.model_state import ModelState

Images = NDArray[np.uint8]
Classes = NDArray[np.int64]


class NotHereError(Exception):
    """Say why an executor cannot run on this machine."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Hold one network in the forms executors take.

    Parameters
    ----------
    network : ir.Network
    network_path : Path
        The ONNX file it was read from.
    state : ModelState or None
        The trained state it was lowered from.
    """

    network: ir.Network
    network_path: Path
    state: ModelState | None = None


@dataclass(frozen=True, slots=True)
class Executor:
    """Describe one way to run a network.

    Parameters
    ----------
    name, title : str
    run : callable
        Gives ``classify(images) -> int64[n]``, everything prepared, so that only answers are
        timed.  Raises :class:`NotHereError` where it cannot run.
    """

    name: ExecutorName
    title: str
    run: Callable[[Subject], Callable[[Images], Classes]]


def _torch(device: str) -> Callable[[Subject], Callable[[Images], Classes]]:
    def prepare(subject: Subject) -> Callable[[Images], Classes]:
        state = subject.state
        if state is None:
            raise NotHereError("no trained state of this network")
        try:
            from lutloom.models import classify_torch, devices
        except ImportError as error:
            raise NotHereError("torch is not installed") from error
        if device not in devices():
            raise NotHereError("no GPU here")
        return lambda images: classify_torch(state, images, device)

    return prepare


def _onnxruntime(subject: Subject) -> Callable[[Images], Classes]:
    from lutloom.files.onnxruntime_session import OnnxRuntimeClassifier

    try:
        classifier = OnnxRuntimeClassifier(subject.network_path)
    except MissingExtraError as error:
        raise NotHereError("ONNX Runtime is not installed") from error
    return lambda images: classifier.run(images)[0]


def _ir(subject: Subject) -> Callable[[Images], Classes]:
    return lambda images: ir.classify(subject.network, images)


EXECUTORS: tuple[Executor, ...] = (
    Executor("torch_cpu", "torch, CPU", _torch("cpu")),
    Executor("torch_cuda", "torch, CUDA", _torch("cuda")),
    Executor("onnxruntime", "ONNX Runtime, CPU", _onnxruntime),
    Executor("ir", "integer interpreter, 64 images a word", _ir),
)
"""Executors without simulation; ``simulate`` and ``synth`` record those of hardware."""
