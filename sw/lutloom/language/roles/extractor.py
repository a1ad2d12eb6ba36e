"""Readers of role frames, one a language, behind one face.

Example
-------
>>> extractor = load_extractor("en")                                 # doctest: +SKIP
>>> [frame] = extractor.frames(["The cat eats the fish."])           # doctest: +SKIP
>>> frame.predicate                                                  # doctest: +SKIP
'eat'
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal, Protocol, get_args

from lutloom.errors import InvalidRecipeError, MissingExtraError
from lutloom.language.roles.frame import RoleFrame, role_key, text_key

Language = Literal["en", "ja"]


class NotAnalysedError(Exception):
    """Tell, inside a reader, that a sentence is not one it can read for certain."""


class FrameExtractor(Protocol):
    """Read role frames from sentences of one language."""

    def frames(self, sentences: Sequence[str]) -> list[RoleFrame | None]:
        """Give each sentence's frame, None where it cannot be read for certain."""

    def lemmas(self, sentences: Sequence[str]) -> list[tuple[str, ...]]:
        """Give each sentence's lemmas, punctuation left out."""


@cache
def load_extractor(language: Language) -> FrameExtractor:
    """Load the reader of a language, once a process.

    Parameters
    ----------
    language : Language

    Returns
    -------
    FrameExtractor

    Raises
    ------
    InvalidRecipeError
        If the language is not known.
    MissingExtraError
        If its packages are not installed.
    """
    try:
        if language == "en":
            from lutloom.language.roles.english import EnglishRoles

            return EnglishRoles()
        if language == "ja":
            from lutloom.language.roles.japanese import JapaneseRoles

            return JapaneseRoles()
    except (ImportError, OSError) as error:  # spaCy raises OSError where a model is missing
        raise MissingExtraError(
            f"roles, language {language}: the parser must be installed, but {_first_line(error)}; "
            "run: pip install 'lutloom[language]'"
        ) from error
    raise InvalidRecipeError(
        f"roles, language: must be one of {', '.join(get_args(Language))}, not {language!r}; "
        "correct it"
    )


def frame_keys(sentences: Sequence[str], frames: Sequence[RoleFrame | None]) -> list[str]:
    """Give each sentence's key: of its frame, or of its text where it has none.

    Parameters
    ----------
    sentences : sequence of str
    frames : sequence of RoleFrame or None
        As many.

    Returns
    -------
    list of str
    """
    return [
        text_key(sentence) if frame is None else role_key(frame)
        for sentence, frame in zip(sentences, frames, strict=True)
    ]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else "it is not"
