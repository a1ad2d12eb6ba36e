"""The report's page: one HTML file with everything in it, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from lutloom.compare.ladder import EXPLANATIONS
from lutloom.compare.results import ExecutorName
from lutloom.errors import MissingExtraError
from lutloom.files.atomic import write_json, write_text
from lutloom.report.environment import DASH, make_environment
from lutloom.report.picture import png_data_uri
from lutloom.report.plots import draw_plots, part_names
from lutloom.report.results import ModelReport, Report

CONFUSION_CLASSES_MAX = 16
"""Above this a confusion matrix is no longer readable and is left out."""


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
