"""Keep the first sentence of each key.

Example
-------
>>> reduce_sentences(["A dog.", "A cat.", "A dog."], "exact").kept
(0, 1)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from lutloom.language.corpus.keys import Method, sentence_keys
from lutloom.language.roles.extractor import Language


@dataclass(frozen=True, slots=True)
class Reduction:
    """Hold what is left of a corpus.

    Parameters
    ----------
    method : Method
    keys : tuple of bytes
        Of every sentence.
    kept : tuple of int
        Indices of the sentences that stay, rising.
    seconds : float
        Wall time, parses counted, the loading of a parser not.
    """

    method: Method
    keys: tuple[bytes, ...]
    kept: tuple[int, ...]
    seconds: float

    @property
    def share_removed(self) -> float:
        """Removed sentences by all."""
        return 1 - len(self.kept) / len(self.keys) if self.keys else 0.0


def reduce_sentences(
    sentences: Sequence[str], method: Method, language: Language = "en"
) -> Reduction:
    """Keep the first sentence of each key.

    Parameters
    ----------
    sentences : sequence of str
    method : Method
    language : Language

    Returns
    -------
    Reduction

    Raises
    ------
    InvalidRecipeError, MissingExtraError
        As :func:`lutloom.language.corpus.keys.sentence_keys`.
    """
    begun = time.perf_counter()
    keys = sentence_keys(sentences, method, language)
    kept = first_of_each(keys)
    return Reduction(method, tuple(keys), kept, time.perf_counter() - begun)


def first_of_each(keys: Sequence[bytes]) -> tuple[int, ...]:
    """Give the index of each key's first appearance, rising.

    Parameters
    ----------
    keys : sequence of bytes

    Returns
    -------
    tuple of int
    """
    first: dict[bytes, int] = {}
    for k, key in enumerate(keys):
        first.setdefault(key, k)
    return tuple(first.values())
