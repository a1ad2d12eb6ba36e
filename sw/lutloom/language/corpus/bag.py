"""Reduce corpora larger than memory: files of one sentence a line, on ``dask.bag``.

What stays is the earliest sentence of each key by file and line, so the result is that of
:func:`lutloom.language.corpus.reduce.reduce_sentences` on all lines, whatever the order in which
blocks are done.  Workers hold the keys of one part of all keys at a time; only the positions of
removed lines come back.

Dask's workers exchange pickled objects: use a cluster only on a network you trust.

Example
-------
>>> reduce_files(["corpus.txt"], "reduced.txt", "role")              # doctest: +SKIP
FilesReduction(sentences=31102, kept=30864, seconds=112.4)
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lutloom.errors import InvalidDataError, InvalidFileError, InvalidRecipeError, MissingExtraError
from lutloom.files.bounded import check_file
from lutloom.language.corpus.keys import Method, check_method, sentence_keys
from lutloom.language.corpus.minhash import (
    Groups,
    bands,
    duplicate_edges,
    into_buckets,
    shingles,
)
from lutloom.language.roles.extractor import Language

LOCAL, SYNCHRONOUS = "local", "synchronous"
"""Schedulers besides a cluster's address: worker processes on this machine, or none at all."""

FILE_BYTES_MAX = 1 << 44
_BLOCK_BYTES = 8 << 20
_PARTS = 16

Position = tuple[int, int]
"""Which file, and the byte its line begins at: ordered as file and line number are."""


@dataclass(frozen=True, slots=True)
class FilesReduction:
    """Count what a reduction kept.

    Parameters
    ----------
    sentences, kept : int
        Lines that are not blank, and those of them that were written.
    seconds : float
        Wall time, all of it: reading, parses, the workers' start, writing.
    """

    sentences: int
    kept: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Block:
    file: int
    path: str
    start: int
    stop: int


def reduce_files(
    paths: Sequence[str | Path],
    output: str | Path,
    method: Method,
    language: Language = "en",
    scheduler: str = LOCAL,
    block_bytes: int = _BLOCK_BYTES,
) -> FilesReduction:
    """Write the earliest line of each key.

    Parameters
    ----------
    paths : sequence of path
        UTF-8, a sentence a line; blank lines are passed over.  Workers on other machines must see
        them under the same names.
    output : path
        Written last, on this machine.
    method : Method
    language : Language
    scheduler : str
        ``"local"``, ``"synchronous"``, or a cluster's address such as ``tcp://host:8786``.
    block_bytes : int
        How much of a file is one task.

    Returns
    -------
    FilesReduction

    Raises
    ------
    InvalidFileError, InvalidDataError
        If a file is missing, cannot be written, or is not UTF-8.
    InvalidRecipeError
        If method or scheduler is not one there is.
    MissingExtraError
        If dask is not installed.
    """
    begun = time.perf_counter()
    check_method(method)
    if block_bytes < 1:
        raise InvalidRecipeError(
            f"corpus, block: a block must be at least 1 byte, not {block_bytes}; correct it"
        )
    sizes = [check_file(path, FILE_BYTES_MAX).stat().st_size for path in paths]
    if Path(output).resolve() in {Path(path).resolve() for path in paths}:
        raise InvalidFileError(f"{output}: must not be one of the corpus's files; choose another")
    blocks = [
        _Block(k, str(Path(path).resolve()), start, min(start + block_bytes, size))
        for k, (path, size) in enumerate(zip(paths, sizes, strict=True))
        for start in range(0, size, block_bytes)
    ]
    with _scheduled(scheduler) as compute:
        find = _near_duplicates if method == "minhash" else _key_duplicates
        removed = find(blocks, method, language, compute) if blocks else set()
    sentences, kept = _write(paths, Path(output), removed)
    return FilesReduction(sentences, kept, time.perf_counter() - begun)


@contextmanager
def _scheduled(scheduler: str) -> Iterator[Any]:
    """Give a function that computes dask's collections."""
    if scheduler not in {LOCAL, SYNCHRONOUS} and "://" not in scheduler:
        raise InvalidRecipeError(
            "corpus, scheduler: must be 'local', 'synchronous' or an address such as "
            f"tcp://host:8786, not {scheduler!r}; correct it"
        )
    try:
        dask = importlib.import_module("dask")  # its functions are untyped
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise MissingExtraError(
            "corpus: the package dask[distributed] must be installed; run: "
            "pip install 'lutloom[language]'"
        ) from error
    if scheduler == SYNCHRONOUS:
        yield lambda items: dask.compute(*items, scheduler="synchronous")
        return
    cluster: AbstractContextManager[Any] = nullcontext(scheduler)
    if scheduler == LOCAL:
        cluster = distributed.LocalCluster(
            threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        )
    try:
        with cluster as address, distributed.Client(address) as client:
            yield lambda items: client.gather(client.compute(list(items)))
    except OSError as error:
        raise InvalidRecipeError(
            f"corpus, scheduler: there must be one at {scheduler}, but {error}; start it with "
            "'dask scheduler'"
        ) from error


def _key_duplicates(
    blocks: list[_Block], method: Method, language: Language, compute: Any
) -> set[Position]:
    bag = importlib.import_module("dask.bag")
    keyed = bag.from_sequence(blocks, npartitions=len(blocks)).map(
        _earliest_of_block, method, language
    )
    parts = [keyed.pluck(part).fold(_merge_earliest) for part in range(_PARTS)]
    removed: set[Position] = set()
    for part in compute([item.apply(_removed) for item in parts]):
        removed.update(part)
    return removed


def _earliest_of_block(
    block: _Block, method: Method, language: Language
) -> list[tuple[dict[bytes, Position], list[Position]]]:
    """Give, for each part of all keys, the earliest position of each key and the later ones."""
    lines = list(_lines(block))
    keys = sentence_keys([text for _, text in lines], method, language)
    parts: list[tuple[dict[bytes, Position], list[Position]]] = [({}, []) for _ in range(_PARTS)]
    for (position, _), key in zip(lines, keys, strict=True):
        earliest, later = parts[key[0] % _PARTS]
        _note(earliest, later, key, position)
    return parts


def _merge_earliest(
    a: tuple[dict[bytes, Position], list[Position]],
    b: tuple[dict[bytes, Position], list[Position]],
) -> tuple[dict[bytes, Position], list[Position]]:
    earliest, later = dict(a[0]), [*a[1], *b[1]]
    for key, position in b[0].items():
        _note(earliest, later, key, position)
    return earliest, later


def _note(
    earliest: dict[bytes, Position], later: list[Position], key: bytes, position: Position
) -> None:
    there = earliest.get(key)
    earliest[key] = position if there is None else min(there, position)
    if there is not None:
        later.append(max(there, position))


def _removed(part: tuple[dict[bytes, Position], list[Position]]) -> list[Position]:
    return part[1]


def _near_duplicates(
    blocks: list[_Block], method: Method, language: Language, compute: Any
) -> set[Position]:
    del method, language
    bag = importlib.import_module("dask.bag")
    banded = bag.from_sequence(blocks, npartitions=len(blocks)).map(_bands_of_block)
    parts = [banded.pluck(part).fold(_join_lists) for part in range(_PARTS)]
    groups = Groups()
    touched: set[Position] = set()
    for edges in compute([item.apply(_edges) for item in parts]):
        for a, b in edges:
            groups.join(a, b)
            touched |= {a, b}
    return {position for position in touched if groups.find(position) != position}


def _bands_of_block(block: _Block) -> list[list[tuple[bytes, Position, str]]]:
    lines = list(_lines(block))
    parts: list[list[tuple[bytes, Position, str]]] = [[] for _ in range(_PARTS)]
    for (position, text), its in zip(lines, bands([text for _, text in lines]), strict=True):
        for band in its:
            parts[sum(band) % _PARTS].append((band, position, text))
    return parts


def _join_lists(
    a: list[tuple[bytes, Position, str]], b: list[tuple[bytes, Position, str]]
) -> list[tuple[bytes, Position, str]]:
    return a + b


def _edges(part: list[tuple[bytes, Position, str]]) -> list[tuple[Position, Position]]:
    """Compare what agrees in a band; the part holds whole buckets."""
    groups, found = Groups(), []
    items = (((band,), (position, shingles(text))) for band, position, text in part)
    for bucket in into_buckets(items):
        found += duplicate_edges(bucket, groups)
    return found


def _lines(block: _Block) -> Iterator[tuple[Position, str]]:
    """Give the lines that begin in a block, and where."""
    with Path(block.path).open("rb") as file:
        at = block.start
        if at:
            file.seek(at - 1)
            at += len(file.readline()) - 1  # the rest of a line that began before
        while at < block.stop and (raw := file.readline()):
            try:
                text = raw.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                raise InvalidDataError(
                    f"{block.path}: must be UTF-8 text, but byte {at + error.start} is not; "
                    "convert the file"
                ) from error
            if text:
                yield (block.file, at), text
            at += len(raw)


def _write(paths: Sequence[str | Path], output: Path, removed: set[Position]) -> tuple[int, int]:
    """Copy what stays; beside the output first, so that nothing half-written takes its name."""
    sentences = kept = 0
    beside = output.with_name(f".{output.name}.part")
    try:
        with beside.open("wb") as out:
            for k, path in enumerate(paths):
                size = Path(path).stat().st_size
                for position, text in _lines(_Block(k, str(path), 0, size)):
                    sentences += 1
                    if position not in removed:
                        kept += 1
                        out.write(text.encode() + b"\n")
        beside.replace(output)
    except OSError as error:
        raise InvalidFileError(
            f"{output}: cannot be written ({error.strerror}); choose another path"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return sentences, kept
