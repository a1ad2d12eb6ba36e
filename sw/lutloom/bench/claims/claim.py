"""What a published claim is, and how an experiment's figures judge it.

Example
-------
>>> claim.judge({"points": []})                                      # doctest: +SKIP
Judgement(verdict='fails', figures='...')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["holds", "holds partly", "fails", "not measured"]

Figures = Mapping[str, Any]
"""A JSON file of ``docs/results``."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Hold a verdict and the numbers it rests on.

    Parameters
    ----------
    verdict : Verdict
    figures : str
        A sentence or two of Markdown.
    """

    verdict: Verdict
    figures: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Hold one claim and what it takes to judge it.

    Parameters
    ----------
    claim : str
        In our words, with its numbers.
    source : str
        Where it is made; ``"ours"`` for an aim of this project.
    experiment : str
        What was run, and beside which controls.
    rule : str
        How the verdict follows from the figures.
    benchmark : str
        Name of the JSON file without its suffix, which is also the benchmark's.
    judge : callable
        Follows the rule.
    """

    claim: str
    source: str
    experiment: str
    rule: str
    benchmark: str
    judge: Callable[[Figures], Judgement]


@dataclass(frozen=True, slots=True)
class System:
    """Hold the claims of one system.

    Parameters
    ----------
    name : str
    claims : tuple of Claim
    """

    name: str
    claims: tuple[Claim, ...]


def decide(*, holds: bool, partly: bool = False) -> Verdict:
    """Turn two conditions, the stronger first, into a verdict."""
    if holds:
        return "holds"
    return "holds partly" if partly else "fails"


def ranged(figures: Figures, digits: int = 2, scale: float = 1.0) -> str:
    """Write a spread as ``median (min to max)``.

    Parameters
    ----------
    figures : mapping
        From :func:`lutloom.bench.figures.spread`.
    digits : int
    scale : float
        100 for shares written as per cent.
    """
    low, median, high = (scale * figures[key] for key in ("min", "median", "max"))
    text = f"{median:.{digits}f}"
    if figures["n"] == 1 or f"{low:.{digits}f}" == f"{high:.{digits}f}":
        return text
    return f"{text} ({low:.{digits}f} to {high:.{digits}f})"


def width(figures: Figures) -> float:
    """Give the distance from the least to the greatest of a spread."""
    return float(figures["max"] - figures["min"])
