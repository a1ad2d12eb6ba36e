"""What may differ between two engines for the same layer of attention; never the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lutloom.errors import InvalidRecipeError

LANES = (1, 2, 4, 8, 16)
"""Multipliers, and features of a word; those that divide the head size."""
ENGINES_MAX = 64

RowMemory = Literal["block", "single_port"]
"""Where keys and values lie: ``block``, one is written while another is read; ``single_port``, one
is written or read, such as UP5K's SPRAM."""


@dataclass(frozen=True, slots=True)
class AttentionOptions:
    """Choose how a layer of attention becomes hardware.

    Parameters
    ----------
    lanes : int
        Features multiplied, or added, in one clock: 1, 2, 4, 8 or 16; must divide the head size.
    n_engines : int
        Heads that are worked on at the same time.
    features_per_beat : int or None
        Features in one beat at the ports, a divisor of what the engine takes; ``None``: all of
        them, so that a word enters in every clock.
    row_memory : {"block", "single_port"}
        See :data:`RowMemory`; int8 attention only.

    Raises
    ------
    InvalidRecipeError
        If a value is out of range.
    """

    lanes: int = 8
    n_engines: int = 1
    features_per_beat: int | None = None
    row_memory: RowMemory = "block"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("lanes", self.lanes, LANES),
            ("n_engines", self.n_engines, range(1, ENGINES_MAX + 1)),
            ("features_per_beat", self.features_per_beat, (None, *range(1, 65))),
            ("row_memory", self.row_memory, get_args(RowMemory)),
        ):
            if value not in allowed or isinstance(value, bool):
                words = {"lanes": "1, 2, 4, 8 or 16", "row_memory": "block or single_port"}.get(
                    name, "1..64"
                )
                raise InvalidRecipeError(
                    f"attention options, {name}: must be {words}, not {value!r}; correct it"
                )
