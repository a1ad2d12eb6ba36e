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
EPOCHS = {1: 4, 3: 4, 100: 3, 256: 2}
"""Depths that are trained, and for how many epochs."""
CONTROLS: tuple[Literal["all", "last", "all_but_last"], ...] = ("all", "last", "all_but_last")


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train each depth with all layers, the last only, and all but the last.

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
    for depth, epochs in EPOCHS.items():
        for kept in CONTROLS:
            accuracies = []
            for seed in range(n_seeds):
                recipe = Recipe(
                    data=DataSection(thresholds=(100,)),
                    network=NetworkSection(widths=(WIDTH,) * depth, window_pixels=3),
                    training=TrainingSection(epochs=epochs, trained_layers=kept, seed=seed),
                )
                result = train(recipe, data)
                right = classify_torch(result.state, data.test_images) == data.test_labels
                accuracies.append(float(right.mean()))
            say(f"{depth} layers, {kept}: {[f'{100 * a:.1f}' for a in accuracies]} %")
            points.append(
                {
                    "layers": depth,
                    "epochs": epochs,
                    "trained_layers": kept,
                    "test_accuracy": spread(accuracies),
                    "seconds": result.seconds,
                }
            )
    base = msgspec.to_builtins(recipe.training)
    return {"width": WIDTH, "fan_in": recipe.network.fan_in, "training": base, "points": points}
