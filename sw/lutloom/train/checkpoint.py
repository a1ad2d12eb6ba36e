"""Everything training needs to go on exactly where it was, in one safetensors file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lutloom.errors import InvalidFileError
from lutloom.files.atomic import write_bytes
from lutloom.files.bounded import check_file

CHECKPOINT_BYTES_MAX = 2 << 30
"""Largest checkpoint that is read."""
_FORMAT = "lutloom checkpoint 1"


class EpochRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what one epoch gave.

    Members
    -------
    epoch : counted from 1
    train_accuracy : share of right answers on the (shifted) training images as they came
    validation_accuracy : share of right answers on the validation images afterwards
    seconds : since training began
    """

    epoch: int
    train_accuracy: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Hold a point between two epochs.

    Parameters
    ----------
    recipe_digest, dataset : str
        What it belongs to; nothing else may go on from it.
    tensors, best : dict of Tensor
        The model's buffers now, and at the best validation accuracy.
    generator : uint8[n]
        State of the random generator.
    history : tuple of EpochRecord
    """

    recipe_digest: str
    dataset: str
    tensors: dict[str, Tensor]
    best: dict[str, Tensor]
    generator: Tensor
    history: tuple[EpochRecord, ...]


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint wholly or not at all.

    Raises
    ------
    InvalidFileError
        If the disk refuses; an earlier checkpoint is kept.
    """
    tensors = {"generator": checkpoint.generator}
    for group, held in (("now", checkpoint.tensors), ("best", checkpoint.best)):
        for name, tensor in held.items():
            tensors[f"{group}.{name}"] = tensor.detach().cpu().clone().contiguous()
    header = {
        "format": _FORMAT,
        "recipe_digest": checkpoint.recipe_digest,
        "dataset": checkpoint.dataset,
        "history": msgspec.json.encode(checkpoint.history).decode(),
    }
    write_bytes(path, save(tensors, metadata=header))


def read_checkpoint(path: Path, recipe_digest: str, dataset: str) -> Checkpoint:
    """Read a checkpoint that belongs to a recipe and a data set.

    Raises
    ------
    InvalidFileError
        If it is missing, damaged, or of another recipe or data set.
    """
    check_file(path, CHECKPOINT_BYTES_MAX)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
        history = msgspec.json.decode(header.get("history", ""), type=tuple[EpochRecord, ...])
        generator = tensors.pop("generator")
    except (
        SafetensorError,
        msgspec.DecodeError,
        json.JSONDecodeError,
        KeyError,
        OSError,
        RecursionError,
    ) as error:
        raise InvalidFileError(
            f"{path}: must be a whole checkpoint, but {error}; delete it and train anew"
        ) from error
    for key, wanted in (
        ("format", _FORMAT), ("recipe_digest", recipe_digest), ("dataset", dataset),
    ):  # fmt: skip
        if header.get(key) != wanted:
            raise InvalidFileError(
                f"{path}: {key.replace('_', ' ')} must be {wanted!r}, not {header.get(key)!r}; "
                "resume with the recipe and data it was begun with, or delete it and train anew"
            )
    groups: dict[str, dict[str, Tensor]] = {"now": {}, "best": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    return Checkpoint(recipe_digest, dataset, groups["now"], groups["best"], generator, history)


def restore(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put a checkpoint's tensors back into a model of the same shape.

    Raises
    ------
    InvalidFileError
        If names, shapes or types are others.
    """
    held = dict(module.state_dict())
    if held.keys() != tensors.keys() or any(
        held[name].shape != tensor.shape or held[name].dtype != tensor.dtype
        for name, tensor in tensors.items()
    ):
        raise InvalidFileError(
            f"{path}: tensors must be those of the recipe's network, but names or shapes differ; "
            "delete it and train anew"
        )
    module.load_state_dict(tensors)
