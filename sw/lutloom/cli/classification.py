"""What ``lutloom classify`` does, apart from printing tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray

from lutloom import ir
from lutloom.boards.manifest import NETWORK, read_manifest
from lutloom.cli.console import Advance, ResultError
from lutloom.cli.workspace import open_workspace
from lutloom.errors import BoardError, InvalidRecipeError
from lutloom.files.network_onnx import read_network
from lutloom.flow import find_device
from lutloom.host import Board, open_port
from lutloom.host.pictures import Pictures, read_pictures
from lutloom_hw.board.boards import BoardKind, find_board
from lutloom_hw.options import PipelineOptions

_TWIN_TIMEOUT_S = 60.0
_BOARD_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Hold what a board is said to run.

    Parameters
    ----------
    network : ir.Network
    board : BoardKind
    options : PipelineOptions
    """

    network: ir.Network
    board: BoardKind
    options: PipelineOptions

    @property
    def digits(self) -> str:
        """What a board that runs it says of itself: the first eight digits of the digest."""
        return ir.network_digest(self.network)[:8]


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the answers of a board or its twin.

    Members
    -------
    source : the port, or ``twin``
    board : what the board says it runs: the first digits of the network's SHA-256
    names, classes : one a picture
    latency_cycles, latency_ns : from the last pixel to the class, in the chip; of the first picture
    accuracy : where the true classes are known
    mismatches : answers other than the network's, None where no network was given
    seconds : from the first picture to the last answer
    """

    source: str
    board: str
    names: tuple[str, ...]
    classes: tuple[int, ...]
    latency_cycles: int
    latency_ns: float
    accuracy: float | None
    mismatches: int | None
    seconds: float

    def print_answers(self) -> None:
        """Print a line a picture on stdout."""
        for name, found in zip(self.names, self.classes, strict=True):
            typer.echo(f"{name}: {found}")

    def summary(self) -> str:
        """Say in one line what came."""
        n = len(self.classes)
        words = [f"{n:,} picture{'s' if n != 1 else ''} in {self.seconds:.1f} s"]
        words.append(
            f"class {self.latency_cycles} clocks ({self.latency_ns:,.0f} ns) after the last pixel"
        )
        if self.accuracy is not None:
            words.append(f"{100 * self.accuracy:.2f} % right")
        if self.mismatches is not None:
            words.append(f"{self.mismatches} of {n:,} differ from the network")
        return "; ".join(words)


def find_model(bitstream: Path | None, work: Path | None, board: str) -> Model | None:
    """Find what is said to run, from a bitstream's folder or a model's.

    Parameters
    ----------
    bitstream, work : Path or None
    board : str
        For ``work``.

    Returns
    -------
    Model or None
        None where neither is given.
    """
    if bitstream is not None:
        manifest = read_manifest(bitstream)
        network = read_network(bitstream / NETWORK)
        return Model(network, find_board(manifest.board), manifest.pipeline_options())
    if work is not None:
        kind = find_board(board)
        options = PipelineOptions(family=find_device(kind.device).family)
        return Model(open_workspace(work, None, None).read_network(), kind, options)
    return None


def classify_pictures(
    sources: list[str],
    model: Model | None,
    *,
    port: str | None,
    twin: bool,
    first: int,
    watch: Advance,
) -> Classification:
    """Send pictures to a board or a twin, and compare the answers.

    Parameters
    ----------
    sources : list of str
    model : Model or None
        What is said to run; needed for a twin.
    port : str or None
    twin : bool
    first : int
        Pictures to send; 0: all.
    watch : callable

    Returns
    -------
    Classification

    Raises
    ------
    InvalidRecipeError
        If the options leave open what to talk to.
    InvalidFileError, InvalidDataError
        If a picture cannot be read.
    BoardError
        If the board is not there, does not answer, or runs another model.
    """
    if twin == (port is not None):
        raise InvalidRecipeError(
            "classify: must have a board's --port NAME or --twin, and not both; add one"
        )
    with _open(model, port) as board:
        identity = board.identify()
        if model is not None and identity.model != model.digits:
            raise BoardError(
                f"board: must run model {model.digits}, as in its folder, not {identity.model}; "
                "program it, or name the folder of what it runs"
            )
        pictures = read_pictures(sources, (identity.height, identity.width))
        images = pictures.images[: first or None]
        began_s = time.monotonic()
        answers = []
        for answer in board.classify(images):
            answers.append(answer)
            watch(len(answers), len(images))
        seconds = time.monotonic() - began_s
    classes = np.array([answer.class_index for answer in answers], dtype=np.int64)
    return Classification(
        source=port or "twin",
        board=identity.model,
        names=pictures.names[: len(images)],
        classes=tuple(classes.tolist()),
        latency_cycles=answers[0].clocks,
        latency_ns=1e9 * answers[0].clocks / identity.clock_hz,
        accuracy=_accuracy(pictures, classes),
        mismatches=(
            None if model is None else int((ir.classify(model.network, images) != classes).sum())
        ),
        seconds=seconds,
    )


def require_agreement(found: Classification) -> None:
    """Raise if an answer was not the network's.

    Raises
    ------
    ResultError
        Naming the first such picture.
    """
    if found.mismatches:
        raise ResultError(
            f"classify: every answer must be the network's, but {found.mismatches} of "
            f"{len(found.classes)} are not; report this as a bug of Lutloom"
        )


def _accuracy(pictures: Pictures, classes: NDArray[np.int64]) -> float | None:
    if pictures.labels is None:
        return None
    return float((pictures.labels[: len(classes)] == classes).mean())


@contextmanager
def _open(model: Model | None, port: str | None) -> Iterator[Board]:
    if port is not None:
        line = open_port(port)
        try:
            yield Board(line, timeout_s=_BOARD_TIMEOUT_S)
        finally:
            line.close()
        return
    if model is None:
        raise InvalidRecipeError(
            "classify, twin: must have a model; name one with --bitstream DIR or --work DIR"
        )
    from lutloom.emit import emit_design
    from lutloom_sim.twin import Twin

    design = emit_design(model.network, model.board, model.options)
    with Twin(design, model.board.clock_hz) as twin:
        line = open_port(twin.port_name)
        try:
            yield Board(line, timeout_s=_TWIN_TIMEOUT_S)
        finally:
            line.close()
