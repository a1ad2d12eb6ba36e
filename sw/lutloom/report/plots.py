"""Plots of the page: deterministic inline SVG whose colours are the page's CSS variables.

Matplotlib draws with stand-in colours; :func:`_to_svg` swaps each for ``var(--…)``, so one drawing
serves light and dark.  Without matplotlib (extra ``report``) the page says so and has no plots.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lutloom.errors import MissingExtraError
from lutloom.report.results import ModelReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = tuple(f"#00a0{i:02x}" for i in range(1, 7))
"""Stand-ins for ``--series-1`` … ``--series-6``: a model."""
PARTS = tuple(f"#00a1{i:02x}" for i in range(1, 8))
"""Stand-ins for ``--part-1`` … ``--part-7``: a part of a design."""
INK, MUTED, GRID, PAPER = "#00b001", "#00b002", "#00b003", "#00b004"
"""Stand-ins for text, quiet text, grid lines and the background."""

_VARIABLES = {
    **{color: f"var(--series-{i})" for i, color in enumerate(SERIES, start=1)},
    **{color: f"var(--part-{i})" for i, color in enumerate(PARTS, start=1)},
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--panel)",
}
_MARKERS = ("o", "s", "D", "^", "v", "P")

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}


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
    drawings: dict[str, tuple[Callable[[Axes, Sequence[ModelReport]], bool], tuple[float, float]]]
    drawings = {
        "training": (_training, (5.6, 3.3)),
        "trade_off": (_trade_off, (5.6, 3.3)),
        "parts": (_parts, (5.6, 0.9 + 0.62 * len(models))),
        "estimate": (_estimate, (5.6, 0.9 + 0.62 * len(models))),
    }
    found = {}
    for name, (draw, size) in drawings.items():
        svg = draw_svg(name, size, _bind(draw, models))
        if svg:
            found[name] = svg
    return found


def _bind(
    draw: Callable[[Axes, Sequence[ModelReport]], bool], models: Sequence[ModelReport]
) -> Callable[[Axes], bool]:
    return lambda axes: draw(axes, models)


def draw_svg(name: str, size_inches: tuple[float, float], draw: Callable[[Axes], bool]) -> str:
    """Draw one plot in the style of all.

    Parameters
    ----------
    name : str
        Also what a screen reader says, underscores as spaces.
    size_inches : (float, float)
    draw : callable
        Draws and tells whether there was anything to draw.

    Returns
    -------
    str
        An SVG element; empty if there was nothing.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "plots: matplotlib must be installed; run: pip install 'lutloom[report]'"
        ) from error
    style: dict[Any, Any] = {**_STYLE, "svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=size_inches, layout="constrained")
        FigureCanvasSVG(figure)
        drawn = draw(figure.add_subplot())
        return _to_svg(figure, name.replace("_", " ")) if drawn else ""


def _to_svg(figure: Figure, label: str) -> str:
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"font: [\d.]+px [^;\"]*", _font, svg)
    return re.sub("|".join(_VARIABLES), lambda match: _VARIABLES[match[0]], svg)


def _font(match: re.Match[str]) -> str:
    size = match[0].split()[1]
    return f"font: {size} var(--sans)"


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


def label_rows(axes: Axes, names: list[str]) -> None:
    """Name the rows of a plot of LUT4s, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.set_xlabel("LUT4")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
