"""Lower random networks with waste in them, 10,000 to 1,000,000 neurons."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lutloom.bench.figures import peak_memory_bytes, spread
from lutloom.lower import lower
from lutloom.lower.random_network import random_network

SIZES = (10_000, 100_000, 1_000_000)
WASTE = 0.1


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Time all passes, verification and comparison after each included.

    Parameters
    ----------
    n_seeds : int
        At the largest size one is enough.
    say : callable

    Returns
    -------
    dict
    """
    points = []
    for size in SIZES:
        seconds = []
        for seed in range(n_seeds if size < SIZES[-1] else 1):
            widths = (size * 4 // 5, size // 5)
            network = random_network(seed, widths, waste=WASTE)
            started = time.perf_counter()
            result = lower(network)
            seconds.append(time.perf_counter() - started)
        figures = spread(seconds)
        say(f"{size:,} neurons: {figures['median']:.2f} s, {result.network.n_neurons:,} left")
        points.append(
            {
                "neurons": size,
                "neurons_after": result.network.n_neurons,
                "seconds": figures,
                "microseconds_per_neuron": 1e6 * figures["median"] / size,
                "peak_memory_bytes": peak_memory_bytes(),
            }
        )
    return {"waste": WASTE, "fan_in": 4, "points": points}
