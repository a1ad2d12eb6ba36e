"""Train deep stacks of width 64 and their controls, to see whether depth learns.

Where all layers were trained, those that hardly matter are taken out again, chosen on the images
training held out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from lutloom import ir
from lutloom.bench.figures import spread
from lutloom.data import Dataset, load, split_validation
from lutloom.files.model_state import ModelState
from lutloom.lower import lower
from lutloom.lower.eliminate_layers import eliminate_layers
from lutloom.models import classify_torch
from lutloom.recipe import DataSection, NetworkSection, Recipe, TrainingSection
from lutloom.train import train

WIDTH = 64
EPOCHS = {1: 4, 3: 4, 100: 4, 256: 4}
"""Depths that are trained, and for how many epochs."""

ACCURACY_LOSS = 0.001
"""Share of the held-out images whose answers eliminated layers may cost."""

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
    points: list[dict[str, Any]] = []
    for depth in EPOCHS:
        for trained in CONTROLS if depth > 1 else CONTROLS[:1]:
            accuracies, seconds, shorter = [], [], []
            for seed in range(n_seeds):
                recipe = _recipe(depth, trained, seed)
                result = train(recipe, data)
                right = classify_torch(result.state, data.test_images) == data.test_labels
                accuracies.append(float(right.mean()))
                seconds.append(result.seconds)
                if trained == "all" and depth > 1:
                    shorter.append(_eliminate(result.state, data, recipe))
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
            if shorter:
                left = {key: spread([one[key] for one in shorter]) for key in shorter[0]}
                points[-1]["eliminated"] = left
                say(
                    f"{depth} layers, {left['layers']['median']:.0f} left: test accuracy "
                    f"{100 * left['accuracy_change']['median']:+.2f} points"
                )
    recipe = _recipe(1, "all", 0)
    return {
        "width": WIDTH,
        "network": msgspec.to_builtins(recipe.network),
        "training": msgspec.to_builtins(recipe.training),
        "accuracy_loss": ACCURACY_LOSS,
        "points": points,
    }


def _eliminate(state: ModelState, data: Dataset, recipe: Recipe) -> dict[str, float]:
    """Lower a model, take out layers, lower again; read the test part before and after."""
    whole = lower(state, data.test_images).network
    _, held_out = split_validation(
        len(data.train_images), recipe.data.validation_images, recipe.training.seed
    )
    found = eliminate_layers(
        whole,
        data.train_images[held_out],
        data.train_labels[held_out],
        accuracy_loss=ACCURACY_LOSS,
    )
    left = lower(found.network, data.test_images).network
    before, after = (
        float((ir.classify(network, data.test_images) == data.test_labels).mean())
        for network in (whole, left)
    )
    return {
        "layers": len(left.layers),
        "neurons": left.n_neurons,
        "neurons_before": whole.n_neurons,
        "test_accuracy": after,
        "accuracy_change": after - before,
    }


def _recipe(depth: int, trained: Trained, seed: int) -> Recipe:
    return Recipe(
        data=DataSection(thresholds=(100,)),
        network=NetworkSection(widths=(WIDTH,) * depth, window_pixels=3),
        training=TrainingSection(epochs=EPOCHS[depth], trained_layers=trained, seed=seed),
    )
