"""What ``lutloom lower`` does, apart from printing."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.cli.console import Advance
from lutloom.cli.hardware import pipeline_options
from lutloom.cli.workspace import Workspace
from lutloom.compare.ladder import rung
from lutloom.data import Dataset, split_validation
from lutloom.errors import InvalidFileError
from lutloom.files.atomic import write_json
from lutloom.files.model_state import ModelState, read_model
from lutloom.files.network_onnx import read_network, write_network
from lutloom.lower import lower
from lutloom.lower.eliminate_layers import eliminate_layers
from lutloom.report.records import EliminationRecord, LoweringRecord, PassLine, RecipeRecord
from lutloom.report.results import Estimate


def lower_model(
    space: Workspace,
    network_path: Path | None = None,
    *,
    accuracy_loss: float | None = None,
    watch: Advance | None = None,
) -> LoweringRecord:
    """Lower a folder's model, or a network from elsewhere, and record every pass.

    Where layers may go, the lowered network loses them and is lowered again.

    Parameters
    ----------
    space : Workspace
    network_path : Path or None
        Lowered instead of a trained model, which the folder must then not have.
    accuracy_loss : float or None
        Share of the validation images whose answers layers may cost; None: all layers stay.
    watch : callable, optional
        Told how many layers are gone.

    Returns
    -------
    LoweringRecord
        Also written to ``lower.json``.

    Raises
    ------
    InvalidFileError
        When what is to be lowered is not there, or not what it must be.
    MismatchError
        When a pass changed an answer; nothing is written.
    """
    source = _read_source(space, network_path)
    data = space.load_data()
    images = data.test_images
    start = time.perf_counter()
    result = lower(source, images)
    reference, passes, elimination = result.reference, result.passes, None
    broken = _count_changed(result.network, reference, images)
    if accuracy_loss is not None:
        shorter, elimination = _eliminate(space, data, result.network, accuracy_loss, watch)
        result = lower(shorter, images)
        passes += result.passes
        broken += _count_changed(result.network, shorter, images)
    seconds = time.perf_counter() - start
    network = result.network
    expected = _estimate(space, network)
    write_network(network, space.network)
    record = LoweringRecord(
        network_digest=ir.network_digest(network),
        network_sha256=hashlib.sha256(space.network.read_bytes()).hexdigest(),
        seconds=seconds,
        images_checked=result.images_checked,
        random_images_checked=result.random_images_checked,
        answers_changed=_count_changed(network, reference, images),
        passes=tuple(
            PassLine(
                name=p.name,
                neurons_before=p.neurons_before,
                neurons_after=p.neurons_after,
                inputs_before=p.inputs_before,
                inputs_after=p.inputs_after,
            )
            for p in passes
            if p.changed
        ),
        neurons=network.n_neurons,
        widths=tuple(layer.n_neurons for layer in network.layers),
        thresholds=tuple(int(t) for t in network.encoder.thresholds),
        device=space.recipe.hardware.device,
        estimate=expected,
        rung=rung(
            [p.verified and p.answers_equal for p in passes] + [broken == 0],
            f"{len(passes)} passes, each verified;"
            f" {broken} of {result.images_checked:,} answers changed by them",
        ),
        elimination=elimination,
    )
    if network_path is not None:
        kept = RecipeRecord(name=space.name, data=space.data, recipe=space.recipe)
        write_json(space.record("recipe"), kept)
    write_json(space.record("lower"), record)
    return record


def _read_source(space: Workspace, network_path: Path | None) -> ModelState | ir.Network:
    if network_path is None:
        return read_model(space.need(space.state, "train"))
    if space.state.exists():
        raise InvalidFileError(
            f"{space.state}: must not exist beside a network from elsewhere; "
            "give another folder with --work"
        )
    return read_network(network_path)


def _count_changed(network: ir.Network, reference: ir.Network, images: NDArray[np.uint8]) -> int:
    return int((ir.classify(network, images) != ir.classify(reference, images)).sum())


def _eliminate(
    space: Workspace,
    data: Dataset,
    network: ir.Network,
    accuracy_loss: float,
    watch: Advance | None,
) -> tuple[ir.Network, EliminationRecord]:
    """Take layers out, chosen on the images that training held out."""
    recipe = space.recipe
    _, held_out = split_validation(
        len(data.train_images), recipe.data.validation_images, recipe.training.seed
    )
    images, labels = data.train_images[held_out], data.train_labels[held_out]
    found = eliminate_layers(network, images, labels, accuracy_loss=accuracy_loss, progress=watch)
    record = EliminationRecord(
        layers=found.removed,
        layers_before=len(network.layers),
        validation_images=found.images,
        validation_accuracy_before=found.accuracy_before,
        validation_accuracy=found.accuracy,
    )
    return found.network, record


def _estimate(space: Workspace, network: ir.Network) -> Estimate:
    from lutloom.lower.estimate import estimate

    expected = estimate(network, pipeline_options(space.recipe.hardware))
    return Estimate(lut4=expected.lut4, ff=expected.ff, latency_cycles=expected.latency_cycles)
