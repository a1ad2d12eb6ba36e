"""``lutloom language corpus``: what reducing a corpus removes, confuses and costs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lutloom.language.corpus import CorpusReport, MethodResult

NAME = "corpus"
EXAMPLES = (
    "lutloom language corpus --text kjv --sentences 5000",
    "lutloom language corpus --language ja --text manual.txt",
    "lutloom language corpus --text lines.txt --scheduler tcp://127.0.0.1:8786",
)


class LanguageName(StrEnum):
    """Name the languages that have a reader of role frames."""

    en = "en"
    ja = "ja"


def run(
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="NAME|FILE",
            help="kjv, python, or a text file (UTF-8); default: the grammar's sentences only.",
            show_default=False,
        ),
    ] = None,
    language: Annotated[
        LanguageName, typer.Option("--language", help="Of grammar and text.")
    ] = LanguageName.en,
    sentences: Annotated[
        int,
        typer.Option(
            "--sentences", metavar="N", min=1, max=100_000_000,
            help="Of the grammar, and of the text at most.",
        ),
    ] = 5000,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDRESS",
            help="Reduce the text on a dask cluster; a file is then read line by line, whole.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Measure what removing "the same" sentence removes from a corpus.

    Four notions of same: the text, its lemmas, near-duplicates by MinHash, and who does what to
    whom.  On the grammar's sentences, whose meanings are known, it also says how often each takes
    different things for the same and the same for different.
    """
    from lutloom.language.corpus import corpus_report

    console = Console(as_json=as_json)
    with console.progress("corpus") as advance:
        report = corpus_report(text, language.value, sentences, scheduler or "", advance)
    print_report(console, report)
    console.result(report)


def print_report(console: Console, report: CorpusReport) -> None:
    """Print a table for the grammar, and one for the text.

    Parameters
    ----------
    console : Console
    report : CorpusReport
    """
    console.table(
        f"Sentences of known meaning ({report.language}, {report.grammar_framed:.1%} with a frame)",
        ("same by", "#sentences", "#kept", "#removed", "#false merges", "#false splits",
         "#seconds"),
        [
            (*_row(r)[:4], _percent(r.false_merge), _percent(r.false_split), f"{r.seconds:.2f}")
            for r in report.grammar
        ],
    )  # fmt: skip
    if report.natural_name:
        framed = report.natural_framed
        note = "" if framed is None else f", {framed:.1%} with a frame"
        console.table(
            f"{report.natural_name}{note}",
            ("same by", "#sentences", "#kept", "#removed", "#seconds"),
            [_row(r) for r in report.natural],
        )
    if report.merged_by_role:
        console.table(
            "Taken for the same by their frames",
            ("#group", "sentence"),
            _numbered(report.merged_by_role),
        )
    console.say(f"the parser took {report.load_seconds:.1f} s to load, which is not counted")


def _row(result: MethodResult) -> tuple[object, ...]:
    return (
        result.method,
        f"{result.sentences:,}",
        f"{result.kept:,}",
        _percent(result.share_removed),
        f"{result.seconds:.2f}",
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _numbered(groups: Sequence[Sequence[str]]) -> list[tuple[object, ...]]:
    return [(k, sentence) for k, group in enumerate(groups, start=1) for sentence in group]
