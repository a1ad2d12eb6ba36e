"""The set transformer in integers: identical outputs, bit for bit, for every order of the slots.

Every operation is one of :mod:`lutloom.language.commutative.fixed_point`: sums of integers, which
no order, padding, batch or shape can change, and roundings of single numbers.

Example
-------
>>> exact = IntegerSetTransformer(model)                             # doctest: +SKIP
>>> torch.equal(exact(batch).pooled, exact(batch.reorder(order)).pooled)   # doctest: +SKIP
True
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lutloom.errors import InvalidNetworkError
from lutloom.language.commutative.attention import IntegerAttention, group_by_role
from lutloom.language.commutative.fixed_point import (
    FRACTION_BITS,
    WEIGHT_MAX,
    divide_round,
    fixed_epsilon,
    linear,
    rms_norm,
    round_shift,
    saturate,
    silu,
    to_fixed,
    to_float,
)
from lutloom.language.commutative.model import Block, SetOutput, SetTransformer, first_beyond
from lutloom.language.commutative.role_embedding import slot_numbers
from lutloom.language.commutative.slot_batch import SlotBatch
from lutloom.language.transformer import Mlp, RmsNorm


@dataclass(frozen=True, slots=True, eq=False)
class IntegerOutput:
    """Hold what a set transformer in integers gives, in fixed point.

    Parameters
    ----------
    slots : int64[n, n_slots, width]
        Features of each slot; they move with it.  0 where it is absent.
    pooled : int64[n, width]
        Mean over the slots of a set.
    logits : int64[n, n_fillers]
        Of the filler that the set asks for.
    """

    slots: Tensor
    pooled: Tensor
    logits: Tensor

    def to_float(self) -> SetOutput:
        """Give the same numbers as ``float64``, exactly."""
        return SetOutput(to_float(self.slots), to_float(self.pooled), to_float(self.logits))


class IntegerSetTransformer:
    """Predict the masked filler of a set of slots, whatever their order.

    Weights are rounded to steps of ``2**-16``; activations too, and they saturate at 128.

    Parameters
    ----------
    trained : SetTransformer
        Its weights are copied.

    Raises
    ------
    InvalidNetworkError
        If a parameter is larger than 16 or not a number.
    """

    def __init__(self, trained: SetTransformer) -> None:
        limit = WEIGHT_MAX / (1 << FRACTION_BITS)
        beyond = first_beyond(trained, limit)
        if beyond is not None:
            raise InvalidNetworkError(
                f"set transformer, {beyond[0]}: weights must be at most {limit:g}, not "
                f"{beyond[1]:g}; train with more weight decay"
            )
        self.config = trained.config
        self.role = to_fixed(trained.embedding.role.weight)
        self.filler = to_fixed(trained.embedding.filler.weight)
        self.blocks = tuple(_IntegerBlock(block) for block in trained.blocks)  # type: ignore[arg-type]
        self.final_norm = _IntegerNorm(trained.final_norm)

    @torch.inference_mode()
    def __call__(self, batch: SlotBatch) -> IntegerOutput:
        """Transform sets.

        Parameters
        ----------
        batch : SlotBatch

        Returns
        -------
        IntegerOutput

        Raises
        ------
        InvalidDataError
            If a role or filler is out of range.
        """
        roles, fillers = slot_numbers(batch, self.config.n_roles, self.config.n_fillers)
        present = batch.present[..., None].to(torch.int64)
        x = (self.role[roles] + self.filler[fillers]) * present
        membership = None
        if self.config.grouping == "role":
            membership = group_by_role(batch.roles, batch.present, self.config.n_roles)
        for block in self.blocks:
            x = block(x, batch.present, membership)
        slots = self.final_norm(x) * present
        pooled = divide_round(slots.sum(1), present.sum(1))
        return IntegerOutput(slots, pooled, linear(pooled, self.filler))


class _IntegerNorm:
    def __init__(self, trained: RmsNorm) -> None:
        assert trained.gain is not None
        self.gain, self.epsilon = to_fixed(trained.gain), fixed_epsilon(trained.epsilon)

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.gain, self.epsilon)


class _IntegerMlp:
    def __init__(self, trained: Mlp) -> None:
        self.gate, self.up, self.down = (
            to_fixed(part.weight) for part in (trained.gate, trained.up, trained.down)
        )

    def __call__(self, x: Tensor) -> Tensor:
        gated = round_shift(silu(linear(x, self.gate)) * linear(x, self.up), FRACTION_BITS)
        return linear(saturate(gated), self.down)


class _IntegerBlock:
    def __init__(self, trained: Block) -> None:
        self.attention_norm = _IntegerNorm(trained.attention_norm)
        self.attention = IntegerAttention(trained.attention)
        self.mlp_norm = _IntegerNorm(trained.mlp_norm)
        self.mlp = _IntegerMlp(trained.mlp)

    def __call__(self, x: Tensor, present: Tensor, membership: Tensor | None) -> Tensor:
        x = saturate(x + self.attention(self.attention_norm(x), present, membership))
        return saturate(x + self.mlp(self.mlp_norm(x)))
