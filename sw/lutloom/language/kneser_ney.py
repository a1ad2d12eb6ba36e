"""A 5-gram model with interpolated Kneser-Ney smoothing: what a transformer must at least beat.

n-grams are packed into 64-bit integers and counted by sorting, so a corpus of millions of tokens
takes seconds; the models in general libraries take hours, or a compiler.

Example
-------
>>> model = KneserNey(tokens, vocabulary=2048)                       # doctest: +SKIP
>>> model.perplexity(held_out)                                       # doctest: +SKIP
71.3
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError

ORDER = 5
_KEY_BITS = 63


@dataclass(frozen=True, slots=True)
class _Level:
    """Hold the n-grams of one length, packed and sorted, with their counts.

    For all but the longest, a count is how many different tokens stand before the n-gram.
    """

    grams: NDArray[np.int64]
    counts: NDArray[np.int64]
    contexts: NDArray[np.int64]
    context_totals: NDArray[np.int64]
    context_kinds: NDArray[np.int64]
    discount: float


class KneserNey:
    """Predict a token from up to four before it.

    Parameters
    ----------
    tokens : int64[n]
        To count.
    vocabulary : int
    order : int
        Length of the longest n-grams.

    Raises
    ------
    InvalidDataError
        If the n-grams do not fit into 63 bits, or there are fewer tokens than one n-gram.

    References
    ----------
    Kneser and Ney, "Improved backing-off for m-gram language modeling", 1995; the interpolated
    form and the discount of Chen and Goodman, 1999.
    """

    def __init__(self, tokens: NDArray[np.int64], vocabulary: int, order: int = ORDER) -> None:
        self._bits = max(1, (vocabulary - 1).bit_length())
        if self._bits * order > _KEY_BITS:
            raise InvalidDataError(
                f"n-gram model: {order} tokens of {self._bits} bits must fit into {_KEY_BITS} "
                "bits, but do not; use a smaller vocabulary or order"
            )
        if tokens.size < order:
            raise InvalidDataError(
                f"n-gram model: there must be at least {order} tokens, not {tokens.size}; "
                "give a longer text"
            )
        self.vocabulary, self.order = vocabulary, order
        grams, counts = np.unique(self._pack(tokens, order), return_counts=True)
        levels = [self._level(grams, counts)]
        for length in range(order - 1, 0, -1):
            # Each different n-gram one longer counts once for its end.
            grams, counts = np.unique(grams & self._mask(length), return_counts=True)
            levels.append(self._level(grams, counts))
        self._levels = levels[::-1]

    def _mask(self, length: int) -> int:
        return (1 << self._bits * length) - 1

    def _pack(self, tokens: NDArray[np.int64], length: int) -> NDArray[np.int64]:
        """Pack every run of ``length`` tokens; the last token takes the lowest bits."""
        packed = np.zeros(tokens.size - length + 1, dtype=np.int64)
        for k in range(length):
            packed = packed << self._bits | tokens[k : tokens.size - length + 1 + k]
        return packed

    def _level(self, grams: NDArray[np.int64], counts: NDArray[np.int64]) -> _Level:
        contexts, first = np.unique(grams >> self._bits, return_index=True)
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        return _Level(
            grams=grams,
            counts=counts,
            contexts=contexts,
            context_totals=np.add.reduceat(counts, first),
            context_kinds=np.diff(np.append(first, grams.size)),
            discount=once / (once + 2 * twice) if once else 0.5,
        )

    def probabilities(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the probability of each token but the first ``order - 1``, given those before.

        Parameters
        ----------
        tokens : int64[n]

        Returns
        -------
        float64[n - order + 1]
        """
        packed = self._pack(tokens, self.order)
        p = np.full(packed.size, 1.0 / self.vocabulary)
        for length, level in enumerate(self._levels, start=1):
            gram = packed & self._mask(length)
            count = _look_up(level.grams, level.counts, gram)
            context = gram >> self._bits
            total = _look_up(level.contexts, level.context_totals, context)
            kinds = _look_up(level.contexts, level.context_kinds, context)
            seen = total > 0
            left = np.maximum(count[seen] - level.discount, 0.0) + level.discount * (
                kinds[seen] * p[seen]
            )
            p[seen] = left / total[seen]
        return p

    def mean_loss(self, tokens: NDArray[np.int64]) -> float:
        """Give the mean loss in nats of held-out tokens, but the first ``order - 1``.

        Parameters
        ----------
        tokens : int64[n]

        Returns
        -------
        float
        """
        return float(-np.log(self.probabilities(tokens)).mean())

    def perplexity(self, tokens: NDArray[np.int64]) -> float:
        """Give the perplexity of held-out tokens, but the first ``order - 1``.

        Parameters
        ----------
        tokens : int64[n]

        Returns
        -------
        float
        """
        return math.exp(self.mean_loss(tokens))


def _look_up(
    keys: NDArray[np.int64], values: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the value of each wanted key, 0 where there is none."""
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[at] == wanted, values[at], 0)
