"""What ``lutloom train`` does, apart from printing."""

from __future__ import annotations

import hashlib

from lutloom.cli.console import Advance
from lutloom.cli.workspace import Workspace
from lutloom.errors import MissingExtraError
from lutloom.files.atomic import write_json
from lutloom.files.model_state import write_model
from lutloom.report.records import RecipeRecord, TrainingRecord
from lutloom.report.results import Epoch


def train_model(space: Workspace, *, resume: bool, watch: Advance) -> TrainingRecord:
    """Train a model into a folder and record how it went.

    Parameters
    ----------
    space : Workspace
    resume : bool
        Go on from the folder's checkpoint.
    watch : callable

    Returns
    -------
    TrainingRecord
        Also written to ``train.json``.

    Raises
    ------
    MissingExtraError
        When torch is not installed.
    """
    try:
        from lutloom.train.trainer import CHECKPOINT_NAME, train
    except ImportError as error:
        raise MissingExtraError(
            "train: torch must be installed; run: pip install 'lutloom[train]'"
        ) from error
    data = space.load_data()
    resume = resume and (space.folder / CHECKPOINT_NAME).exists()
    result = train(space.recipe, data, work_dir=space.folder, resume=resume, progress=watch)
    write_json(
        space.record("recipe"), RecipeRecord(name=space.name, data=space.data, recipe=space.recipe)
    )
    write_model(result.state, space.state)
    record = TrainingRecord(
        name=space.name,
        dataset=space.data,
        seed=space.recipe.training.seed,
        validation_images=result.validation_images,
        seconds=result.seconds,
        device=result.device,
        threads=result.threads,
        neurons=result.state.n_neurons,
        widths=tuple(layer.n_neurons for layer in result.state.layers),
        history=tuple(
            Epoch(
                epoch=e.epoch,
                train_accuracy=e.train_accuracy,
                validation_accuracy=e.validation_accuracy,
            )
            for e in result.history
        ),
        state_sha256=hashlib.sha256(space.state.read_bytes()).hexdigest(),
    )
    write_json(space.record("train"), record)
    return record
