"""Trees of slots: a role, and a filler that is a token or a clause with slots of its own.

Example
-------
>>> inner = SlotTree((Slot("PREDICATE", "sleep"), Slot("AGENT", "cat")))
>>> SlotTree((Slot("PREDICATE", "see"), Slot("CONTENT", inner))).depth
2
"""

from __future__ import annotations

from dataclasses import dataclass

from lutloom.errors import InvalidDataError

DEPTH_MAX = 32
"""Clauses inside clauses at most; a frame that contains itself ends here."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Fill a role.

    Parameters
    ----------
    role : str
        Not empty.
    filler : str or SlotTree
        A token, or a nested clause.

    Raises
    ------
    InvalidDataError
        If the role is empty.
    """

    role: str
    filler: str | SlotTree

    def __post_init__(self) -> None:
        if not self.role:
            raise InvalidDataError("slot: the role must be a name, not empty; name it")


@dataclass(frozen=True, slots=True)
class SlotTree:
    """Hold the slots of one clause, in the order in which they came.

    Two trees are equal where slots and order are; what no order may change is asked of
    :func:`~lutloom.language.slots.canonical_form`.  A role may come more than once.

    Parameters
    ----------
    slots : tuple of Slot
        At least one.

    Raises
    ------
    InvalidDataError
        If there is no slot, or clauses nest deeper than ``DEPTH_MAX``.
    """

    slots: tuple[Slot, ...]

    def __post_init__(self) -> None:
        if not self.slots:
            raise InvalidDataError(
                "slot tree: a clause must have at least one slot, not none; leave the clause out"
            )
        if self.depth > DEPTH_MAX:
            raise InvalidDataError(
                f"slot tree: clauses must nest at most {DEPTH_MAX} deep, not {self.depth}; "
                "cut the sentence"
            )

    @property
    def depth(self) -> int:
        """Clauses on the longest way down; 1 where no clause is nested."""
        nested = [slot.filler.depth for slot in self.slots if isinstance(slot.filler, SlotTree)]
        return 1 + max(nested, default=0)
