"""How often a method merges what differs, and splits what is the same.

Both rates count unordered pairs of *different texts*; a text that comes twice counts once, since
every method merges it with itself.

    false-merge rate = pairs with the same key but different meanings / pairs with the same key
    false-split rate = pairs with the same meaning but different keys / pairs with the same meaning

A rate over no pairs at all is 0.  A false-merge rate of 0 with a false-split rate of 1 is a method
that does nothing.

Example
-------
>>> merge_rates(["a", "b", "c"], [b"1", b"1", b"2"], ["x", "y", "x"])
Rates(false_merge=1.0, false_split=1.0, same_key_pairs=1, same_meaning_pairs=1)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from lutloom.errors import InvalidDataError


@dataclass(frozen=True, slots=True)
class Rates:
    """Hold both rates and what they are shares of.

    Parameters
    ----------
    false_merge, false_split : float
    same_key_pairs, same_meaning_pairs : int
    """

    false_merge: float
    false_split: float
    same_key_pairs: int
    same_meaning_pairs: int


def merge_rates(texts: Sequence[str], keys: Sequence[bytes], meanings: Sequence[Hashable]) -> Rates:
    """Judge keys by known meanings.

    Parameters
    ----------
    texts : sequence of str
    keys : sequence of bytes
        As many.
    meanings : sequence of hashable
        As many.

    Returns
    -------
    Rates

    Raises
    ------
    InvalidDataError
        If the same text comes with two meanings.
    """
    known: dict[str, tuple[bytes, Hashable]] = {}
    for text, key, meaning in zip(texts, keys, meanings, strict=True):
        if known.setdefault(text, (key, meaning))[1] != meaning:
            raise InvalidDataError(
                f"merge rates: a text must have one meaning, but {text!r} has two; "
                "correct the meanings"
            )
    same_key = _pairs(key for key, _ in known.values())
    same_meaning = _pairs(meaning for _, meaning in known.values())
    both = _pairs(known.values())
    return Rates(
        false_merge=(same_key - both) / same_key if same_key else 0.0,
        false_split=(same_meaning - both) / same_meaning if same_meaning else 0.0,
        same_key_pairs=same_key,
        same_meaning_pairs=same_meaning,
    )


def _pairs(values: Iterable[Hashable]) -> int:
    return sum(n * (n - 1) // 2 for n in Counter(values).values())
