"""Plots of the attention page: clocks against density, and what each part of an engine needs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lutloom.compare.attention_results import AttentionReport, AttentionTarget, CyclePoint
from lutloom.report.drawing import INK, MUTED, PAPER, PARTS, SERIES, draw_svg, label_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = {"causal": "o", "local": "s", "strided": "D", "local_strided": "^", "fixed": "v"}
_OTHER_MARKER = "P"
_PLOT_POINTS = (600, 250)
"""About how large the axes of the plot of densities are, in points, to keep labels apart."""
_LABEL_PLACES = ((0, 13), (0, -13), (-14, 8), (14, -8), (14, 8), (-14, -8))
_LABEL_SIZE = (13, 10)

_Series = tuple[str, int, int, int]
"""What points on one line have in common: kind, positions, head size, lanes."""


@dataclass(frozen=True, slots=True)
class AttentionPlots:
    """Hold the page's plots as SVG elements; empty where there is nothing to draw.

    Parameters
    ----------
    density : str
        Clocks against density.
    parts : tuple of str
        Resources by part, one a chip.
    """

    density: str = ""
    parts: tuple[str, ...] = ()


def draw_attention_plots(report: AttentionReport) -> AttentionPlots:
    """Draw every plot there is data for.

    Parameters
    ----------
    report : AttentionReport

    Returns
    -------
    AttentionPlots

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    parts = []
    for index, target in enumerate(report.targets, start=1):
        rows = len(_part_counts(target))
        name = f"resources by part on {target.result.device}, {target.kind}, chip {index}"
        parts.append(draw_svg(name, (5.6, 1.0 + 0.36 * rows), partial(_parts, target=target)))
    density = draw_svg(
        "clocks against density", (9.6, 4.4), partial(_density, points=report.cycles)
    )
    return AttentionPlots(density, tuple(parts))


def _series(point: CyclePoint) -> _Series:
    return point.kind, point.positions, point.head_size, point.lanes


def _density(axes: Axes, points: tuple[CyclePoint, ...]) -> bool:
    if not points:
        return False
    ordered = sorted(points, key=lambda point: (point.density, point.cycles))
    for index, series in enumerate(dict.fromkeys(map(_series, points))):
        color = SERIES[index % len(SERIES)]
        kind, positions, head_size, lanes = series
        label = f"{kind}: {positions} positions, {head_size} features, {lanes} lanes"
        axes.plot([], [], "o", color=color, label=label)
        own = [point for point in ordered if _series(point) == series]
        useful = [(p.density, p.lane_use * p.cycles) for p in own if p.lane_use is not None]
        if useful:
            density, clocks = useful[-1]
            axes.plot(
                [100 * own[0].density, 100 * density],
                [own[0].density / density * clocks / positions, clocks / positions],
                color=color, linewidth=1, alpha=0.6, zorder=0,
            )  # fmt: skip
        for point in own:
            _mark(axes, point, color)
    _scale(axes, ordered)
    _label_strides(axes, ordered)
    for pattern in dict.fromkeys(point.pattern for point in points):
        marker = _MARKERS.get(pattern, _OTHER_MARKER)
        axes.plot([], [], marker, color=MUTED, label=pattern.replace("_", " and "))
    axes.plot([], [], "o", color=MUTED, markersize=10, markerfacecolor="none", label="by formula")
    axes.set_xlabel("density: share of the causal triangle seen, %")
    axes.set_ylabel("clocks a token, one head")
    axes.legend(loc="upper left", fontsize=9)
    return True


def _scale(axes: Axes, points: list[CyclePoint]) -> None:
    """Make both axes logarithmic, so that sparse patterns do not lie on each other."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    steps = [step * 10**power for power in range(-1, 7) for step in (1, 2, 5)]
    axes.set_xticks(steps, [f"{step:g}" for step in steps])
    axes.set_yticks(steps, [f"{step:,g}" for step in steps])
    axes.minorticks_off()
    clocks = [p / one.positions for one in points for p in (one.cycles, one.formula_cycles) if p]
    axes.set_xlim(80 * points[0].density, 120)
    axes.set_ylim(min(clocks, default=1) * 0.7, max(clocks, default=1) * 1.5)


def _mark(axes: Axes, point: CyclePoint, color: str) -> None:
    """Draw a measured point and the formula's ring."""
    marker = _MARKERS.get(point.pattern, _OTHER_MARKER)
    density, measured = 100 * point.density, point.cycles / point.positions
    axes.plot(density, point.formula_cycles / point.positions, "o", color=color, markersize=11,
              markerfacecolor="none", markeredgewidth=0.9, alpha=0.7)  # fmt: skip
    axes.plot(density, measured, marker, color=color, markeredgecolor=PAPER, markersize=6)


def _label_strides(axes: Axes, points: list[CyclePoint]) -> None:
    """Write each stride where nothing else is; where there is no such place, the table has it."""
    spots = [_spot(axes, point) for point in points]
    taken = list(spots)
    for point, (x, y) in zip(points, spots, strict=True):
        if point.pattern == "causal":
            continue
        for right, up in _LABEL_PLACES:
            spot = x + right, y + up
            if all(
                abs(spot[0] - other[0]) >= _LABEL_SIZE[0]
                or abs(spot[1] - other[1]) >= _LABEL_SIZE[1]
                for other in taken
            ):
                taken.append(spot)
                axes.annotate(
                    str(point.stride), (100 * point.density, point.cycles / point.positions),
                    xytext=(right, up), textcoords="offset points", ha="center", va="center",
                    fontsize=8.5, color=INK,
                )  # fmt: skip
                break


def _spot(axes: Axes, point: CyclePoint) -> tuple[float, float]:
    """Tell about where a point is, in points of the printed page."""
    place = 100 * point.density, max(point.cycles, 1) / point.positions
    limits = axes.get_xlim(), axes.get_ylim()
    right, up = (
        size * math.log(value / low) / math.log(high / low)
        for value, (low, high), size in zip(place, limits, _PLOT_POINTS, strict=True)
    )
    return right, up


def _part_counts(target: AttentionTarget) -> list[tuple[str, int, int]]:
    """List parts with their LUT4s and flip-flops, the largest first; empty ones are left out."""
    result = target.result
    total = Counter(result.lut4_by_part) + Counter(result.ff_by_part)
    names = sorted(total, key=lambda name: (-total[name], name))
    return [(n, result.lut4_by_part.get(n, 0), result.ff_by_part.get(n, 0)) for n in names]


def _parts(axes: Axes, target: AttentionTarget) -> bool:
    counts = _part_counts(target)
    for row, (_, *both) in enumerate(counts):
        for count, offset, color, label in zip(
            both, (-0.2, 0.2), (PARTS[0], PARTS[5]), ("LUT4", "flip-flops"), strict=True
        ):
            axes.barh(row + offset, count, height=0.36, color=color,
                      label=label if row == 0 else None)  # fmt: skip
            axes.annotate(f"{count:,}", (count, row + offset), xytext=(4, 0), va="center",
                          textcoords="offset points", fontsize=8, color=MUTED)  # fmt: skip
    if counts:
        label_rows(axes, [name.replace("_", " ") for name, _, _ in counts])
        axes.set_xlabel("LUT4s, flip-flops")
        axes.legend(loc="lower right", fontsize=9, handlelength=0.9, handleheight=0.9)
    return bool(counts)
