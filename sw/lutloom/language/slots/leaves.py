"""A tree as the set of its leaves: what a set encoder takes.

Example
-------
>>> inner = SlotTree((Slot("PREDICATE", "sleep"), Slot("AGENT", "cat")))
>>> for leaf in flatten(SlotTree((Slot("CONTENT", inner), Slot("PREDICATE", "see")))):
...     print(leaf.path, leaf.filler)
('CONTENT', 'AGENT') cat
('CONTENT', 'PREDICATE') sleep
('PREDICATE',) see
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lutloom.errors import InvalidDataError
from lutloom.language.slots.canonical import canonical_form
from lutloom.language.slots.tree import Slot, SlotTree


@dataclass(frozen=True, slots=True, order=True)
class Leaf:
    """Hold a token and the way to it.

    Parameters
    ----------
    path : tuple of str
        Roles from the root down; the last is the token's own.
    filler : str
    clauses : tuple of int, optional
        For each role of the path but the last: which of the clauses of that role it is, counted
        from 0 in canonical order.  Where no clause has a sibling of the same role all are 0.
    """

    path: tuple[str, ...]
    filler: str
    clauses: tuple[int, ...] = ()


def flatten(tree: SlotTree) -> tuple[Leaf, ...]:
    """Give the leaves of a tree, whatever the order of its children.

    Parameters
    ----------
    tree : SlotTree

    Returns
    -------
    tuple of Leaf
        Sorted, one for each token; :func:`rebuild` makes the canonical tree of them.  Paths and
        fillers alone do not tell which of two clauses of the same role a token is in; ``clauses``
        does.
    """
    return tuple(sorted(_leaves(canonical_form(tree), (), ())))


def rebuild(leaves: Iterable[Leaf]) -> SlotTree:
    """Make a tree of its leaves, in any order.

    Parameters
    ----------
    leaves : iterable of Leaf
        At least one.

    Returns
    -------
    SlotTree
        In canonical form.

    Raises
    ------
    InvalidDataError
        If a leaf has no path, its numbers of clauses are not one fewer than its roles, or there
        is no leaf.
    """
    there = list(leaves)
    for leaf in there:
        if not leaf.path or len(leaf.clauses) != len(leaf.path) - 1:
            raise InvalidDataError(
                f"leaf {leaf.filler!r}: must have a path and a clause number for each role but "
                f"the last, not {len(leaf.path)} roles and {len(leaf.clauses)} numbers; take "
                "leaves from flatten"
            )
    return canonical_form(_tree(there))


def _leaves(tree: SlotTree, path: tuple[str, ...], clauses: tuple[int, ...]) -> list[Leaf]:
    seen: Counter[str] = Counter()
    leaves: list[Leaf] = []
    for slot in tree.slots:
        below = (*path, slot.role)
        if isinstance(slot.filler, SlotTree):
            leaves += _leaves(slot.filler, below, (*clauses, seen[slot.role]))
            seen[slot.role] += 1
        else:
            leaves.append(Leaf(below, slot.filler, clauses))
    return leaves


def _tree(leaves: list[Leaf]) -> SlotTree:
    slots: list[Slot] = []
    nested: dict[tuple[str, int], list[Leaf]] = {}
    for leaf in leaves:
        if leaf.clauses:
            below = Leaf(leaf.path[1:], leaf.filler, leaf.clauses[1:])
            nested.setdefault((leaf.path[0], leaf.clauses[0]), []).append(below)
        else:
            slots.append(Slot(leaf.path[0], leaf.filler))
    slots += [Slot(role, _tree(below)) for (role, _), below in nested.items()]
    return SlotTree(tuple(slots))
