"""What benchmarks share: spread over seeds, peak memory."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Sequence


def spread(values: Sequence[float]) -> dict[str, float]:
    """Summarise repeated measurements.

    Returns
    -------
    dict
        ``min``, ``median``, ``max``, ``std`` (0 for one value) and ``n``.
    """
    return {
        "min": min(values),
        "median": statistics.median(values),
        "max": max(values),
        "std": statistics.stdev(values) if len(values) > 1 else 0.0,
        "n": len(values),
    }


def peak_memory_bytes() -> int:
    """Give the most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
