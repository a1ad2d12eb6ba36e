"""What may differ between two pipelines of the same network; never the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from lutloom.errors import InvalidRecipeError

Family = Literal["ice40", "ecp5", "generic"]
VoteForm = Literal["compressor", "carry"]
LutStyle = Literal["expression", "cell"]

# Chosen after place and route: on iCE40 a flip-flop without a table in front costs a logic cell,
# on ECP5 flip-flops are spare.
_VOTE_DEFAULTS: dict[Family, tuple[VoteForm, int]] = {
    "ice40": ("carry", 2),
    "ecp5": ("carry", 1),
    "generic": ("carry", 1),
}
_VOTE_OF_GROUPS: tuple[VoteForm, int] = ("compressor", 1)
_ARGMAX_DEFAULTS: dict[Family, int] = {"ice40": 1, "ecp5": 2, "generic": 2}

_REGISTER_EVERY_MAX = 16
_PIXELS_PER_BEAT_MAX = 8
_CLASS_GROUPS_MAX = 100


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """Choose how a network becomes hardware.

    Parameters
    ----------
    family : {"ice40", "ecp5", "generic"}
        The FPGA family the defaults are for.
    class_groups : int
        0: layer 1 reads the pipeline's input directly.  ``n``: up to ``n`` groups of classes, each
        with a rank of input flip-flops of its own, for clocks that no shared net keeps up with;
        the loader and the ports get more registers, too.
    vote_form : {"compressor", "carry"} or None
        How votes are counted; ``None`` takes the family's best.
    vote_register_every : int or None
        Adder levels between two ranks of registers; ``None`` takes the family's best.
    argmax_clocks_per_round : int or None
        3: compare in two clocks and select in the next; 2: compare in one; 1: all in one;
        ``None`` takes the family's best.
    lut_style : {"expression", "cell"}
        Tables as indexed constants (simulation) or as ``$lut`` cells (synthesis).
    pixels_per_beat : int
        Pixels the top level takes a clock, 1 to 8.

    Raises
    ------
    InvalidRecipeError
        If a value is out of range.
    """

    family: Family = "generic"
    class_groups: int = 0
    vote_form: VoteForm | None = None
    vote_register_every: int | None = None
    argmax_clocks_per_round: int | None = None
    lut_style: LutStyle = "expression"
    pixels_per_beat: int = 4

    def __post_init__(self) -> None:
        _require_one_of("family", self.family, get_args(Family))
        _require_one_of("lut_style", self.lut_style, get_args(LutStyle))
        _require_range("class_groups", self.class_groups, 0, _CLASS_GROUPS_MAX)
        _require_range("pixels_per_beat", self.pixels_per_beat, 1, _PIXELS_PER_BEAT_MAX)
        form, every = self.vote
        _require_one_of("vote_form", form, get_args(VoteForm))
        _require_range("vote_register_every", every, 1, _REGISTER_EVERY_MAX)
        _require_range("argmax_clocks_per_round", self.argmax_clocks, 1, 3)

    @property
    def vote(self) -> tuple[VoteForm, int]:
        """The form and the levels between registers, the best where not given."""
        form, every = _VOTE_OF_GROUPS if self.class_groups else _VOTE_DEFAULTS[self.family]
        return (
            form if self.vote_form is None else self.vote_form,
            every if self.vote_register_every is None else self.vote_register_every,
        )

    @property
    def argmax_clocks(self) -> int:
        """Clocks of a round of the argmax, the best where not given."""
        if self.argmax_clocks_per_round is None:
            return 3 if self.class_groups else _ARGMAX_DEFAULTS[self.family]
        return self.argmax_clocks_per_round

    @property
    def score_ranks(self) -> int:
        """Ranks of flip-flops between the groups' scores and the argmax."""
        return 2 if self.class_groups else 0

    @property
    def rows_per_rank(self) -> int | None:
        """Rows that the loader captures in one rank of its own; None: all in one."""
        return 4 if self.class_groups else None

    @property
    def port_ranks(self) -> int:
        """Ranks of registers between the ports and the loader or the argmax."""
        return 3 if self.class_groups else 0


def _require_one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidRecipeError(
            f"pipeline options, {name}: must be one of {', '.join(allowed)}, not {value!r}; "
            f"correct '{name}'"
        )


def _require_range(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidRecipeError(
            f"pipeline options, {name}: must be a whole number {low}..{high}, not {value!r}; "
            f"correct '{name}'"
        )
