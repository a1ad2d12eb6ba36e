"""What may differ between two engines for the same layer of attention; never the answers."""

from __future__ import annotations

from dataclasses import dataclass

from lutloom.errors import InvalidRecipeError

LANES = (1, 2, 4, 8, 16)
ENGINES_MAX = 64


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

    Raises
    ------
    InvalidRecipeError
        If a value is out of range.
    """

    lanes: int = 8
    n_engines: int = 1
    features_per_beat: int | None = None

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("lanes", self.lanes, LANES),
            ("n_engines", self.n_engines, range(1, ENGINES_MAX + 1)),
            ("features_per_beat", self.features_per_beat, (None, *range(1, 65))),
        ):
            if value not in allowed or isinstance(value, bool):
                words = "1, 2, 4, 8 or 16" if name == "lanes" else "1..64"
                raise InvalidRecipeError(
                    f"attention options, {name}: must be {words}, not {value!r}; correct it"
                )
