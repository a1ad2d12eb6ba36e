r"""Plain text into sentences, by spaCy's sentencizer, which goes by punctuation alone.

Example
-------
>>> split_sentences("It rains. The cat\nsleeps.\n\nIt is late.")
['It rains.', 'The cat sleeps.', 'It is late.']
"""

from __future__ import annotations

from collections.abc import Iterator

from lutloom.errors import MissingExtraError
from lutloom.language.roles.extractor import Language

_CHUNK_CHARACTERS = 20_000
_ENDS = (".", "!", "?", "。", "\uff01", "\uff1f", '."', ".)", "」")


def split_sentences(text: str, language: Language = "en") -> list[str]:
    """Split a text; a blank line ends a sentence, any other line end is a space.

    Parameters
    ----------
    text : str
    language : Language
        In Japanese, lines are joined without a space.

    Returns
    -------
    list of str
        None of them empty, each with single spaces.

    Raises
    ------
    MissingExtraError
        If spaCy is not installed.
    """
    try:
        import spacy
    except ImportError as error:
        raise MissingExtraError(
            "sentences: the package spacy must be installed; run: pip install 'lutloom[language]'"
        ) from error
    pipeline = spacy.blank(language)
    pipeline.add_pipe("sentencizer")
    found = []
    for document in pipeline.pipe(_chunks(text, "" if language == "ja" else " ")):
        found += [" ".join(sentence.text.split()) for sentence in document.sents]
    return [sentence for sentence in found if sentence]


def _chunks(text: str, glue: str) -> Iterator[str]:
    """Give paragraphs, long ones in parts that end with a sentence at a line's end."""
    lines: list[str] = []
    size = 0
    for line in (*text.splitlines(), ""):
        stripped = line.strip()
        if stripped:
            lines.append(stripped)
            size += len(stripped)
        full = size >= _CHUNK_CHARACTERS and stripped.endswith(_ENDS)
        if lines and (not stripped or full):
            yield glue.join(lines)
            lines, size = [], 0
