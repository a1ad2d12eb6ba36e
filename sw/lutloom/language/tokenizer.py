"""Byte-level byte-pair encoding, by the ``tokenizers`` library.

Example
-------
>>> tokenizer = train_tokenizer("the cat sat on the mat " * 50, vocabulary=300)
>>> tokenizer.decode(tokenizer.encode("the hat"))
'the hat'
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import decoders, models, pre_tokenizers, trainers

from lutloom.errors import InvalidFileError, InvalidRecipeError

VOCABULARY_MIN, VOCABULARY_MAX = 257, 1 << 16
"""Every byte is a token of its own; with fewer than one more there would be nothing to merge."""


Unit = Literal["line", "text"]
"""What is encoded by itself, so that no merge crosses its end."""

_WHOLE_TEXT = '{"unit":"text",'
"""How the JSON of a tokenizer begins whose unit is the text; without, it is the line."""


class Tokenizer:
    """Turn text into tokens and back, without loss.

    Parameters
    ----------
    inner : tokenizers.Tokenizer
    unit : Unit
        ``"line"`` lets long texts go through in parallel; merges learnt elsewhere may join the ends
        of several lines, and need ``"text"``.
    """

    def __init__(self, inner: tokenizers.Tokenizer, unit: Unit = "line") -> None:
        self._inner = inner
        self.unit = unit

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return int(self._inner.get_vocab_size())

    def encode(self, text: str) -> NDArray[np.int64]:
        """Give the tokens of a text, ``int64[n]``."""
        units = [text] if self.unit == "text" else text.splitlines(keepends=True)
        encoded = self._inner.encode_batch(units, add_special_tokens=False)
        ids = [np.array(unit.ids, dtype=np.int64) for unit in encoded]
        return np.concatenate(ids) if ids else np.empty(0, dtype=np.int64)

    def decode(self, tokens: NDArray[np.int64]) -> str:
        """Give the text of tokens."""
        return str(self._inner.decode(tokens.tolist(), skip_special_tokens=False))

    def to_json(self) -> str:
        """Give all of it as JSON, which :func:`parse_tokenizer` reads."""
        written = str(self._inner.to_str())
        return written if self.unit == "line" else _WHOLE_TEXT + written.removeprefix("{")


def train_tokenizer(text: str, vocabulary: int) -> Tokenizer:
    """Learn merges from a text.

    Parameters
    ----------
    text : str
    vocabulary : int
        Tokens at most, the 256 bytes counted; 257 to 65,536.

    Returns
    -------
    Tokenizer
        With fewer tokens where the text has no more pairs to merge.

    Raises
    ------
    InvalidRecipeError
        If the vocabulary is out of range.

    References
    ----------
    Sennrich et al., "Neural machine translation of rare words with subword units", 2016.
    """
    if not VOCABULARY_MIN <= vocabulary <= VOCABULARY_MAX:
        raise InvalidRecipeError(
            f"tokenizer, vocabulary: must be {VOCABULARY_MIN}..{VOCABULARY_MAX}, not "
            f"{vocabulary}; correct it"
        )
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(text.splitlines(keepends=True), trainer)
    return Tokenizer(inner)


def parse_tokenizer(text: str, source: str) -> Tokenizer:
    """Read a tokenizer from JSON.

    Parameters
    ----------
    text : str
    source : str
        What error messages call it.

    Returns
    -------
    Tokenizer

    Raises
    ------
    InvalidFileError
        If it is not a tokenizer.
    """
    whole = text.startswith(_WHOLE_TEXT)
    written = "{" + text.removeprefix(_WHOLE_TEXT) if whole else text
    try:
        return Tokenizer(tokenizers.Tokenizer.from_str(written), "text" if whole else "line")
    except Exception as error:  # the library raises nothing narrower
        raise InvalidFileError(
            f"{source}: must hold a tokenizer, but {error}; train the model again"
        ) from error
