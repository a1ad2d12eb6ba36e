"""The training loop: answer, compare, move every layer at once, rewire, look at validation.

Example
-------
>>> result = train(load_recipe("hx8k"), load("mnist"))              # doctest: +SKIP
>>> result.history[-1].validation_accuracy                          # doctest: +SKIP
0.9668
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lutloom.data import Dataset, split_validation
from lutloom.errors import InvalidDataError
from lutloom.files.model_state import ModelState
from lutloom.ir import ThermometerEncoder
from lutloom.models import LearningLayer, VotingClassifier
from lutloom.models.bits import WORD_BITS, take_images
from lutloom.recipe import Recipe, recipe_digest
from lutloom.rules import output_error
from lutloom.train.batches import Batch, epoch_batches
from lutloom.train.build import build_encoder, build_model
from lutloom.train.checkpoint import (
    Checkpoint,
    EpochRecord,
    read_checkpoint,
    restore,
    write_checkpoint,
)
from lutloom.train.wiring import InputWindows, picture_order, rewire

CHECKPOINT_NAME = "checkpoint.safetensors"
"""What the checkpoint is called in its folder."""
_HIDDEN_LEARNING_RATE, _HIDDEN_LAYERS = 0.015, 16
_LEAST_ACTIVE = 16
_SAMPLE_BATCHES = 10
_SAMPLE_IMAGES = 64
_SHARE_SAMPLE = 20_000


class Progress(Protocol):
    """Hear how far training is."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Take epochs done, epochs in all, and a word about it."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Hold what training gave.

    Parameters
    ----------
    state : ModelState
        Of the epoch that was best on validation.
    history : tuple of EpochRecord
    seconds : float
        Spent training and validating, reading of files left out.
    device : str
    threads : int
        CPU threads torch had; the same number gives the same state again.
    validation_images : int
        Held out of the training part.
    """

    state: ModelState
    history: tuple[EpochRecord, ...]
    seconds: float
    device: str
    threads: int
    validation_images: int


class Trainer:
    """Hold a model, its images and all that changes while it learns.

    Parameters
    ----------
    recipe : Recipe
    data : Dataset
        Only its training part is read.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """

    def __init__(self, recipe: Recipe, data: Dataset, device: str) -> None:
        self.recipe = recipe
        self.device = torch.device(device)
        self.generator = torch.Generator().manual_seed(recipe.training.seed)
        chosen, held_out = split_validation(
            len(data.train_images), recipe.data.validation_images, recipe.training.seed
        )
        if len(chosen) < WORD_BITS:
            raise InvalidDataError(
                f"{data.name}: at least {WORD_BITS} images must be left to learn from, "
                f"not {len(chosen)}; lower 'validation_images' or add images"
            )
        images = torch.from_numpy(data.train_images.copy())
        labels = torch.from_numpy(data.train_labels.copy())
        self.images, self.labels = images[chosen].to(device), labels[chosen].to(device)
        self.held_out = images[held_out].to(device), labels[held_out].to(device)
        encoder = build_encoder(recipe.data, data)
        self.windows = self._windows(encoder, images[chosen[:_SHARE_SAMPLE]])
        model = build_model(recipe, encoder, data.n_classes, self.windows, self.generator)
        self.model: VotingClassifier = model.to(self.device)
        self.temperature = recipe.training.temperature or 0.75 * math.sqrt(model.n_votes)
        self.hidden_learning_rate = recipe.training.hidden_learning_rate or default_hidden_rate(
            len(model.layers) - 1
        )
        self.history: list[EpochRecord] = []
        self.best = self._snapshot()

    def _windows(self, encoder: ThermometerEncoder, some: Tensor) -> InputWindows:
        levels = torch.from_numpy(encoder.thresholds.copy())
        share = (some.flatten(1)[:, :, None] >= levels).float().mean(0).flatten()
        return InputWindows(encoder, share, self.recipe.network.window_pixels, self.generator)

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    @property
    def learning(self) -> list[bool]:
        """Which layers learn."""
        n = len(self.model.learning_stack)
        kept = self.recipe.training.trained_layers
        return [kept == "all" or (kept == "last") == (index == n - 1) for index in range(n)]

    def run_epoch(self, progress: Progress | None = None) -> float:
        """Go through the training images once, learning from each batch, and rewire.

        Returns
        -------
        float
            Share of right answers as the images came.
        """
        epoch, section = len(self.history), self.recipe.training
        done = epoch / section.epochs
        share = 1.0 - (1.0 - section.final_learning_rate_share) * done
        rewired = self._share_rewired(done)
        first = self.model.learning_stack[0]
        usefulness = torch.zeros(first.fan_in.shape[:2], device=self.device)
        sample: list[tuple[Tensor, Tensor]] = []
        right = seen = 0
        n_batches = -(-len(self.images) // section.batch)
        batches = epoch_batches(
            self.model, self.images, self.labels, section.batch,
            self.recipe.data.shift_pixels, self.generator,
        )  # fmt: skip
        for index, batch in enumerate(batches):
            outputs = self.model(batch.words)
            scores = self.model.count(outputs[-1])
            right += int((scores.argmax(dim=0) == batch.labels).sum())
            seen += len(batch.labels)
            error, images = self._strongest(scores, batch.labels)
            heard = self._learn(batch, outputs, error, images, share)
            if heard is not None:
                bits, drive, votes = heard
                usefulness += (drive * votes).sum(dim=2)
                if rewired and index >= n_batches - _SAMPLE_BATCHES:
                    some = np.s_[..., :_SAMPLE_IMAGES]  # the strongest errors come first
                    sample.append((bits[some], error[some]))
            if progress is not None:
                progress(epoch + (index + 1) / n_batches, section.epochs, self._note())
        if rewired and sample:
            self._rewire(first, usefulness, rewired, sample)
        return right / seen

    def _share_rewired(self, done: float) -> int:
        section = self.recipe.training
        if not section.rewire_until or not self.learning[0]:
            return 0
        share = section.rewire_share * max(0.0, 1.0 - done / section.rewire_until)
        return int(share * self.model.learning_stack[0].n_neurons)

    def _strongest(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Keep each output's images whose error is worth moving for."""
        error = output_error(scores, labels, self.model.n_votes, self.temperature)
        size = error.abs()
        active = int((size > self.recipe.training.error_floor).sum(dim=1).max())
        most = max(_LEAST_ACTIVE, int(self.recipe.training.active_share * labels.numel()))
        n_kept = min(max(active, _LEAST_ACTIVE), most, labels.numel())
        images = size.topk(n_kept, dim=1).indices
        return error.gather(1, images), images

    def _learn(
        self, batch: Batch, outputs: list[Tensor], error: Tensor, images: Tensor, share: float
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Move every layer by its own previous input and the one error; say what layer 1 heard."""
        section, stack = self.recipe.training, self.model.learning_stack
        heard = None
        for index, layer in enumerate(stack):
            if not self.learning[index]:
                continue
            if index == 0:
                bits = batch.bits.index_select(1, images.flatten())
                bits = bits.view(-1, *images.shape).permute(1, 0, 2)
            else:
                words = outputs[index - 1].view(layer.n_groups, layer.n_inputs, -1)
                bits = take_images(words, images)
            drive = layer.drive(bits, error)
            if index == 0:
                heard = bits, drive, layer.tables().to(torch.float32).mul_(2.0).sub_(1.0)
            last = index == len(stack) - 1
            rate = section.learning_rate if last else self.hidden_learning_rate
            layer.learn(drive, rate * share)
        return heard

    def _rewire(
        self, first: LearningLayer, usefulness: Tensor, n: int, sample: list[tuple[Tensor, Tensor]]
    ) -> None:
        bits = torch.cat([bits for bits, _ in sample], dim=2)
        error = torch.cat([error for _, error in sample], dim=1)
        n_candidates = self.recipe.training.candidates
        rewire(first, usefulness, n, self.windows, n_candidates, (bits, error))
        if self.recipe.network.grouped and len(self.model.learning_stack) > 1:
            first.reorder(picture_order(first.fan_in, self.model.encoder))
        first.refresh()

    def _note(self) -> str:
        if not self.history:
            return ""
        return f"validation {100 * self.history[-1].validation_accuracy:.2f} %"

    def validate(self) -> float:
        """Give the share of right answers on the held-out images."""
        images, labels = self.held_out
        return float((self.model.scores(images).argmax(dim=1) == labels).float().mean())

    def record(self, train_accuracy: float, seconds: float) -> None:
        """Validate, remember the epoch, and keep the model if it is the best so far."""
        accuracy = self.validate()
        best = max((e.validation_accuracy for e in self.history), default=-1.0)
        if accuracy > best:
            self.best = self._snapshot()
        self.history.append(
            EpochRecord(
                epoch=len(self.history) + 1,
                train_accuracy=train_accuracy,
                validation_accuracy=accuracy,
                seconds=seconds,
            )
        )

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or validation has not improved for long enough."""
        section, n = self.recipe.training, len(self.history)
        if n >= section.epochs:
            return True
        accuracies = [e.validation_accuracy for e in self.history]
        return bool(
            section.patience
            and accuracies
            and n - 1 - accuracies.index(max(accuracies)) >= section.patience
        )

    def checkpoint(self, dataset: str) -> Checkpoint:
        """Give all that is needed to go on from here."""
        return Checkpoint(
            recipe_digest(self.recipe), dataset, self._snapshot(), self.best,
            self.generator.get_state(), tuple(self.history),
        )  # fmt: skip

    def resume(self, checkpoint: Checkpoint, path: Path) -> None:
        """Go back to a checkpoint of the same recipe and data."""
        restore(self.model, checkpoint.tensors, path)
        for layer in self.model.learning_stack:
            layer.refresh()
        self.best = {name: tensor.to(self.device) for name, tensor in checkpoint.best.items()}
        self.generator.set_state(checkpoint.generator)
        self.history = list(checkpoint.history)


def default_hidden_rate(n_hidden: int) -> float:
    """Choose how far hidden layers move at once.

    Every layer turns some bits of the layers behind into noise while it moves, and this noise adds
    up like a random walk; so with many layers each moves less, by the root of their number.

    Parameters
    ----------
    n_hidden : int
        Layers before the last.

    Returns
    -------
    float
        A share of the counters' range, see ``hidden_learning_rate`` of a recipe.
    """
    return _HIDDEN_LEARNING_RATE * min(1.0, math.sqrt(_HIDDEN_LAYERS / max(1, n_hidden)))


@torch.inference_mode()
def train(
    recipe: Recipe,
    data: Dataset,
    *,
    work_dir: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    device: str | None = None,
) -> TrainingResult:
    """Train a network without derivatives.

    Runs under ``torch.inference_mode()``: there is no graph to differentiate.  The test part of
    the data is not read.

    Parameters
    ----------
    recipe : Recipe
    data : Dataset
    work_dir : Path, optional
        Where a checkpoint is kept after each epoch.
    resume : bool
        Go on from that checkpoint, exactly.
    progress : callable, optional
    device : str, optional
        ``"cuda"`` where there is one, else ``"cpu"``, unless given.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InvalidDataError, InvalidRecipeError
        If data and recipe do not go together.
    InvalidFileError
        If the checkpoint cannot be written or resumed from.
    """
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    started = time.perf_counter()
    trainer = Trainer(recipe, data, where)
    path = None if work_dir is None else work_dir / CHECKPOINT_NAME
    if path is not None and resume:
        trainer.resume(read_checkpoint(path, recipe_digest(recipe), data.name), path)
        started -= trainer.history[-1].seconds if trainer.history else 0.0
    elif path is not None:
        write_checkpoint(trainer.checkpoint(data.name), path)
    while not trainer.finished:
        accuracy = trainer.run_epoch(progress)
        trainer.record(accuracy, time.perf_counter() - started)
        if path is not None:
            write_checkpoint(trainer.checkpoint(data.name), path)
    seconds = trainer.history[-1].seconds
    trainer.model.load_state_dict(trainer.best)
    metadata = {"recipe_sha256": recipe_digest(recipe), "seed": str(recipe.training.seed)}
    state = trainer.model.to_state(metadata)
    return TrainingResult(
        state=state,
        history=tuple(trainer.history),
        seconds=seconds,
        device=where,
        threads=torch.get_num_threads(),
        validation_images=len(trainer.held_out[1]),
    )
