"""Train the 98 % recipe on MNIST: test accuracy, seconds, memory."""

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

RECIPE = "accurate"


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train once a seed; the test part is read once, after each training has ended.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
    """
    data, recipe = load("mnist"), load_recipe(RECIPE)
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
        say(f"seed {seed}: {100 * run['test_accuracy']:.2f} % in {result.seconds:.0f} s")
        runs.append(run)
    return {
        "recipe": RECIPE,
        "neurons": result.state.n_neurons,
        "device": result.device,
        "threads": result.threads,
        "cores": os.cpu_count(),
        "torch": str(torch.__version__),
        "test_accuracy": spread([run["test_accuracy"] for run in runs]),
        "train_seconds": spread([run["train_seconds"] for run in runs]),
        "peak_memory_bytes": peak_memory_bytes(),
        "runs": runs,
    }
