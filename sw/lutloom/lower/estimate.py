"""Expect what synthesis will make of a network, before any synthesis.

Every part is counted from the stage the hardware is built of: tables and flip-flops as Yosys
leaves them, latency as the stages state it.  Encoder, argmax and the queue of answers are counted;
pins are not.

Example
-------
>>> expected = estimate(network, PipelineOptions(family="ecp5"))
>>> expected.lut4, expected.ff, expected.latency_cycles
(4943, 6099, 16)
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.ir import Network
from lutloom.lower.vote_cost import popcount_cost
from lutloom_hw.argmax import Argmax
from lutloom_hw.class_groups import ClassGroups
from lutloom_hw.layer import LutLayer
from lutloom_hw.loader import ImageLoader
from lutloom_hw.options import Family, PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.stage import Stage, bits_for
from lutloom_hw.top import Top
from lutloom_hw.vote import Vote

_NEURON_LUT4: dict[Family, tuple[int, ...]] = {
    "ice40": (0, 1, 1, 1, 1, 3, 6),
    "ecp5": (0, 1, 1, 1, 1, 2, 4),  # multiplexers of the slice join the halves
    "generic": (0, 1, 1, 1, 1, 3, 6),
}
"""LUT4s of a neuron by fan-in."""

# Fitted to what Yosys 0.70 makes of the stages alone; together below 3 % of any design.
_COMPARE_LUT4_PER_BIT = 1.5
_COMPARE_LUT4_SAVED: dict[Family, float] = {"ice40": 0.5, "ecp5": 2.0, "generic": 0.5}
_LOADER_LUT4: dict[Family, tuple[int, int]] = {"ice40": (18, 1), "ecp5": (9, 2), "generic": (18, 1)}
_GATE_LUT4, _QUEUE_LUT4_PER_FF = 6, 1.2
_HANDSHAKE_FF = 5


@dataclass(frozen=True, slots=True)
class PartEstimate:
    """Expect the tables and flip-flops of one part.

    Parameters
    ----------
    lut4 : int
        Look-up tables of four inputs; a place on a carry chain is one.
    ff : int
    """

    lut4: int = 0
    ff: int = 0

    def __add__(self, other: PartEstimate) -> PartEstimate:
        """Add count by count."""
        return PartEstimate(self.lut4 + other.lut4, self.ff + other.ff)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expect what the top level takes.

    Parameters
    ----------
    lut4, ff : int
        Of everything that is placed and routed, the pixel loader included.
    latency_cycles : int
        Of the pipeline: from an encoded image to its class.
    top_latency_cycles : int
        Of the top level: from an image's last pixels to its class.
    by_part : dict of str to PartEstimate
        ``layers``, ``vote``, ``argmax``, ``input``, ``loader`` and ``other``, the parts that
        :mod:`lutloom.flow` counts by.
    """

    lut4: int
    ff: int
    latency_cycles: int
    top_latency_cycles: int
    by_part: dict[str, PartEstimate]


def _estimate_layer(stage: LutLayer, family: Family) -> PartEstimate:
    neurons = np.bincount(stage.layer.fan_in_count, minlength=7)
    varying = stage.layer.n_neurons - int(neurons[0])
    return PartEstimate(int(neurons @ np.array(_NEURON_LUT4[family])), varying)


def _estimate_vote(stage: Vote, family: Family) -> PartEstimate:
    head = stage.head
    n_votes = np.bincount(head.class_index, minlength=head.n_classes).tolist()
    total = PartEstimate()
    for (votes, bias), times in Counter(zip(n_votes, head.bias.tolist(), strict=True)).items():
        cost = popcount_cost(stage, family, votes, bias)
        total += PartEstimate(cost.lut4 * times, cost.ff * times)
    return total


def _estimate_argmax(stage: Argmax, family: Family) -> PartEstimate:
    """Play the tournament; an index bit that a bye makes constant costs nothing."""
    width, clocks = stage.score_width, stage.clocks_per_round
    compare = width * _COMPARE_LUT4_PER_BIT - _COMPARE_LUT4_SAVED[family]
    lut4, ff = 0.0, 0
    index_bits = [0] * stage.n_classes
    for number in range(1, stage.n_rounds + 1):
        is_last = number == stage.n_rounds
        winners = []
        for low, high in zip(index_bits[0::2], index_bits[1::2], strict=False):
            kept = 0 if is_last else width
            lut4 += max(1.0, compare) + kept + max(low, high)
            ff += kept + max(low, high) + 1
            ff += (clocks - 1) * (2 * kept + low + high + 1)
            if clocks > 2:  # what is compared in a clock of its own stays a clock longer
                ff += 2
            winners.append(max(low, high) + 1)
        if len(index_bits) % 2:
            ff += clocks * (width + index_bits[-1])
            winners.append(index_bits[-1])
        index_bits = winners
    return PartEstimate(round(lut4), ff)


def _estimate_loader(loader: ImageLoader, family: Family) -> PartEstimate:
    encoder = loader.encoder
    pixel, level = np.divmod(loader.used_bits, encoder.n_thresholds)
    column = pixel % encoder.width
    beat, lane = np.divmod(column, loader.pixels_per_beat)
    age = loader.beats_per_row - 1 - beat
    oldest = np.zeros((loader.pixels_per_beat, encoder.n_thresholds), dtype=np.int64)
    np.maximum.at(oldest, (lane, level), age + 1)  # 0: no bit of this lane and level is read
    beat_bits = (loader.beats_per_row - 1).bit_length()
    row_bits = (encoder.height - 1).bit_length()
    captures = loader.rows_per_rank + (loader.n_ranks + 1 if loader.n_ranks > 1 else 1)
    ff = loader.used_bits.size + int(oldest.sum()) + captures + 2

    fixed, per_bit = _LOADER_LUT4[family]
    comparator = -(-(_significant_bits(loader) - 1) // 3)
    used = (oldest > 0).sum(axis=0)
    if loader.n_ranks == 1:
        lut4 = fixed + per_bit * beat_bits + int(used @ comparator)
        return PartEstimate(lut4, ff + beat_bits + row_bits + 3)
    columns = np.unique(column * encoder.n_thresholds + level).size
    per_rank = columns + 2 * loader.rows_per_rank + 1
    rings = loader.beats_per_row + encoder.height
    pixels = loader.pixels_per_beat * int(_significant_bits(loader).max())
    levels = encoder.thresholds.astype(np.int64)
    halves = np.where(levels % 16 == 0, 1, np.where(levels >= 240, 2, 3))
    ff += rings + loader.n_ranks * per_rank + pixels + int(used @ (halves + 1)) + 6
    ff += loader.n_ranks * (loader.n_ranks - 1) // 2  # which rank is at work, passed on
    return PartEstimate(loader.rows_per_rank + loader.n_ranks + 5 * int(used.sum()) + 8, ff)


def _significant_bits(loader: ImageLoader) -> NDArray[np.int64]:
    """Give the bits of a pixel that each threshold's comparator reads."""
    thresholds = loader.encoder.thresholds.astype(np.int64)
    bits: NDArray[np.int64] = 8 - np.log2(thresholds & -thresholds).astype(np.int64)
    return bits


def _estimate_ports(top: Top) -> PartEstimate:
    """Count the registers at the ports and in the handshake between loader and pipeline."""
    ranks = top.options.port_ranks
    if not ranks:
        return PartEstimate()
    pixels = top.options.pixels_per_beat * int(_significant_bits(top.loader).max())
    answer = bits_for(top.network.n_classes - 1)
    ff = ranks * (2 * (pixels + answer) + 4) + _HANDSHAKE_FF
    return PartEstimate(ranks * (pixels + answer + 4) + 2, ff)


def _estimate_groups(groups: ClassGroups) -> PartEstimate:
    """Count the ranks of the input and of the scores, and ``valid`` beside it all."""
    ranks = sum(group.held.size for group in groups.groups)
    scores = sum(
        delay * group.o_fields * group.o_width
        for delay, group in zip(groups.score_delays, groups.groups, strict=True)
    )
    return PartEstimate(0, ranks + scores + groups.latency_cycles)


def _estimate_gate(pipeline: Pipeline) -> PartEstimate:
    width = bits_for(pipeline.network.n_classes - 1)
    in_flight = pipeline.images_in_flight
    if in_flight == 1:
        return PartEstimate(_GATE_LUT4, 2 + width)
    places = max(3, in_flight) - 1  # one more is the queue's output register
    pointers = 2 * (places - 1).bit_length() + places.bit_length() + 1
    credit = (in_flight - 1).bit_length() + 1
    ff = (places + 1) * width + pointers + credit
    return PartEstimate(round(_QUEUE_LUT4_PER_FF * ff), ff)


def _estimate_stage(stage: Stage, family: Family) -> tuple[str, PartEstimate]:
    if isinstance(stage, LutLayer):
        return "layers", _estimate_layer(stage, family)
    if isinstance(stage, Vote):
        return "vote", _estimate_vote(stage, family)
    if isinstance(stage, Argmax):
        return "argmax", _estimate_argmax(stage, family)
    raise TypeError(f"no estimate for a {type(stage).__name__}")


def estimate(network: Network, options: PipelineOptions) -> Estimate:
    """Expect LUT4s, flip-flops and latency of a network's top level.

    Parameters
    ----------
    network : Network
    options : PipelineOptions
        ``family`` decides how tables and additions are counted; "generic" counts as iCE40.

    Returns
    -------
    Estimate

    Raises
    ------
    InvalidNetworkError
        If the network breaks a rule of the representation.
    """
    top = Top(network, options)
    parts = dict.fromkeys(("layers", "vote", "argmax", "input", "loader", "other"), PartEstimate())
    for stage in top.pipeline.stages.values():
        if isinstance(stage, ClassGroups):
            parts["input"] = _estimate_groups(stage)
            for inner in (inner for group in stage.groups for inner in group.stages.values()):
                name, part = _estimate_stage(inner, options.family)
                parts[name] += part
            continue
        name, part = _estimate_stage(stage, options.family)
        parts[name] += part + PartEstimate(0, stage.latency_cycles)  # valid, beside the data
    parts["loader"] = _estimate_loader(top.loader, options.family)
    parts["other"] = _estimate_gate(top.pipeline) + _estimate_ports(top)
    total = sum(parts.values(), start=PartEstimate())
    return Estimate(
        lut4=total.lut4,
        ff=total.ff,
        latency_cycles=Pipeline(network, options).latency_cycles,
        top_latency_cycles=top.latency_cycles,
        by_part=parts,
    )
