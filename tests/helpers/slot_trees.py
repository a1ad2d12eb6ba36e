"""Slot trees to draw, all orders of one, and frames."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from lutloom.language.slots import Slot, SlotTree

ROLES = ("AGENT", "OBJECT", "TIME")
NAMES = st.sampled_from(["cat", "fish", ""]) | st.text(max_size=3)


@dataclass(frozen=True)
class MadeFrame:
    """What a role extractor might give: anything with these two members is a frame."""

    predicate: str
    roles: tuple[tuple[str, str | MadeFrame], ...] = ()


def trees(max_leaves: int = 8) -> st.SearchStrategy[SlotTree]:
    """Trees with few roles, so that siblings often share one."""
    roles = st.sampled_from(ROLES) | st.text(min_size=1, max_size=2)

    def clause(fillers: st.SearchStrategy[str | SlotTree]) -> st.SearchStrategy[SlotTree]:
        slots = st.lists(st.builds(Slot, roles, fillers), min_size=1, max_size=3)
        return slots.map(lambda some: SlotTree(tuple(some)))

    nested = st.recursive(NAMES, lambda inner: clause(inner), max_leaves=max_leaves)
    return clause(nested)


def shuffled(tree: SlotTree, rng: random.Random) -> SlotTree:
    """The same tree, its children in another order, at every level."""
    slots = [
        Slot(s.role, shuffled(s.filler, rng) if isinstance(s.filler, SlotTree) else s.filler)
        for s in tree.slots
    ]
    rng.shuffle(slots)
    return SlotTree(tuple(slots))


def every_order(tree: SlotTree) -> Iterator[SlotTree]:
    """All orders of all children."""
    choices = [
        [Slot(s.role, inner) for inner in every_order(s.filler)]
        if isinstance(s.filler, SlotTree)
        else [s]
        for s in tree.slots
    ]
    for slots in itertools.product(*choices):
        for order in itertools.permutations(slots):
            yield SlotTree(order)


def as_multiset(tree: SlotTree) -> frozenset[object]:
    """A tree as nested sets with counts: an independent idea of what order must not change."""
    children = [
        (s.role, as_multiset(s.filler) if isinstance(s.filler, SlotTree) else s.filler)
        for s in tree.slots
    ]
    return frozenset((child, children.count(child)) for child in children)
