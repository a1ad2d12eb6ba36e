r"""Write a file wholly or not at all: beside it, synced, then renamed over it.

Example
-------
>>> write_text("build/answer.txt", "42\n")
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lutloom.errors import InvalidFileError

_REMEDIES = {
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "free some of your disk quota",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "choose a folder on a writable disk",
    errno.ENOTDIR: "choose a path whose parents are folders",
    errno.EEXIST: "choose a path whose parents are folders",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _replace(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name[:64]}.{secrets.token_hex(6)}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:  # Ctrl-C too: whatever stops the write, nothing half-written stays
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes to a file, making its folder if need be.

    A reader sees the old content or the new, never a part.  A symbolic link is followed.

    Parameters
    ----------
    path : path
        Must not name a folder or a device.
    data : bytes

    Raises
    ------
    InvalidFileError
        If the system refuses (disk full, no permission, …); the old content is kept.
    """
    try:
        target = Path(path).resolve()
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            raise InvalidFileError(
                f"{path}: must name a file, not a folder or device; choose another name"
            )
        _replace(target, data)
    except (OSError, RuntimeError, ValueError) as error:  # also link loops, and NUL in a name
        reason = getattr(error, "strerror", None) or str(error)
        remedy = _REMEDIES.get(getattr(error, "errno", None) or 0, "choose another path")
        raise InvalidFileError(
            f"{path}: cannot be written ({reason}), nothing was changed; {remedy}"
        ) from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text to a file as UTF-8, line ends untouched; see :func:`write_bytes`.

    Parameters
    ----------
    path : path
    text : str

    Raises
    ------
    InvalidFileError
        If the system refuses; the old content is kept.
    """
    write_bytes(path, text.encode())


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write plain values, msgspec structs, dataclasses or numpy numbers as indented JSON.

    Keys keep their order; NaN and infinity become ``null``.  See :func:`write_bytes`.

    Parameters
    ----------
    path : path
    value : object

    Raises
    ------
    InvalidFileError
        If the system refuses; the old content is kept.
    """
    encoded = msgspec.json.encode(value, enc_hook=_plain)
    write_bytes(path, msgspec.json.format(encoded, indent=2) + b"\n")
