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
_ARGMAX_DEFAULTS: dict[Family, int] = {"ice40": 1, "ecp5": 2, "generic": 2}

_REGISTER_EVERY_MAX = 16
_PIXELS_PER_BEAT_MAX = 8
_INPUT_COPIES_MAX = 100


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """Choose how a network becomes hardware.

    Parameters
    ----------
    family : {"ice40", "ecp5", "generic"}
        The FPGA family the defaults are for.
    input_copies : int
        0: layer 1 reads the pipeline's input directly.  ``n``: a rank of flip-flops in front,
        each bit duplicated for up to ``n`` groups of classes.
    vote_form : {"compressor", "carry"} or None
        How votes are counted; ``None`` takes the family's best.
    vote_register_every : int or None
        Adder levels between two ranks of registers; ``None`` takes the family's best.
    argmax_clocks_per_round : int or None
        2: compare in one clock and select in the next; 1: both in one; ``None`` takes the
        family's best.
    lut_style : {"expression", "cell"}
        Tables as indexed constants (simulation) or as ``$lut`` cells (synthesis); the latter
        also makes the input's copies of ``$dff`` cells that are kept.
    pixels_per_beat : int
        Pixels the top level takes a clock, 1 to 8.

    Raises
    ------
    InvalidRecipeError
        If a value is out of range.
    """

    family: Family = "generic"
    input_copies: int = 0
    vote_form: VoteForm | None = None
    vote_register_every: int | None = None
    argmax_clocks_per_round: int | None = None
    lut_style: LutStyle = "expression"
    pixels_per_beat: int = 4

    def __post_init__(self) -> None:
        _require_one_of("family", self.family, get_args(Family))
        _require_one_of("lut_style", self.lut_style, get_args(LutStyle))
        _require_range("input_copies", self.input_copies, 0, _INPUT_COPIES_MAX)
        _require_range("pixels_per_beat", self.pixels_per_beat, 1, _PIXELS_PER_BEAT_MAX)
        form, every = self.vote
        _require_one_of("vote_form", form, get_args(VoteForm))
        _require_range("vote_register_every", every, 1, _REGISTER_EVERY_MAX)
        _require_range("argmax_clocks_per_round", self.argmax_clocks, 1, 2)

    @property
    def vote(self) -> tuple[VoteForm, int]:
        """The form and the levels between registers, the family's best where not given."""
        form, every = _VOTE_DEFAULTS[self.family]
        return (
            form if self.vote_form is None else self.vote_form,
            every if self.vote_register_every is None else self.vote_register_every,
        )

    @property
    def argmax_clocks(self) -> int:
        """Clocks of a round of the argmax, the family's best where not given."""
        if self.argmax_clocks_per_round is None:
            return _ARGMAX_DEFAULTS[self.family]
        return self.argmax_clocks_per_round


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
