"""Steps of a layer's road that commands and benchmarks share: simulation under several engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lutloom.attention.batch import AttentionBatch
from lutloom.attention.binary import BinaryAttention
from lutloom.attention.config import IntegerAttention
from lutloom_hw.attention_options import AttentionOptions
from lutloom_sim.attention import simulate_attention
from lutloom_sim.attention_result import AttentionSimulation

Watch = Callable[[float, float, str], None]

_SOME_POSITIONS = 16
_STALL_PROBABILITY = 0.5


def simulate_layer(
    layer: IntegerAttention | BinaryAttention,
    batch: AttentionBatch,
    options: AttentionOptions,
    *,
    stall_probability: float = 0.0,
    seed: int = 0,
    waves: Path | None = None,
    watch: Watch | None = None,
) -> tuple[AttentionSimulation, ...]:
    """Simulate some rows in Amaranth under stalls, then all of them in Verilator through cocotb.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    batch : AttentionBatch
    options : AttentionOptions
    stall_probability : float
        Of the second.
    seed : int
        Of all stalls.
    waves : Path, optional
        VCD file of the second.
    watch : callable, optional

    Returns
    -------
    tuple of AttentionSimulation
    """
    say = watch or (lambda *_: None)
    say(0, 2, "Amaranth, under stalls")
    first = simulate_attention(
        layer, batch.head(1, _SOME_POSITIONS), options=options, engine="amaranth",
        stall_probability=_STALL_PROBABILITY, seed=seed,
    )  # fmt: skip
    say(1, 2, f"Verilator through cocotb, {batch.query_rows:,} query rows")
    second = simulate_attention(
        layer, batch, options=options, engine="cocotb", stall_probability=stall_probability,
        seed=seed, waves=waves,
    )  # fmt: skip
    say(2, 2, "")
    return first, second
