"""Count what a popcount takes on a chip by building it of numbered bits.

:class:`BitCounter` builds the popcount the hardware builds, but of numbers; what nothing reads is
then left out, as synthesis leaves it out, and the rest is counted by the family's rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lutloom_hw.options import Family
from lutloom_hw.popcount import count_ones
from lutloom_hw.vote import Vote

_ZERO = 0
"""The number of a constant bit."""

_SOFT_PLACES_MAX = 4
"""Yosys makes additions of at most so many places of tables, not of ECP5's carry cells."""


@dataclass(frozen=True, slots=True)
class _Step:
    kind: Literal["tables", "addition", "registers"]
    inputs: list[tuple[int, ...]]  # one entry an output
    outputs: list[int]


@dataclass(slots=True)
class BitCounter:
    """Be a builder of popcounts (:class:`lutloom_hw.popcount.Builder`) of numbered bits.

    Members
    -------
    steps : what was built, in order
    ranks : registers from the votes to the count
    """

    steps: list[_Step] = field(default_factory=list)
    ranks: int = 0
    _made: int = _ZERO

    def new(self) -> int:
        """Give a bit that was not there before."""
        self._made += 1
        return self._made

    def constant(self, value: int) -> int:  # noqa: ARG002, the protocol's signature
        """Give the number all constants share."""
        return _ZERO

    def full_adder(self, a: int, b: int, c: int) -> tuple[int, int]:
        """Make two tables of three inputs."""
        total, carry = self.new(), self.new()
        self.steps.append(_Step("tables", [(a, b, c)] * 2, [total, carry]))
        return total, carry

    def half_adder(self, a: int, b: int) -> tuple[int, int]:
        """Make two tables of two inputs."""
        return self.full_adder(a, b, _ZERO)

    def add(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Make one carry chain."""
        outputs = [self.new() for _ in a]
        self.steps.append(_Step("addition", list(zip(a, b, strict=True)), outputs))
        return outputs

    def register(self, bits: Sequence[int]) -> list[int]:
        """Make a flip-flop for each bit that varies."""
        self.ranks += 1
        varying = [bit for bit in bits if bit != _ZERO]
        outputs = [self.new() for _ in varying]
        self.steps.append(_Step("registers", [(bit,) for bit in varying], outputs))
        registered = iter(outputs)
        return [next(registered) if bit != _ZERO else _ZERO for bit in bits]


@dataclass(frozen=True, slots=True)
class PopcountCost:
    """Count the tables (carry places included) and flip-flops of one class's popcount."""

    lut4: int
    ff: int
    ranks: int


def _addition_lut4(places: list[tuple[int, ...]], family: Family) -> int:
    """Count the tables of an addition up to its last place that is read."""
    if family == "ecp5":
        return sum(_chain_lut4(chain) for chain in _chains(places))
    return len(places) - _carries_in(places)


def _carries_in(places: list[tuple[int, ...]]) -> bool:
    """Tell whether the first place only brings a carry in (``x + x``) and has no sum."""
    return places[0][0] == places[0][1]


def _chains(places: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """Cut an addition where both operands are the constant 0: no carry passes there."""
    chains: list[list[tuple[int, ...]]] = [[]]
    for place in places:
        chains[-1].append(place)
        if place == (_ZERO, _ZERO):
            chains.append([])
    return [chain for chain in chains if chain]


def _chain_lut4(places: list[tuple[int, ...]]) -> int:
    """Count the tables of a chain on ECP5, whose carry cells have two places of two tables."""
    if len(places) > _SOFT_PLACES_MAX:
        return 2 * -(-len(places) // 2)
    wide = len(places) == _SOFT_PLACES_MAX and not _carries_in(places)
    return len(places) + wide  # the fourth sum depends on too much for one table


def popcount_cost(vote: Vote, family: Family, n_votes: int, bias: int) -> PopcountCost:
    """Count what the popcount of one class takes.

    Parameters
    ----------
    vote : Vote
        The stage it is part of.
    family : Family
    n_votes, bias : int
        Of the class.

    Returns
    -------
    PopcountCost
    """
    counter = BitCounter()
    votes = [counter.new() for _ in range(n_votes)]
    total = count_ones(
        counter, votes, bias=bias, width=vote.score_width,
        form=vote.form, register_every=vote.register_every,
    )  # fmt: skip
    read = set(total)
    lut4 = ff = 0
    for step in reversed(counter.steps):
        used = [output in read for output in step.outputs]
        if step.kind == "addition" and any(used):
            places = step.inputs[: len(used) - used[::-1].index(True)]
            lut4 += _addition_lut4(places, family)
        elif step.kind == "addition":
            places = []
        else:
            places = [inputs for inputs, needed in zip(step.inputs, used, strict=True) if needed]
            lut4 += len(places) * (step.kind == "tables")
            ff += len(places) * (step.kind == "registers")
        read.update(*places)
    score_bits = sum(bit != _ZERO for bit in total)
    return PopcountCost(
        lut4, ff + score_bits * (vote.latency_cycles - counter.ranks), counter.ranks
    )
