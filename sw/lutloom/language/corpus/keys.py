"""Keys of sentences: equal keys mean "the same", by one of four methods.

Example
-------
>>> a, b = sentence_keys(["The cat sat.", "The cat sat."], "exact")
>>> a == b
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, get_args

from lutloom.errors import InvalidRecipeError
from lutloom.language.corpus.minhash import duplicate_groups
from lutloom.language.roles.extractor import Language, frame_keys, load_extractor

Method = Literal["exact", "normalised", "minhash", "role"]
"""``exact``: the text.  ``normalised``: its lemmas, without case and punctuation.  ``minhash``:
connected near-duplicates, see :mod:`lutloom.language.corpus.minhash`.  ``role``: the role frame,
or the text where there is none, see :mod:`lutloom.language.roles`."""

KEY_BYTES = 16


def sentence_keys(
    sentences: Sequence[str], method: Method, language: Language = "en"
) -> list[bytes]:
    """Give a key for each sentence.

    Parameters
    ----------
    sentences : sequence of str
    method : Method
    language : Language
        Which reader; ``exact`` and ``minhash`` need none.

    Returns
    -------
    list of bytes
        16 each.  Only those of ``minhash`` depend on the other sentences.

    Raises
    ------
    InvalidRecipeError
        If the method or the language is not known.
    MissingExtraError
        If the language's reader is not installed.
    """
    check_method(method)
    if method == "exact":
        return [_digest(" ".join(sentence.split())) for sentence in sentences]
    if method == "normalised":
        lemmas = load_extractor(language).lemmas(sentences)
        return [_digest("\0".join(words)) for words in lemmas]
    if method == "minhash":
        groups = duplicate_groups(sentences)
        return [_digest(str(group)) for group in groups]
    frames = load_extractor(language).frames(sentences)
    return [bytes.fromhex(key)[:KEY_BYTES] for key in frame_keys(sentences, frames)]


def check_method(method: str) -> None:
    """Refuse a method that is not known.

    Parameters
    ----------
    method : str

    Raises
    ------
    InvalidRecipeError
    """
    if method not in get_args(Method):
        raise InvalidRecipeError(
            f"corpus, method: must be one of {', '.join(get_args(Method))}, not {method!r}; "
            "correct it"
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:KEY_BYTES]
