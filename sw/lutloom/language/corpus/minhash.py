"""Near-duplicates: sentences whose sets of character 5-grams have a Jaccard index of 0.8 or more.

MinHash finds the candidates, the sets themselves decide, and whatever is connected by a chain of
such pairs is one group.

References
----------
Broder, "On the resemblance and containment of documents", 1997; Lee et al., "Deduplicating
training data makes language models better", 2022.

Example
-------
>>> duplicate_groups(["a sentence that is long", "another one", "a sentence that is long!"])
[0, 1, 0]
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

from lutloom.errors import MissingExtraError

SHINGLE = 5
THRESHOLD = 0.8
BANDS, ROWS = 25, 5
"""A pair at the threshold agrees in a band with a chance of 1 - (1 - 0.8^5)^25 > 0.9999."""

_SEED = 1

P = TypeVar("P", int, tuple[int, int])


def shingles(sentence: str) -> frozenset[str]:
    """Give a sentence's character 5-grams, or all of it where it is shorter.

    Parameters
    ----------
    sentence : str

    Returns
    -------
    frozenset of str
    """
    text = " ".join(sentence.split())
    return frozenset(text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Give the share of two sets' elements that are in both.

    Parameters
    ----------
    a, b : frozenset of str

    Returns
    -------
    float
    """
    return len(a & b) / len(a | b)


def bands(sentences: Sequence[str]) -> list[tuple[bytes, ...]]:
    """Give each sentence's bands; candidates agree in one of them at least.

    Parameters
    ----------
    sentences : sequence of str

    Returns
    -------
    list of tuple of bytes
        25 each, with the band's number in front.

    Raises
    ------
    MissingExtraError
        If datasketch is not installed.
    """
    try:
        datasketch = importlib.import_module("datasketch")  # has no type information
    except ImportError as error:
        raise MissingExtraError(
            "corpus, method minhash: the package datasketch must be installed; run: "
            "pip install 'lutloom[language]'"
        ) from error
    encoded = [[s.encode() for s in sorted(shingles(sentence))] for sentence in sentences]
    signatures = datasketch.MinHash.bulk(encoded, num_perm=BANDS * ROWS, seed=_SEED)
    found = []
    for signature in signatures:
        values = signature.hashvalues.reshape(BANDS, ROWS)
        found.append(tuple(bytes([k]) + row.tobytes() for k, row in enumerate(values)))
    return found


class Groups:
    """Join things into groups, each named for the least of its members.

    Members
    -------
    parents : of each thing that was ever joined, one that is not greater
    """

    def __init__(self) -> None:
        self.parents: dict[object, object] = {}

    def find(self, thing: P) -> P:
        """Give the least member of a thing's group."""
        root = thing
        while (above := self.parents.get(root, root)) != root:
            root = above  # type: ignore[assignment]
        while thing != root:
            above = self.parents.get(thing, thing)
            self.parents[thing] = root
            thing = above  # type: ignore[assignment]
        return root

    def join(self, a: P, b: P) -> bool:
        """Make one group of two things' groups; say whether they were two."""
        first, second = sorted((self.find(a), self.find(b)))
        if first == second:
            return False
        self.parents[second] = first
        return True


def duplicate_edges(
    bucket: Sequence[tuple[P, frozenset[str]]], groups: Groups
) -> list[tuple[P, P]]:
    """Compare the sentences of one bucket, and join those that are near enough.

    Parameters
    ----------
    bucket : sequence of (position, shingles)
    groups : Groups
        What is known to be connected is not compared again; grows.

    Returns
    -------
    list of (position, position)
        Pairs that were newly connected.
    """
    edges = []
    for k, (b, its) in enumerate(bucket):
        for a, others in bucket[:k]:
            shorter, longer = sorted((len(its), len(others)))
            if shorter < THRESHOLD * longer or groups.find(a) == groups.find(b):
                continue
            if jaccard(its, others) >= THRESHOLD:
                groups.join(a, b)
                edges.append((a, b))
    return edges


def duplicate_groups(sentences: Sequence[str]) -> list[int]:
    """Give for each sentence the index of the first in its group.

    Parameters
    ----------
    sentences : sequence of str

    Returns
    -------
    list of int
    """
    groups = Groups()
    sets: dict[str, tuple[int, frozenset[str]]] = {}
    for k, sentence in enumerate(sentences):
        if sentence in sets:
            groups.join(sets[sentence][0], k)
        else:
            sets[sentence] = (k, shingles(sentence))
    for bucket in into_buckets(zip(bands(list(sets)), sets.values(), strict=True)):
        duplicate_edges(bucket, groups)
    return [groups.find(k) for k in range(len(sentences))]


def into_buckets(
    banded: Iterable[tuple[tuple[bytes, ...], tuple[P, frozenset[str]]]],
) -> list[list[tuple[P, frozenset[str]]]]:
    """Give the buckets with more than one sentence in them.

    Parameters
    ----------
    banded : iterable of (bands, (position, shingles))

    Returns
    -------
    list of list of (position, shingles)
    """
    buckets: dict[bytes, list[tuple[P, frozenset[str]]]] = {}
    for its_bands, item in banded:
        for band in its_bands:
            buckets.setdefault(band, []).append(item)
    return [bucket for bucket in buckets.values() if len(bucket) > 1]
