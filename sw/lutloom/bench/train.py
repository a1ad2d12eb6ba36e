"""Train the shipped recipes on MNIST: test accuracy, seconds, memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import msgspec
import torch

from lutloom.bench.figures import peak_memory_bytes, spread
from lutloom.data import load
from lutloom.models import classify_torch
from lutloom.recipe import load_recipe
from lutloom.train import train

RECIPES = ("hx8k", "ecp5", "accurate")


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train each recipe once a seed; the test part is read once, after each training has ended.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
    """
    points = [_measure_recipe(name, n_seeds, say) for name in RECIPES]
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "peak_memory_bytes": peak_memory_bytes(),
        "points": points,
    }


def _measure_recipe(name: str, n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    data, recipe = load("mnist"), load_recipe(name)
    runs = []
    for seed in range(n_seeds):
        changed = msgspec.structs.replace(recipe.training, seed=seed)
        cpu_before = time.process_time()
        result = train(msgspec.structs.replace(recipe, training=changed), data)
        cpu_seconds = time.process_time() - cpu_before
        right = classify_torch(result.state, data.test_images) == data.test_labels
        run = {
            "seed": seed,
            "test_accuracy": float(right.mean()),
            "validation_accuracy": max(e.validation_accuracy for e in result.history),
            "train_seconds": result.seconds,
            "cpu_seconds": cpu_seconds,
            "epochs": len(result.history),
        }
        say(f"{name}, seed {seed}: {100 * run['test_accuracy']:.2f} % in {result.seconds:.0f} s")
        runs.append(run)
    return {
        "recipe": name,
        "neurons": result.state.n_neurons,
        "device": result.device,
        "test_accuracy": spread([run["test_accuracy"] for run in runs]),
        "train_seconds": spread([run["train_seconds"] for run in runs]),
        "runs": runs,
    }
