"""Plots of the networks' page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lutloom.report.drawing import MUTED, PAPER, PARTS, SERIES, draw_svg, label_rows
from lutloom.report.results import ModelReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = ("o", "s", "D", "^", "v", "P")


def draw_plots(models: Sequence[ModelReport]) -> dict[str, str]:
    """Draw every plot there is data for.

    Parameters
    ----------
    models : sequence of ModelReport

    Returns
    -------
    dict of str
        SVG elements by name: ``training``, ``trade_off``, ``parts``, ``estimate``.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    drawings: dict[str, tuple[Callable[[Axes], bool], tuple[float, float]]] = {
        "training": (partial(_training, models=models), (5.6, 3.3)),
        "trade_off": (partial(_trade_off, models=models), (5.6, 3.3)),
        "parts": (partial(_parts, models=models), (5.6, 0.9 + 0.62 * len(models))),
        "estimate": (partial(_estimate, models=models), (5.6, 0.9 + 0.62 * len(models))),
    }
    found = {name: draw_svg(name, size, draw) for name, (draw, size) in drawings.items()}
    return {name: svg for name, svg in found.items() if svg}


def _training(axes: Axes, models: Sequence[ModelReport]) -> bool:
    drawn = False
    lows = []
    for model, color in zip(models, SERIES, strict=False):
        for key, dashes, words in (
            ("validation_accuracy", "-", "validation"),
            ("train_accuracy", (0, (2, 2)), "training"),
        ):
            points = [
                (e.epoch, 100 * getattr(e, key))
                for e in model.details.history
                if getattr(e, key) is not None
            ]
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, color=color, linestyle=dashes, label=f"{model.name}, {words}")
                lows += sorted(y)[len(y) // 5 : len(y) // 5 + 1]
                drawn = True
    if drawn:
        axes.set_ylim(bottom=max(0, min(lows) - 2), top=100)
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy, %")
        axes.locator_params(axis="x", integer=True)
        axes.legend(loc="lower right", fontsize=9)
    return drawn


def _trade_off(axes: Axes, models: Sequence[ModelReport]) -> bool:
    drawn = False
    for model, color, marker in zip(models, SERIES, _MARKERS, strict=False):
        points = sorted((p.lut4, 100 * p.accuracy) for p in model.details.trade_off)
        if not points:
            continue
        x, y = zip(*points, strict=True)
        axes.plot(x, y, color=color, linewidth=1.2, alpha=0.75)
        axes.plot(x[:-1], y[:-1], marker, color=color, markersize=4, markerfacecolor=PAPER)
        axes.plot(x[-1:], y[-1:], marker, color=color, markersize=7)
        axes.annotate(
            f"{model.name}  {y[-1]:.2f} %", (x[-1], y[-1]), xytext=(4, 9), ha="right",
            textcoords="offset points", color=color, fontsize=10,
        )  # fmt: skip
        drawn = True
    if drawn:
        axes.set_xlabel("LUT4s of the neurons")
        axes.set_ylabel("test accuracy, %")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlim(left=0)
        axes.margins(y=0.12)
    return drawn


def part_names(models: Sequence[ModelReport]) -> list[str]:
    """List the parts of all designs, the layers in order first."""
    names = {
        name
        for model in models
        if model.target
        for name, count in model.target.lut4_by_part.items()
        if count or model.details.ff_by_part.get(name)
    }
    order = {"input": 0, "loader": 1, "layers": 2, "vote": 8, "argmax": 9}

    def rank(name: str) -> tuple[int, str]:
        return (order.get(name, 3 if name.startswith("layer") else 11), name)

    return sorted(names, key=rank)


def _parts(axes: Axes, models: Sequence[ModelReport]) -> bool:
    placed = [model for model in models if model.target and model.target.lut4_by_part]
    for row, model in enumerate(placed):
        left = 0
        assert model.target is not None
        for part, color in zip(part_names(models), PARTS, strict=False):
            count = model.target.lut4_by_part.get(part, 0)
            axes.barh(row, count, left=left, height=0.5, color=color, edgecolor=PAPER,
                      linewidth=1.2, label=part if row == 0 else None)  # fmt: skip
            left += count
        axes.annotate(f"{left:,}", (left, row), xytext=(5, 0), textcoords="offset points",
                      va="center", fontsize=9, color=MUTED)  # fmt: skip
    if placed:
        label_rows(axes, [model.name for model in placed])
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(PARTS), fontsize=9,
                    handlelength=0.9, handleheight=0.9, columnspacing=1.2, borderpad=0)  # fmt: skip
    return bool(placed)


def _estimate(axes: Axes, models: Sequence[ModelReport]) -> bool:
    both = [model for model in models if model.target and model.estimate]
    for row, model in enumerate(both):
        assert model.target is not None
        assert model.estimate is not None
        expected, got = model.estimate.lut4, model.target.lut4
        axes.barh(row - 0.18, expected, height=0.3, color=PARTS[5],
                  label="estimated before synthesis" if row == 0 else None)  # fmt: skip
        axes.barh(row + 0.18, got, height=0.3, color=PARTS[0],
                  label="synthesised" if row == 0 else None)  # fmt: skip
        share = 100 * (expected - got) / got if got else 0.0
        axes.annotate(f"{share:+.1f} %", (max(expected, got), row), xytext=(5, 0), va="center",
                      textcoords="offset points", fontsize=9, color=MUTED)  # fmt: skip
    if both:
        label_rows(axes, [model.name for model in both])
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9,
                    handlelength=0.9, handleheight=0.9, borderpad=0)  # fmt: skip
    return bool(both)
