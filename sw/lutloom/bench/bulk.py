"""Run the Verilated pipeline of a random 4,000-neuron network over many images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lutloom.bench.figures import spread
from lutloom.lower.random_network import random_network
from lutloom_sim.simulate import simulate

WIDTHS = (1000, 1000, 1000, 1000)
N_IMAGES = 60_000


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Time the simulation itself; the build is reported beside it.

    Parameters
    ----------
    n_seeds : int
        How often the same build runs, on other images each time.
    say : callable

    Returns
    -------
    dict
    """
    network = random_network(0, WIDTHS)
    runs = []
    for seed in range(n_seeds):
        images = np.random.default_rng(seed).integers(0, 256, (N_IMAGES, 28, 28), dtype=np.uint8)
        runs.append(simulate(network, images, engine="bulk", optimise="fast"))
        say(f"{runs[-1].images_per_second:,.0f} images/s, {runs[-1].mismatches} differ")
    return {
        "neurons": network.n_neurons,
        "images": N_IMAGES,
        "images_per_second": spread([run.images_per_second for run in runs]),
        "mismatches": sum(run.mismatches for run in runs),
        "build_seconds": max(run.build_seconds for run in runs),
    }
