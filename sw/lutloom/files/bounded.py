"""Read a file only if it is one, and only up to a stated size.

The caps hold before anything of the file's own numbers is believed.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from lutloom.errors import InvalidFileError

NEURONS_MAX = 4_000_000
"""Most neurons of one network a file may hold."""
LAYERS_MAX = 1024
"""Most layers of one network a file may hold."""


def _unreadable(path: str | os.PathLike[str], error: Exception) -> InvalidFileError:
    reason = getattr(error, "strerror", None) or str(error)
    return InvalidFileError(
        f"{path}: cannot be read ({reason}); check the path and its permissions"
    )


def check_file(path: str | os.PathLike[str], size_max_bytes: int) -> Path:
    """Check that a path names a readable file of bounded size.

    Parameters
    ----------
    path : path
    size_max_bytes : int

    Returns
    -------
    Path

    Raises
    ------
    InvalidFileError
        If it is missing, unreadable, no regular file, empty or too large.
    """
    try:
        status = Path(path).stat()
        regular = stat.S_ISREG(status.st_mode)
        if regular and not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except FileNotFoundError as error:
        raise InvalidFileError(
            f"{path}: must exist, but there is no such file; check the path"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(path, error) from error
    if not regular:
        raise InvalidFileError(f"{path}: must be a file, not a folder or device; check the path")
    if not 0 < status.st_size <= size_max_bytes:
        raise InvalidFileError(
            f"{path}: must be 1..{size_max_bytes} bytes long, not {status.st_size}; "
            "check that it is the right file and wholly copied"
        )
    return Path(path)


def read_bytes(path: str | os.PathLike[str], size_max_bytes: int) -> bytes:
    """Read a file of bounded size.

    Parameters
    ----------
    path : path
    size_max_bytes : int

    Returns
    -------
    bytes

    Raises
    ------
    InvalidFileError
        If it is missing, unreadable, no regular file, empty or too large.
    """
    checked = check_file(path, size_max_bytes)
    try:
        with checked.open("rb") as file:
            data = file.read(size_max_bytes + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > size_max_bytes:
        raise InvalidFileError(
            f"{path}: must be at most {size_max_bytes} bytes long, not more; check the file"
        )
    return data
