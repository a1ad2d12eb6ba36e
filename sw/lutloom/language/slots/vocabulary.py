"""Numbers for paths and fillers, so that a set encoder can look them up.

Example
-------
>>> vocabulary = collect_vocabulary([tree])                          # doctest: +SKIP
>>> vocabulary.encode(tree)                                          # doctest: +SKIP
(array([1, 2]), array([3, 2]))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError
from lutloom.language.slots.leaves import flatten
from lutloom.language.slots.tree import SlotTree

MASK = 0
"""Filler that stands for the one asked for; as a role it is never given."""

UNKNOWN = 1
"""Path or filler that the vocabulary does not have."""

_FIRST = 2


@dataclass(frozen=True, slots=True)
class SlotVocabulary:
    """Number paths and fillers; 0 and 1 are :data:`MASK` and :data:`UNKNOWN` in both.

    Parameters
    ----------
    paths : tuple of tuple of str
        Numbered from 2.
    fillers : tuple of str
        Numbered from 2.

    Raises
    ------
    InvalidDataError
        If one comes twice.
    """

    paths: tuple[tuple[str, ...], ...]
    fillers: tuple[str, ...]
    _path_number: dict[tuple[str, ...], int] = field(init=False, repr=False, compare=False)
    _filler_number: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check("path", self.paths)
        _check("filler", self.fillers)
        paths = {path: number for number, path in enumerate(self.paths, start=_FIRST)}
        fillers = {filler: number for number, filler in enumerate(self.fillers, start=_FIRST)}
        object.__setattr__(self, "_path_number", paths)
        object.__setattr__(self, "_filler_number", fillers)

    @property
    def n_roles(self) -> int:
        """Numbers that paths take, the two reserved ones counted."""
        return len(self.paths) + _FIRST

    @property
    def n_fillers(self) -> int:
        """Numbers that fillers take, the two reserved ones counted."""
        return len(self.fillers) + _FIRST

    def encode(self, tree: SlotTree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the leaves of a tree as numbers, whatever the order of its children.

        Parameters
        ----------
        tree : SlotTree

        Returns
        -------
        roles : int64[n]
            Of the whole path of each leaf.
        fillers : int64[n]
        """
        leaves = flatten(tree)
        roles = [self._path_number.get(leaf.path, UNKNOWN) for leaf in leaves]
        fillers = [self._filler_number.get(leaf.filler, UNKNOWN) for leaf in leaves]
        return np.array(roles, dtype=np.int64), np.array(fillers, dtype=np.int64)


def collect_vocabulary(trees: Iterable[SlotTree], least: int = 1) -> SlotVocabulary:
    """Collect the paths and fillers of trees.

    Parameters
    ----------
    trees : iterable of SlotTree
    least : int
        Times a path or filler must occur to get a number.

    Returns
    -------
    SlotVocabulary
        Both sorted: the same whatever the order of the trees.
    """
    paths: Counter[tuple[str, ...]] = Counter()
    fillers: Counter[str] = Counter()
    for tree in trees:
        for leaf in flatten(tree):
            paths[leaf.path] += 1
            fillers[leaf.filler] += 1
    return SlotVocabulary(
        tuple(sorted(path for path, times in paths.items() if times >= least)),
        tuple(sorted(filler for filler, times in fillers.items() if times >= least)),
    )


def _check(what: str, names: Sequence[object]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise InvalidDataError(
                f"slot vocabulary: {what} {name!r} must come once, not {times} times; drop it"
            )
