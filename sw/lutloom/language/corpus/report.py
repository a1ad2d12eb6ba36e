"""What each method removes, what it confuses, and what it costs: one Struct for the command.

Example
-------
>>> report = corpus_report("kjv", "en", 5000)                       # doctest: +SKIP
>>> report.grammar[-1].method, report.grammar[-1].false_merge        # doctest: +SKIP
('role', 0.0)
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import msgspec

from lutloom.errors import InvalidRecipeError
from lutloom.language.corpus.bag import reduce_files
from lutloom.language.corpus.keys import KEY_BYTES, Method
from lutloom.language.corpus.rates import merge_rates
from lutloom.language.corpus.reduce import Reduction, first_of_each, reduce_sentences
from lutloom.language.corpus.sentences import split_sentences
from lutloom.language.roles.extractor import Language, frame_keys, load_extractor
from lutloom.language.roles.frame import RoleFrame
from lutloom.language.roles.grammar import generate
from lutloom.language.text import TEXT_BYTES_MAX, load_text

_METHODS: tuple[Method, ...] = get_args(Method)
_EXAMPLES_MAX = 10
_SEED = 0


class MethodResult(msgspec.Struct, frozen=True, kw_only=True):
    """Say what one method did to one corpus.

    Members
    -------
    method : exact, normalised, minhash or role
    sentences, kept : before and after
    share_removed : of the sentences
    seconds : wall time, parses counted
    false_merge, false_split : see :mod:`lutloom.language.corpus.rates`; None where no meanings are
        known
    """

    method: Method
    sentences: int
    kept: int
    share_removed: float
    seconds: float
    false_merge: float | None = None
    false_split: float | None = None


class CorpusReport(msgspec.Struct, frozen=True, kw_only=True):
    """Say what every method did to the grammar's sentences and to a natural text.

    Members
    -------
    language : en or ja
    load_seconds : of the parser, once
    grammar_words : which half of the grammar's lexicon
    grammar, natural : a result for each method; natural is empty without a text
    grammar_framed, natural_framed : share of sentences that have a role frame; None where they were
        read elsewhere
    natural_name : of the text; empty without
    merged_by_role : different sentences of the natural text that role keys took for the same, a
        few groups, to be judged by hand
    scheduler : where the natural text was reduced; empty: in this process
    """

    language: Language
    load_seconds: float
    grammar_words: str
    grammar: tuple[MethodResult, ...]
    grammar_framed: float
    natural_name: str = ""
    natural: tuple[MethodResult, ...] = ()
    natural_framed: float | None = None
    merged_by_role: tuple[tuple[str, ...], ...] = ()
    scheduler: str = ""


def corpus_report(
    text: str | None,
    language: Language = "en",
    sentences: int = 5000,
    scheduler: str = "",
    progress: Callable[[float, float, str], None] | None = None,
) -> CorpusReport:
    """Measure every method on sentences of the grammar and on a natural text.

    Parameters
    ----------
    text : str or None
        Name of a corpus or path of a text file; None: the grammar only.  With a scheduler, or where
        it is too large for memory, a file is taken as it is, with a sentence in each line.
    language : Language
    sentences : int
        Of the grammar, and of the natural text at most, from its beginning; at least 1.
    scheduler : str
        As for :func:`lutloom.language.corpus.bag.reduce_files`, for the natural text; empty: in
        this process.
    progress : callable, optional
        Told how many steps are done, of how many, and which one is next.

    Returns
    -------
    CorpusReport

    Raises
    ------
    InvalidRecipeError
        If there are to be no sentences.
    InvalidFileError, InvalidDataError, MissingExtraError
        As :func:`lutloom.language.text.load_text`.
    """
    if sentences < 1:
        raise InvalidRecipeError(
            f"corpus, sentences: must be at least 1, not {sentences}; correct it"
        )
    total = len(_METHODS) * (1 if text is None else 2)
    done = 0

    def step(what: str) -> None:
        nonlocal done
        if progress is not None:
            progress(done, total, what)
        done += 1

    lines = _line_file(text, scheduler)
    natural = [] if text is None or lines else _natural_sentences(text, language, sentences)
    begun = time.perf_counter()
    load_extractor(language)
    load_seconds = time.perf_counter() - begun

    generated = generate(language, sentences, _SEED, "held_out")
    texts = [sentence.text for sentence in generated]
    meanings = [sentence.meaning for sentence in generated]
    grammar, grammar_frames, _ = _measure(texts, language, meanings, step)
    report = CorpusReport(
        language=language,
        load_seconds=load_seconds,
        grammar_words="held_out",
        grammar=grammar,
        grammar_framed=_framed(grammar_frames),
    )
    if text is None:
        return report
    name = Path(text).stem
    if lines or scheduler:
        found = _measure_files(lines, natural, language, scheduler or "local", step)
        return msgspec.structs.replace(
            report, natural_name=name, natural=found, scheduler=scheduler or "local"
        )
    results, frames, merged = _measure(natural, language, None, step)
    return msgspec.structs.replace(
        report,
        natural_name=name,
        natural=results,
        natural_framed=_framed(frames),
        merged_by_role=merged,
    )


def _measure(
    texts: Sequence[str],
    language: Language,
    meanings: Sequence[str] | None,
    step: Callable[[str], None],
) -> tuple[tuple[MethodResult, ...], list[RoleFrame | None], tuple[tuple[str, ...], ...]]:
    results = []
    frames: list[RoleFrame | None] = []
    merged: tuple[tuple[str, ...], ...] = ()
    for method in _METHODS:
        step(method)
        if method == "role":
            reduction, frames = _reduce_by_role(texts, language)
            merged = _merged(texts, reduction)
        else:
            reduction = reduce_sentences(texts, method, language)
        rates = None if meanings is None else merge_rates(texts, reduction.keys, meanings)
        results.append(
            MethodResult(
                method=method,
                sentences=len(texts),
                kept=len(reduction.kept),
                share_removed=reduction.share_removed,
                seconds=reduction.seconds,
                false_merge=None if rates is None else rates.false_merge,
                false_split=None if rates is None else rates.false_split,
            )
        )
    return tuple(results), frames, merged


def _reduce_by_role(
    texts: Sequence[str], language: Language
) -> tuple[Reduction, list[RoleFrame | None]]:
    """Reduce by role keys and keep the frames, to count them."""
    extractor = load_extractor(language)
    begun = time.perf_counter()
    frames = extractor.frames(texts)
    keys = tuple(bytes.fromhex(key)[:KEY_BYTES] for key in frame_keys(texts, frames))
    kept = first_of_each(keys)
    return Reduction("role", keys, kept, time.perf_counter() - begun), frames


def _merged(texts: Sequence[str], reduction: Reduction) -> tuple[tuple[str, ...], ...]:
    by_key: dict[bytes, dict[str, None]] = defaultdict(dict)
    for sentence, key in zip(texts, reduction.keys, strict=True):
        by_key[key][sentence] = None
    groups = [tuple(group) for group in by_key.values() if len(group) > 1]
    return tuple(groups[:_EXAMPLES_MAX])


def _framed(frames: Sequence[RoleFrame | None]) -> float:
    return sum(frame is not None for frame in frames) / len(frames) if frames else 0.0


def _line_file(text: str | None, scheduler: str) -> Path | None:
    """Give the path of a file that is read line by line, by workers."""
    path = Path(text or "")
    if text is None or not path.is_file():
        return None
    return path if scheduler or path.stat().st_size > TEXT_BYTES_MAX else None


def _natural_sentences(text: str, language: Language, n_sentences: int) -> list[str]:
    content = load_text(text)
    whole = content.train + content.validation + content.test
    return split_sentences(whole, language)[:n_sentences]


def _measure_files(
    path: Path | None,
    sentences: Sequence[str],
    language: Language,
    scheduler: str,
    step: Callable[[str], None],
) -> tuple[MethodResult, ...]:
    """Reduce a file of lines, or sentences written to one in a folder that workers must see."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        source = path
        if source is None:
            source = Path(folder) / "sentences.txt"
            source.write_text("".join(f"{s}\n" for s in sentences), encoding="utf-8")
        for method in _METHODS:
            step(method)
            found = reduce_files(
                [source], Path(folder) / "reduced.txt", method, language, scheduler
            )
            results.append(
                MethodResult(
                    method=method,
                    sentences=found.sentences,
                    kept=found.kept,
                    share_removed=1 - found.kept / max(1, found.sentences),
                    seconds=found.seconds,
                )
            )
    return tuple(results)
