"""A small set transformer, in floats: roles for positions, commutative blocks, a pooled read-out.

Example
-------
>>> model = SetTransformer(SetTransformerConfig(n_roles=6, n_fillers=40, width=32, n_blocks=2,
...                                             n_heads=4, head_size=8, hidden=64))
>>> model(pack_sets([([2, 3], [5, 0])])).logits.shape
torch.Size([1, 40])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from lutloom.language.commutative.attention import CommutativeAttention, Grouping, group_by_role
from lutloom.language.commutative.fixed_point import HEAD_SIZE_MAX, WIDTH_MAX
from lutloom.language.commutative.role_embedding import RoleEmbedding
from lutloom.language.commutative.slot_batch import SlotBatch
from lutloom.language.transformer import Mlp, RmsNorm, draw_parameters

INITIAL_STD = 0.3
"""Deviation of an embedding before training; matrices keep the variance of what they map."""

Width = Annotated[int, Meta(ge=1, le=WIDTH_MAX)]


class SetTransformerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how large a set transformer is.

    Members
    -------
    n_roles, n_fillers : numbers a role and a filler can be
    width : of the residual stream
    n_blocks : attention and MLP, one after the other, this often
    n_heads, head_size : at most 4,096 features together
    hidden : width inside the MLP
    grouping : ``none``: a slot reads slots; ``role``: it reads the mean of each role's slots
    norm_epsilon : added to the mean square
    """

    n_roles: Annotated[int, Meta(ge=1, le=1 << 20)]
    n_fillers: Annotated[int, Meta(ge=1, le=1 << 20)]
    width: Width
    n_blocks: Annotated[int, Meta(ge=0, le=256)]
    n_heads: Width
    head_size: Annotated[int, Meta(ge=1, le=HEAD_SIZE_MAX)]
    hidden: Width
    grouping: Grouping = "none"
    norm_epsilon: Annotated[float, Meta(ge=1e-6, le=0.1)] = 1e-5

    def __post_init__(self) -> None:
        if self.n_heads * self.head_size > WIDTH_MAX:
            raise ValueError(
                f"n_heads x head_size must be at most {WIDTH_MAX}, not "
                f"{self.n_heads * self.head_size}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class SetOutput:
    """Hold what a set transformer gives.

    Parameters
    ----------
    slots : float[n, n_slots, width]
        Features of each slot; 0 where it is absent.
    pooled : float[n, width]
        Mean over the slots of a set.
    logits : float[n, n_fillers]
        Of the filler that the set asks for.
    """

    slots: Tensor
    pooled: Tensor
    logits: Tensor


class Block(nn.Module):
    """Add attention, then an MLP, to the residual stream."""

    def __init__(self, config: SetTransformerConfig) -> None:
        super().__init__()
        width, epsilon = config.width, config.norm_epsilon
        self.attention_norm = RmsNorm(width, width, epsilon, gain=True)
        self.attention = CommutativeAttention(width, config.n_heads, config.head_size)
        self.mlp_norm = RmsNorm(width, width, epsilon, gain=True)
        self.mlp = Mlp(width, config.hidden, width)

    def forward(self, x: Tensor, present: Tensor, membership: Tensor | None) -> Tensor:
        """Transform ``float[n, n_slots, width]``; see :class:`CommutativeAttention`."""
        x = x + self.attention(self.attention_norm(x), present, membership)
        output: Tensor = x + self.mlp(self.mlp_norm(x))
        return output


class SetTransformer(nn.Module):
    """Predict the masked filler of a set of slots.

    In floats: outputs for two orders of a set differ by the rounding of sums.  Where they must
    not, make an :class:`~lutloom.language.commutative.IntegerSetTransformer` of the trained model.

    Parameters
    ----------
    config : SetTransformerConfig
    """

    def __init__(self, config: SetTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = RoleEmbedding(config.n_roles, config.n_fillers, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_blocks))
        self.final_norm = RmsNorm(config.width, config.width, config.norm_epsilon, gain=True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all matrices anew from the global generator.

        Matrices that write into the residual stream get less, by the root of their number.
        """

        def deviation(name: str, matrix: Tensor) -> float:
            return INITIAL_STD if name.startswith("embedding") else float(matrix.shape[1] ** -0.5)

        draw_parameters(self, self.config.n_blocks, deviation)

    def forward(self, batch: SlotBatch) -> SetOutput:
        """Transform sets.

        Parameters
        ----------
        batch : SlotBatch

        Returns
        -------
        SetOutput

        Raises
        ------
        InvalidDataError
            If a role or filler is out of range.
        """
        x = self.embedding(batch)
        membership = None
        if self.config.grouping == "role":
            membership = group_by_role(batch.roles, batch.present, self.config.n_roles)
        for block in self.blocks:
            x = block(x, batch.present, membership)
        slots = self.final_norm(x) * batch.present[..., None]
        pooled = slots.sum(1) / batch.present.sum(-1, keepdim=True)
        return SetOutput(slots, pooled, pooled @ self.embedding.filler.weight.T)

    @property
    def n_parameters(self) -> int:
        """Parameters of all kinds."""
        return sum(parameter.numel() for parameter in self.parameters())


def first_beyond(model: nn.Module, limit: float) -> tuple[str, float] | None:
    """Give the name and largest absolute value of the first parameter beyond a limit, if any."""
    for name, parameter in model.named_parameters():
        largest = float(torch.linalg.vector_norm(parameter.detach(), ord=float("inf")))
        if not largest <= limit:  # not a number is beyond too
            return name, largest
    return None
