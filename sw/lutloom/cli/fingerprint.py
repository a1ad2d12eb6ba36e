"""Whether a step must run again: a digest of everything that decides its result."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

import msgspec

from lutloom.cli.steps import Step
from lutloom.errors import InvalidFileError
from lutloom.files.atomic import write_json, write_text
from lutloom.schema import read_json


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what a step that ended well was made from and what it left.

    Members
    -------
    fingerprint : digest of command, files read and code
    writes : SHA-256 of each file it left, by path
    seconds : how long it took
    """

    fingerprint: str
    writes: dict[str, str]
    seconds: float


def fingerprint(step: Step) -> str:
    """Digest a step's command, the files it reads and the sources of its code.

    Parameters
    ----------
    step : Step
        Every file it reads must exist; a file among the command's words counts as read.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for word in step.command:
        digest.update(b"\0word\0" + word.encode())
        if Path(word).is_file():
            digest.update(file_digest(Path(word)).encode())
    for value in step.inputs:
        digest.update(b"\0input\0" + value.encode())
    for path in step.reads:
        digest.update(b"\0read\0" + file_digest(path).encode())
    for module in step.code:
        digest.update(b"\0code\0" + _code_digest(module).encode())
    return digest.hexdigest()


def record_path(folder: Path, step: Step) -> Path:
    """Name the file that holds a step's record."""
    return folder / "steps" / f"{step.name.replace('/', '-')}.json"


def _begun_path(folder: Path, step: Step) -> Path:
    return record_path(folder, step).with_suffix(".begun")


def is_done(folder: Path, step: Step) -> StepRecord | None:
    """Find the record of a step if nothing that decides its result has changed since.

    Returns
    -------
    StepRecord or None
        None when the step must run.
    """
    try:
        record = read_json(record_path(folder, step), StepRecord)
    except InvalidFileError:
        return None
    fresh = record.fingerprint == fingerprint(step) and all(
        Path(path).is_file() and file_digest(Path(path)) == digest
        for path, digest in record.writes.items()
    )
    return record if fresh and set(record.writes) == set(map(str, step.writes)) else None


def begin(folder: Path, step: Step) -> bool:
    """Note that a step begins.

    Returns
    -------
    bool
        Whether the same step, from the same inputs, was begun before and did not end.
    """
    path = _begun_path(folder, step)
    now = fingerprint(step)
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    write_text(path, now)
    return before == now


def remember(folder: Path, step: Step, seconds: float) -> StepRecord:
    """Write the record of a step that has just ended well."""
    record = StepRecord(
        fingerprint=fingerprint(step),
        writes={str(path): file_digest(path) for path in step.writes},
        seconds=round(seconds, 3),
    )
    write_json(record_path(folder, step), record)
    _begun_path(folder, step).unlink(missing_ok=True)
    return record


def file_digest(path: Path) -> str:
    """Digest a file's bytes with SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _code_digest(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*")) if spec.submodule_search_locations else [origin]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and file.suffix in {".py", ".cpp", ".v", ".j2", ".css", ".toml"}:
            digest.update(str(file.relative_to(origin.parent)).encode() + b"\0")
            digest.update(file.read_bytes())
    return digest.hexdigest()
