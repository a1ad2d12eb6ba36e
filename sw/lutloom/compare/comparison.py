"""Run one network every way there is and hold each answer against the interpreter's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.compare.executors import EXECUTORS, Executor, NotHereError, Subject
from lutloom.compare.results import WRONG_MAX, Comparison, ExecutorResult, WrongAnswer
from lutloom.compare.trade_off import trade_off
from lutloom.errors import InvalidDataError
from lutloom.files.model_state import ModelState


def compare(
    network: ir.Network,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    network_path: Path,
    dataset: str,
    state: ModelState | None = None,
    recorded: Sequence[ExecutorResult] = (),
    tools: Mapping[str, str] = MappingProxyType({}),
    executors: Sequence[Executor] = EXECUTORS,
    watch: Callable[[float, float, str], None] = lambda *_: None,
) -> Comparison:
    """Compare executors on a test part.

    Parameters
    ----------
    network : ir.Network
    images : uint8[n, height, width]
    labels : int64[n]
    network_path : Path
        The ONNX file of the network, for readers of its own.
    dataset : str
        What the data set is called.
    state : ModelState, optional
        The trained state, for torch.
    recorded : sequence of ExecutorResult
        Results of executors that ran before on the same network and images.
    tools : mapping of str to str
        Versions to be recorded.
    executors : sequence of Executor
    watch : callable
        Called with steps done, steps in all, and the executor's title.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidDataError
        When images have another size than the network's, or labels are outside its classes.
    """
    _check(network, images, labels)
    reference = ir.classify(network, images)
    subject = Subject(network, network_path, state)
    results = []
    for done, executor in enumerate(executors):
        watch(done, len(executors) + 1, executor.title)
        results.append(_measure(executor, subject, images, labels, reference))
    watch(len(executors), len(executors) + 1, "accuracy against size")
    comparison = Comparison(
        network_digest=ir.network_digest(network),
        dataset=dataset,
        images=len(images),
        executors=(*results, *recorded),
        confusion=_confusion(labels, reference, network.n_classes),
        wrong=_wrong(images, labels, reference),
        trade_off=trade_off(network, images, labels),
        tools=dict(tools),
    )
    watch(len(executors) + 1, len(executors) + 1, "")
    return comparison


def _check(network: ir.Network, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    size = (network.encoder.height, network.encoder.width)
    if images.shape[1:] != size:
        raise InvalidDataError(
            f"test images: must be {size[0]} x {size[1]} pixels as the model's, not"
            f" {' x '.join(map(str, images.shape[1:]))}; give the data set it was trained on"
        )
    if len(images) == 0 or len(images) != len(labels):
        raise InvalidDataError(
            f"test part: must have as many labels as images and at least one, not {len(labels)}"
            f" labels and {len(images)} images; give a whole data set"
        )
    outside = (labels < 0) | (labels >= network.n_classes)
    if outside.any():
        raise InvalidDataError(
            f"test labels: must be 0..{network.n_classes - 1}, not {int(labels[outside][0])};"
            " give the data set the model was trained on"
        )


def _measure(
    executor: Executor,
    subject: Subject,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    reference: NDArray[np.int64],
) -> ExecutorResult:
    try:
        classify = executor.run(subject)
    except NotHereError as error:
        return ExecutorResult(name=executor.name, title=executor.title, note=str(error))
    classify(images[:64])  # first calls allocate and compile; they are not the rate
    start = time.perf_counter()
    answers = classify(images)
    seconds = time.perf_counter() - start
    return ExecutorResult(
        name=executor.name,
        title=executor.title,
        accuracy=float((answers == labels).mean()),
        mismatches=int((answers != reference).sum()),
        images=len(images),
        images_per_second=len(images) / max(seconds, 1e-9),
    )


def _confusion(
    labels: NDArray[np.int64], answers: NDArray[np.int64], n_classes: int
) -> tuple[tuple[int, ...], ...]:
    counts = np.bincount(labels * n_classes + answers, minlength=n_classes * n_classes)
    return tuple(tuple(int(n) for n in row) for row in counts.reshape(n_classes, n_classes))


def _wrong(
    images: NDArray[np.uint8], labels: NDArray[np.int64], answers: NDArray[np.int64]
) -> tuple[WrongAnswer, ...]:
    return tuple(
        WrongAnswer(
            index=int(i),
            label=int(labels[i]),
            answer=int(answers[i]),
            height=images.shape[1],
            width=images.shape[2],
            pixels=images[i].tobytes(),
        )
        for i in np.flatnonzero(labels != answers)[:WRONG_MAX]
    )
