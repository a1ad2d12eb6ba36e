"""Train deep stacks of width 64 and their controls, to see whether depth learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from lutloom.bench.figures import spread
from lutloom.data import load
from lutloom.models import classify_torch
from lutloom.recipe import DataSection, NetworkSection, Recipe, TrainingSection
from lutloom.train import train

WIDTH = 64
EPOCHS = {1: 4, 3: 4, 100: 4, 256: 4}
"""Depths that are trained, and for how many epochs."""

Trained = Literal["all", "last", "all_but_last"]
CONTROLS: tuple[Trained, ...] = ("all", "last", "all_but_last")


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train each depth with all layers, the last only, and all but the last.

    The test part is read once for each training, after it has ended.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
    """
    data = load("mnist")
    points = []
    for depth in EPOCHS:
        for trained in CONTROLS if depth > 1 else CONTROLS[:1]:
            accuracies, seconds = [], []
            for seed in range(n_seeds):
                result = train(_recipe(depth, trained, seed), data)
                right = classify_torch(result.state, data.test_images) == data.test_labels
                accuracies.append(float(right.mean()))
                seconds.append(result.seconds)
            say(f"{depth} layers, {trained}: {[f'{100 * a:.1f}' for a in accuracies]} %")
            points.append(
                {
                    "layers": depth,
                    "epochs": EPOCHS[depth],
                    "trained_layers": trained,
                    "test_accuracy": spread(accuracies),
                    "train_seconds": spread(seconds),
                }
            )
    recipe = _recipe(1, "all", 0)
    return {
        "width": WIDTH,
        "network": msgspec.to_builtins(recipe.network),
        "training": msgspec.to_builtins(recipe.training),
        "points": points,
    }


def _recipe(depth: int, trained: Trained, seed: int) -> Recipe:
    return Recipe(
        data=DataSection(thresholds=(100,)),
        network=NetworkSection(widths=(WIDTH,) * depth, window_pixels=3),
        training=TrainingSection(epochs=EPOCHS[depth], trained_layers=trained, seed=seed),
    )
