"""What renders the templates of all pages, and how they write numbers."""

from __future__ import annotations

import jinja2

DASH = "\N{EN DASH}"
"""Where there is no figure."""


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
        percent=_percent,
        signed=_signed,
        count=_count,
        fixed=_fixed,
        rate=_rate,
        seconds=_seconds,
        short=_short,
    )
    return environment


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


def _signed(share: float | None, digits: int = 2) -> str:
    return DASH if share is None else f"{100 * share:+.{digits}f} %"


def _short(digest: str, length: int = 16) -> str:
    return digest if len(digest) <= length else f"{digest[:length]}…"
