"""How every plot is drawn: deterministic inline SVG whose colours are the page's CSS variables.

Matplotlib draws with stand-in colours; :func:`draw_svg` swaps each for ``var(--…)``, so one drawing
serves light and dark.  Without matplotlib (extra ``report``) a page says so and has no plots.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lutloom.errors import MissingExtraError

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

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
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
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"font: [\d.]+px [^;\"]*", _font, svg)
    return re.sub("|".join(_VARIABLES), lambda match: _VARIABLES[match[0]], svg)


def _font(match: re.Match[str]) -> str:
    size = match[0].split()[1]
    return f"font: {size} var(--sans)"


def label_rows(axes: Axes, names: list[str]) -> None:
    """Name the rows of a plot of LUT4s, the first on top.

    Parameters
    ----------
    axes : Axes
        Its rows are at 0, 1, ...
    names : list of str
    """
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.set_xlabel("LUT4")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
