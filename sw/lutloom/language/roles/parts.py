"""A role frame as names and parts only, the form that slot trees are made of.

Every member of a frame becomes a part: negation and tense as well as agent and patient, and a
filler's number and determiner as parts of the filler.  Nothing is lost: different frames give
different parts.

Example
-------
>>> cat = Filler("cat", "singular", "the")
>>> frame_parts(RoleFrame("sleep", ((Role.AGENT, cat),))).roles[:2]
(('agent', FrameParts(predicate='cat', roles=(('number', 'singular'), ('determiner', 'the')))),\
 ('polarity', 'positive'))
"""

from __future__ import annotations

from dataclasses import dataclass

from lutloom.language.roles.frame import Filler, RoleFrame

CLAUSE = "clause"
"""Name of a filler that is a whole clause, which is its part of the same name."""


@dataclass(frozen=True, slots=True)
class FrameParts:
    """Hold a name and its parts.

    Parameters
    ----------
    predicate : str
        A verb's or noun's lemma.
    roles : tuple of (str, str or FrameParts)
    """

    predicate: str
    roles: tuple[tuple[str, str | FrameParts], ...]


def frame_parts(frame: RoleFrame) -> FrameParts:
    """Turn a frame into names and parts.

    Parameters
    ----------
    frame : RoleFrame

    Returns
    -------
    FrameParts
    """
    roles: list[tuple[str, str | FrameParts]] = [
        (role.value, _filler_parts(filler)) for role, filler in frame.roles
    ]
    roles.append(("polarity", "negative" if frame.negated else "positive"))
    named = (("tense", frame.tense), ("aspect", frame.aspect), ("modality", frame.modality))
    roles += [(name, value) for name, value in named if value]
    if frame.scope:
        roles.append(("scope", " > ".join(frame.scope)))
    return FrameParts(frame.predicate, tuple(roles))


def _filler_parts(filler: Filler) -> FrameParts:
    parts: list[tuple[str, str | FrameParts]] = []
    head = filler.head
    if isinstance(head, RoleFrame):
        parts.append((CLAUSE, frame_parts(head)))
        head = CLAUSE
    named = (
        ("number", filler.number),
        ("determiner", filler.determiner),
        ("marker", filler.marker),
    )
    parts += [(name, value) for name, value in named if value]
    for kind, what in filler.modifiers:
        if isinstance(what, RoleFrame):
            parts.append((kind, frame_parts(what)))
        else:
            parts.append((kind, what if isinstance(what, str) else _filler_parts(what)))
    return FrameParts(head, tuple(parts))
