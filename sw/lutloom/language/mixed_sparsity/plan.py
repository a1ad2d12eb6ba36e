"""How sparse weights and attention are over time: warm-up, ultra-sparsification, restoration.

Example
-------
>>> plan = mixed_sparsity_plan(sparsity=0.9, warm_up=0.05)
>>> [plan.sparsity_at(done) for done in (0.0, 0.5, 0.99)]
[0.0, 0.9, 0.0]
"""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lutloom.language.masks import Pattern

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold one stage of constant sparsity.

    Members
    -------
    until : share of training at which it ends
    sparsity : share of weights that are zero in it
    """

    until: Share
    sparsity: Annotated[float, Meta(ge=0.0, lt=1.0)]


class SparsityPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say when what is sparse, and how the topology moves.

    Members
    -------
    stages : in order; the last ends at 1
    interval : steps between two moves of the topology; 0: it never moves except where the sparsity
        changes
    drop_share : of the weights left, pruned and grown at the first move of a stage; falls along a
        cosine to zero at the stage's end (zeta / 2 in the paper's code at its start)
    growth : ``"gradient"`` (RigL), ``"random"`` (SET) or ``"mixed"``
    gradient_to_random : of mixed growth, weights grown by gradient for one grown at random
    moments : what becomes of the optimiser's moments of weights that go or come
    sparse_head : whether the head is sparse too; a tied one is the embedding as well
    pattern, stride : attention while ``attention_from <= share of training < attention_until``
    attention_from, attention_until : share of training; until 1 keeps attention sparse to the end
    seed : of random growth and of the first masks
    """

    stages: Annotated[tuple[Stage, ...], Meta(min_length=1)] = (Stage(1.0, 0.0),)
    interval: Annotated[int, Meta(ge=0, le=1_000_000)] = 50
    drop_share: Share = 0.3
    growth: Literal["gradient", "random", "mixed"] = "mixed"
    gradient_to_random: Annotated[float, Meta(ge=0.0, le=1e6)] = 3.0
    moments: Literal["reset", "keep"] = "reset"
    sparse_head: bool = True
    pattern: Pattern = "causal"
    stride: Annotated[int, Meta(ge=1, le=1 << 16)] = 16
    attention_from: Share = 0.0
    attention_until: Share = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0

    def __post_init__(self) -> None:
        ends = [stage.until for stage in self.stages]
        if ends[-1] != 1.0 or any(a >= b for a, b in itertools.pairwise(ends)):
            raise ValueError(f"stages must end at rising shares, the last at 1, not {ends}")

    def stage_at(self, done: float) -> int:
        """Give the number of the stage at a share of training."""
        for index, stage in enumerate(self.stages):
            if done < stage.until:
                return index
        return len(self.stages) - 1

    def sparsity_at(self, done: float) -> float:
        """Give the sparsity at a share of training."""
        return self.stages[self.stage_at(done)].sparsity

    def drop_at(self, done: float) -> float:
        """Give the share of weights that a move of the topology replaces."""
        index = self.stage_at(done)
        begin = self.stages[index - 1].until if index else 0.0
        within = (done - begin) / (self.stages[index].until - begin)
        return self.drop_share * 0.5 * (1.0 + math.cos(math.pi * min(1.0, within)))

    def pattern_at(self, done: float) -> Pattern:
        """Give the attention pattern at a share of training."""
        sparse = self.attention_from <= done < self.attention_until
        return self.pattern if sparse else "causal"

    @property
    def restored_from(self) -> float:
        """Share of training from which weights come back; 0 where none do.

        Until then a learning rate is best held: what is learnt sparse is a beginning only.
        """
        sparsities = [stage.sparsity for stage in self.stages]
        last = len(sparsities) - 1 - sparsities[::-1].index(max(sparsities))
        return self.stages[last].until if last < len(sparsities) - 1 else 0.0

    @property
    def keeps_sparse_attention(self) -> bool:
        """Whether the trained model attends sparsely only."""
        return self.pattern != "causal" and self.attention_until >= 1.0


def mixed_sparsity_plan(
    sparsity: float = 0.95,
    *,
    warm_up: float = 0.0,
    restoration: float = 0.17,
    steps_of_restoration: int = 1,
    pattern: Pattern = "local_strided",
    stride: int = 16,
    keep_sparse_attention: bool = False,
    **changes: object,
) -> SparsityPlan:
    """Make the whole schedule: dense at first if wanted, ultra-sparse, then back to dense.

    The defaults are the schedule of least loss among those of ``scripts/bench mixed_sparsity``
    that take a quarter of the operations or less; hold the learning rate until
    :attr:`SparsityPlan.restored_from`.

    Parameters
    ----------
    sparsity : float
        At the peak.
    warm_up : float
        Share of training that is dense, then half as sparse, before the peak.
    restoration : float
        Share of training at the end in which the sparsity steps down to 0.
    steps_of_restoration : int
        Stages of equal length in it; the last is dense, so 1 restores everything at once.
    pattern : Pattern
    stride : int
        Attention outside of warm-up and restoration.
    keep_sparse_attention : bool
        Attend sparsely to the end, and after: what a sparse-attention engine needs.
    changes : object
        Other members of :class:`SparsityPlan`.

    Returns
    -------
    SparsityPlan
    """
    stages = [
        Stage(warm_up / 2, 0.0),
        Stage(warm_up, sparsity / 2),
        Stage(1 - restoration, sparsity),
    ]
    for k in range(1, steps_of_restoration + 1):
        until = 1.0 - restoration * (1 - k / steps_of_restoration)
        stages.append(Stage(until, sparsity * (1 - k / steps_of_restoration)))
    if not restoration:
        stages = stages[:3]
    stages[-1] = Stage(1.0, stages[-1].sparsity)
    return msgspec.structs.replace(
        SparsityPlan(
            stages=tuple(stage for stage in stages if stage.until > 0),
            pattern=pattern,
            stride=stride,
            attention_from=warm_up,
            attention_until=1.0 if keep_sparse_attention else 1.0 - restoration,
        ),
        **changes,
    )
