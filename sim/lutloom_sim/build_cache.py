"""Builds kept by what they are made from: the same ingredients are never compiled twice.

An entry is a folder named by the SHA-256 of its ingredients.  It is made beside its final place
and renamed, so it is whole or absent, whoever builds at the same time.

Example
-------
>>> entry, was_there = obtain({"verilog": text}, build)             # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import platformdirs

from lutloom.errors import ToolError

CACHE_VARIABLE = "LUTLOOM_CACHE_DIR"
"""Names the environment variable that moves the cache."""

LOG_NAME = "build.log"
"""The file in a build's folder that is kept when the build fails."""

_ENTRIES_MAX = 200
_KEPT_AT_LEAST_S = 24 * 3600


def cache_folder() -> Path:
    """Give the folder of all builds, made if need be.

    Returns
    -------
    Path

    Raises
    ------
    ToolError
        If it cannot be made or written to.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    root = Path(chosen) if chosen else platformdirs.user_cache_path("lutloom", appauthor=False)
    folder = root.absolute() / "simulation"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return folder


def ingredients_key(ingredients: Mapping[str, object]) -> str:
    """Name a build by its ingredients.

    Parameters
    ----------
    ingredients : mapping of str to what JSON can write
        All that decides the product: texts, tool versions, flags.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    text = json.dumps(ingredients, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def obtain(ingredients: Mapping[str, object], build: Callable[[Path], None]) -> tuple[Path, bool]:
    """Give the folder of a build, building it if it is not there.

    Parameters
    ----------
    ingredients : mapping
        See :func:`ingredients_key`.
    build : callable
        Fills the empty folder it is given, and writes what its tools say to ``build.log`` in it.

    Returns
    -------
    (Path, bool)
        The folder, and whether it was there before.

    Raises
    ------
    ToolError
        From ``build``, with the path of the kept log added; or if the cache cannot be written.
    """
    folder, key = cache_folder(), ingredients_key(ingredients)
    entry = folder / key
    if _use(entry):
        return entry, True
    try:
        with _locked(folder / f"{key}.lock"):
            if _use(entry):
                return entry, True
            _build(entry, build)
    except OSError as error:
        raise _unwritable(folder, error) from None
    _prune(folder)
    return entry, False


def with_log(error: ToolError, log: Path, name: str) -> ToolError:
    """Keep the log of a failure in the cache, and say where.

    Parameters
    ----------
    error : ToolError
    log : Path
        Copied, if it is there.
    name : str
        What the copy is called; a later failure of the same name replaces it.

    Returns
    -------
    ToolError
        The same message and the path of the copy.
    """
    kept = cache_folder() / f"{name}.log"
    try:
        shutil.copyfile(log, kept)
    except OSError:  # no log, or no space for it: the error itself matters more
        return error
    return ToolError(f"{error}; read {kept}")


def _use(entry: Path) -> bool:
    """Tell whether an entry is there, and mark it as just used."""
    try:
        os.utime(entry)
    except FileNotFoundError:
        return False
    except PermissionError:  # a cache shared read-only is still a cache
        return True
    return True


def _build(entry: Path, build: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix="build-") as made:
        work = Path(made) / "entry"
        work.mkdir()
        try:
            build(work)
        except ToolError as error:
            raise with_log(error, work / LOG_NAME, entry.name) from None
        with contextlib.suppress(OSError):  # someone else was first
            work.rename(entry)
        if not entry.is_dir():
            raise OSError(None, "a finished build could not be moved into place")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process build; the rename alone keeps entries whole where locks are not supported."""
    with path.open("w") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prune(folder: Path) -> None:
    """Drop the entries not used for longest, but none used within a day."""
    with contextlib.suppress(OSError):
        by_age = sorted(
            (path.stat().st_mtime, path) for path in folder.iterdir() if path.name != "tmp"
        )
        entries = [(age, path) for age, path in by_age if path.is_dir()]
        for used_s, path in entries[: max(0, len(entries) - _ENTRIES_MAX)]:
            if time.time() - used_s > _KEPT_AT_LEAST_S:
                shutil.rmtree(path, ignore_errors=True)
                path.with_suffix(".lock").unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError) -> ToolError:
    return ToolError(
        f"{folder}: must be a folder that can be written to, not refused "
        f"({error.strerror or error}); free space there, or name another one in {CACHE_VARIABLE}"
    )
