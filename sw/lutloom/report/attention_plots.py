"""Plots of the attention page, drawn as those of the networks' page are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lutloom.compare.attention_results import AttentionReport
from lutloom.report.plots import MUTED, PAPER, PARTS, SERIES, draw_svg, label_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = {"causal": "o", "local": "s", "strided": "D", "local_strided": "^", "fixed": "v"}


def draw_attention_plots(report: AttentionReport) -> dict[str, str]:
    """Draw every plot there is data for.

    Parameters
    ----------
    report : AttentionReport

    Returns
    -------
    dict of str
        SVG elements by name: ``density``, ``parts``.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    drawings: dict[str, tuple[Callable[[Axes], bool], tuple[float, float]]] = {
        "density": (lambda axes: _density(axes, report), (5.6, 4.0)),
        "parts": (lambda axes: _parts(axes, report), (9.6, 1.2 + 0.62 * len(report.targets))),
    }
    found = {name: draw_svg(name, size, draw) for name, (draw, size) in drawings.items()}
    return {name: svg for name, svg in found.items() if svg}


def _density(axes: Axes, report: AttentionReport) -> bool:
    seen: set[str] = set()
    for point in report.cycles:
        name = None if point.pattern in seen else point.pattern.replace("_", " and ")
        axes.plot(
            100 * point.density, point.cycles / point.positions, _MARKERS[point.pattern],
            color=SERIES[list(_MARKERS).index(point.pattern)], label=name, markeredgecolor=PAPER,
        )  # fmt: skip
        seen.add(point.pattern)
    if not report.cycles:
        return False
    # Two passes over the keys of the triangle, a word of every key a clock.
    one = report.cycles[0]
    words = one.head_size // one.lanes
    at_full = 2 * words * (one.positions + 1) / 2
    axes.plot([0, 100], [0, at_full], color=MUTED, linewidth=1, zorder=0, label="passes alone")
    axes.set_xlabel("density: share of the causal triangle seen, %")
    axes.set_ylabel("clocks a token")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=9)
    return True


def _parts(axes: Axes, report: AttentionReport) -> bool:
    if not report.targets:
        return False
    names = list(dict.fromkeys(n for t in report.targets for n in t.result.lut4_by_part))
    totals = {n: sum(t.result.lut4_by_part.get(n, 0) for t in report.targets) for n in names}
    shown = sorted(names, key=lambda n: -totals[n])[: len(PARTS) - 1]
    for row, target in enumerate(report.targets):
        counts = {name: target.result.lut4_by_part.get(name, 0) for name in shown}
        counts["the rest"] = target.result.lut4 - sum(counts.values())
        left = 0
        for (name, count), color in zip(counts.items(), PARTS, strict=False):
            axes.barh(row, count, left=left, height=0.5, color=color, edgecolor=PAPER,
                      linewidth=1.2, label=name if row == 0 else None)  # fmt: skip
            left += count
        axes.annotate(f"{left:,}", (left, row), xytext=(5, 0), textcoords="offset points",
                      va="center", fontsize=9, color=MUTED)  # fmt: skip
    label_rows(axes, [f"{t.result.device}, {t.lanes} lanes" for t in report.targets])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(PARTS), fontsize=9,
                handlelength=0.9, handleheight=0.9, columnspacing=1.2, borderpad=0)  # fmt: skip
    return True
