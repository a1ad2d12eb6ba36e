"""From a frame, as a role extractor gives it, to a slot tree.

Example
-------
>>> tree_from_frame(frame)                                           # doctest: +SKIP
SlotTree(slots=(Slot(role='PREDICATE', filler='eat'), Slot(role='AGENT', filler='cat')))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from lutloom.errors import InvalidDataError
from lutloom.language.slots.tree import DEPTH_MAX, Slot, SlotTree

PREDICATE = "PREDICATE"
"""Role of a frame's predicate; no frame gives it to anything else."""

Parts = Callable[[object], "Iterable[tuple[str, object]] | None"]
"""Gives the roles and fillers of whatever is no string; None where it does not know the kind."""


class Frame(Protocol):
    """Say what happens, and who or what takes which part in it.

    Anything with these two members will do; where a filler is no string it is a frame again.  What
    else a frame may hold, such as polarity or tense, is not looked at: give it as a role, or read
    it by ``parts`` of one's own.
    """

    @property
    def predicate(self) -> str:
        """What happens."""

    @property
    def roles(self) -> Iterable[tuple[str, object]]:
        """Role and filler of each part."""


def frame_parts(frame: object) -> list[tuple[str, object]] | None:
    """Give the predicate of a frame as one part, and its roles.

    Parameters
    ----------
    frame : object

    Returns
    -------
    list of (str, object) or None
        None if it is no :class:`Frame`.

    Raises
    ------
    InvalidDataError
        If a role is named as the predicate's is.
    """
    predicate, roles = getattr(frame, "predicate", None), getattr(frame, "roles", None)
    if not isinstance(predicate, str) or not isinstance(roles, Iterable):
        return None
    parts: list[tuple[str, object]] = [(PREDICATE, predicate)]
    for role, filler in roles:
        if role == PREDICATE:
            raise InvalidDataError(
                f"frame {predicate!r}: {PREDICATE} must be the predicate's role only, not one of "
                "'roles'; rename it"
            )
        parts.append((str(role), filler))
    return parts


def tree_from_frame(frame: Frame, parts: Parts = frame_parts) -> SlotTree:
    """Make a tree of a frame; the predicate becomes a slot like any other.

    Parameters
    ----------
    frame : Frame
        Or anything else that ``parts`` knows.
    parts : callable
        What a frame, and a filler that is no string, consists of.

    Returns
    -------
    SlotTree
        Slots in the order of the parts.

    Raises
    ------
    InvalidDataError
        If a filler is neither a string nor a frame, a role is named as the predicate's is, or
        frames nest too deep.
    """
    return _tree(frame, parts, "frame", 1)


def _tree(node: object, parts: Parts, where: str, depth: int) -> SlotTree:
    if depth > DEPTH_MAX:
        raise InvalidDataError(
            f"frame: frames must nest at most {DEPTH_MAX} deep, but go on; look for one that "
            "contains itself"
        )
    there = parts(node)
    if there is None:
        raise InvalidDataError(
            f"{where}: must be a string or a frame with 'predicate' and 'roles', not "
            f"{type(node).__name__}; convert it, or give 'parts' that know it"
        )
    slots: list[Slot] = []
    for role, filler in there:
        if not isinstance(filler, str):
            filler = _tree(filler, parts, f"{where}.{role}", depth + 1)
        slots.append(Slot(role, filler))
    return SlotTree(tuple(slots))
