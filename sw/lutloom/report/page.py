"""The report's page: one HTML file with everything in it, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import jinja2

from lutloom.compare.ladder import EXPLANATIONS
from lutloom.compare.results import ExecutorName
from lutloom.errors import MissingExtraError
from lutloom.files.atomic import write_json, write_text
from lutloom.report.picture import png_data_uri
from lutloom.report.plots import draw_plots, part_names
from lutloom.report.results import ModelReport, Report

CONFUSION_CLASSES_MAX = 16
"""Above this a confusion matrix is no longer readable and is left out."""

DASH = "\N{EN DASH}"


def write_report(results: Report, path: Path) -> Path:
    """Write ``report.json`` and the page beside it, each atomically.

    Parameters
    ----------
    results : Report
    path : Path
        The page, ``….html``; the JSON file takes its name with ``.json``.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InvalidFileError
        When the folder cannot be written.
    """
    page = render_page(results)
    write_json(path.with_suffix(".json"), results)
    write_text(path, page)
    return path


def render_page(results: Report) -> str:
    """Render the page.

    Parameters
    ----------
    results : Report

    Returns
    -------
    str
        HTML; the same results give the same text.
    """
    try:
        plots, plots_missing = draw_plots(results.models), ""
    except MissingExtraError as error:
        plots, plots_missing = {}, str(error)
    return (
        make_environment()
        .get_template("page.html.j2")
        .render(
            report=results,
            models=results.models,
            plots=plots,
            plots_missing=plots_missing,
            explanations=EXPLANATIONS,
            executors=_executor_rows(results.models),
            parts=part_names(results.models),
            confusions=[_confusion(model) for model in results.models],
            picture=png_data_uri,
            dash=DASH,
        )
    )


def make_environment() -> jinja2.Environment:
    """Make what renders a template, with the filters all pages use.

    Returns
    -------
    jinja2.Environment
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lutloom.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=_percent, count=_count, fixed=_fixed, rate=_rate, seconds=_seconds, short=_short
    )
    return environment


def _executor_rows(models: Sequence[ModelReport]) -> list[dict[str, Any]]:
    """Line executors up over all models: one row an executor, one cell a model."""
    titles: dict[ExecutorName, str] = {}
    for model in models:
        for executor in model.details.executors:
            titles.setdefault(executor.name, executor.title)
    rows = []
    for name in sorted(titles, key=get_args(ExecutorName).index):
        title = titles[name]
        cells = [
            next((e for e in model.details.executors if e.name == name), None) for model in models
        ]
        rows.append({"name": name, "title": title, "cells": cells})
    return rows


def _confusion(model: ModelReport) -> list[list[dict[str, Any]]]:
    """Give the cells of a confusion matrix with the share that colours them, 0..1."""
    matrix = model.details.confusion
    if not 0 < len(matrix) <= CONFUSION_CLASSES_MAX:
        return []
    errors = [n for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j]
    worst = max(errors, default=0) or 1
    return [
        [
            {"count": n, "right": i == j, "share": 0.0 if i == j else round(n / worst, 3)}
            for j, n in enumerate(row)
        ]
        for i, row in enumerate(matrix)
    ]


def _percent(share: float | None, digits: int = 2) -> str:
    return DASH if share is None else f"{100 * share:.{digits}f} %"


def _count(number: int | None) -> str:
    return DASH if number is None else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _fixed(number: float | None, digits: int = 1) -> str:
    return DASH if number is None else f"{number:.{digits}f}"


def _rate(per_second: float | None) -> str:
    """Write a rate with three figures and a unit people say."""
    if per_second is None:
        return DASH
    for unit, size in ((" M", 1e6), (" k", 1e3)):
        if per_second >= size:
            return f"{per_second / size:.3g}{unit}"
    return f"{per_second:.3g}"


def _seconds(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:.1f} s" if value < 100 else f"{int(value) // 60} min {int(value) % 60:02d} s"


def _short(digest: str, length: int = 16) -> str:
    return digest if len(digest) <= length else f"{digest[:length]}…"
