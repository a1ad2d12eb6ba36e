"""What ``lutloom lower`` does, apart from printing."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from lutloom import ir
from lutloom.cli.hardware import pipeline_options
from lutloom.cli.workspace import Workspace
from lutloom.compare.ladder import rung
from lutloom.errors import InvalidFileError
from lutloom.files.atomic import write_json
from lutloom.files.model_state import ModelState, read_model
from lutloom.files.network_onnx import read_network, write_network
from lutloom.lower import lower
from lutloom.report.records import LoweringRecord, PassLine, RecipeRecord
from lutloom.report.results import Estimate


def lower_model(space: Workspace, network_path: Path | None = None) -> LoweringRecord:
    """Lower a folder's model, or a network from elsewhere, and record every pass.

    Parameters
    ----------
    space : Workspace
    network_path : Path or None
        Lowered instead of a trained model, which the folder must then not have.

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
    images = space.load_data().test_images
    start = time.perf_counter()
    result = lower(source, images)
    seconds = time.perf_counter() - start
    network = result.network
    changed = int((ir.classify(network, images) != ir.classify(result.reference, images)).sum())
    expected = _estimate(space, network)
    write_network(network, space.network)
    record = LoweringRecord(
        network_digest=ir.network_digest(network),
        network_sha256=hashlib.sha256(space.network.read_bytes()).hexdigest(),
        seconds=seconds,
        images_checked=result.images_checked,
        random_images_checked=result.random_images_checked,
        answers_changed=changed,
        passes=tuple(
            PassLine(
                name=p.name,
                neurons_before=p.neurons_before,
                neurons_after=p.neurons_after,
                inputs_before=p.inputs_before,
                inputs_after=p.inputs_after,
            )
            for p in result.passes
            if p.changed
        ),
        neurons=network.n_neurons,
        widths=tuple(layer.n_neurons for layer in network.layers),
        thresholds=tuple(int(t) for t in network.encoder.thresholds),
        device=space.recipe.hardware.device,
        estimate=expected,
        rung=rung(
            [p.verified and p.answers_equal for p in result.passes] + [changed == 0],
            f"{len(result.passes)} passes, each verified;"
            f" {changed} of {result.images_checked:,} answers changed",
        ),
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


def _estimate(space: Workspace, network: ir.Network) -> Estimate:
    from lutloom.lower.estimate import estimate

    expected = estimate(network, pipeline_options(space.recipe.hardware))
    return Estimate(lut4=expected.lut4, ff=expected.ff, latency_cycles=expected.latency_cycles)
