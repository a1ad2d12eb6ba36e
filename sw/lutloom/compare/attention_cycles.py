"""Clocks of attention under every pattern: measured in Verilog, and by the engine's formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lutloom.attention.batch import random_batch
from lutloom.attention.config import AttentionConfig, IntegerAttention
from lutloom.attention.integer import seen_keys
from lutloom.compare.attention_results import CyclePoint
from lutloom.errors import MismatchError
from lutloom.language.masks import Pattern, mask_density
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.attention_top import AttentionTop
from lutloom_sim.attention import simulate_attention

PATTERNS: tuple[tuple[Pattern, int], ...] = (
    ("causal", 1),
    ("local", 8),
    ("local", 16),
    ("local", 32),
    ("local", 64),
    ("local", 128),
    ("strided", 8),
    ("strided", 16),
    ("local_strided", 16),
    ("local_strided", 32),
    ("fixed", 16),
    ("fixed", 32),
)

_MULTIPLIER = 300


def measure_cycles(
    *,
    positions: int = 256,
    head_size: int = 16,
    options: AttentionOptions,
    patterns: Sequence[tuple[Pattern, int]] = PATTERNS,
    watch: Callable[[float, float, str], None] | None = None,
) -> tuple[CyclePoint, ...]:
    """Run random rows through one head's Verilog under each pattern and count clocks.

    Clocks do not depend on the numbers, so random ones will do.

    Parameters
    ----------
    positions, head_size : int
    options : AttentionOptions
        Of one engine.
    patterns : sequence of (Pattern, int)
        With strides.
    watch : callable, optional

    Returns
    -------
    tuple of CyclePoint

    Raises
    ------
    MismatchError
        If an integer differs from the model's.
    """
    points = []
    for index, (pattern, stride) in enumerate(patterns):
        if watch is not None:
            watch(index, len(patterns), f"{pattern} {stride}")
        config = AttentionConfig(
            n_heads=1, head_size=head_size, context=positions, pattern=pattern, stride=stride
        )
        layer = IntegerAttention(config, np.array([_MULTIPLIER]), np.array([0]))
        found = simulate_attention(
            layer, random_batch(config, 1), options=options, engine="bulk", optimise="quick"
        )
        if not found.agrees:
            raise MismatchError(
                f"attention, pattern {pattern}: the engine must give the model's integers, but "
                f"{found.differing} differ; report this as a bug of Lutloom"
            )
        top = AttentionTop(layer, options)
        points.append(
            CyclePoint(
                kind="int8",
                pattern=pattern,
                stride=stride,
                positions=positions,
                head_size=head_size,
                lanes=options.lanes,
                density=mask_density(pattern, positions, stride),
                keys=int(seen_keys(config, positions).sum()),
                cycles=found.cycles,
                formula_cycles=top.cycles(positions),
                lane_use=top.timing.useful_slots(positions) / found.cycles,
            )
        )
    return tuple(points)
