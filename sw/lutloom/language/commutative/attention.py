"""Attention over a set: every slot reads every other, and no order of them can be told.

Example
-------
>>> attend(query, key, value, count).shape                           # doctest: +SKIP
torch.Size([1, 4, 6, 16])
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from lutloom.language.commutative.fixed_point import (
    EXP_BITS,
    FRACTION_BITS,
    SCORE_BITS,
    divide_round,
    exp_negative,
    linear,
    round_shift,
    to_fixed,
)

Grouping = Literal["none", "role"]
"""``none``: every slot is read by itself.  ``role``: slots of one role are read as their mean, with
the weight of as many; with k roles that is n k pairs instead of n n."""

_LOWEST = torch.iinfo(torch.int64).min >> 1


def attend(query: Tensor, key: Tensor, value: Tensor, count: Tensor) -> Tensor:
    """Mix values by how queries meet keys, in integers.

    The softmax's normaliser is itself an integer sum, and the only rounding of a mixture is that
    of its one division: the order of keys is in no bit of the result.

    Parameters
    ----------
    query : int64[n, heads, n_queries, head_size]
        Fixed point, already over the root of the head's size.
    key, value : int64[n, heads, n_keys, head_size]
        Fixed point.
    count : int64[n, n_keys]
        Slots that a key stands for; 0: absent.  At least one is not 0.

    Returns
    -------
    int64[n, heads, n_queries, head_size]
    """
    count = count[:, None, None, :]
    score = round_shift(query @ key.transpose(-1, -2), 2 * FRACTION_BITS - SCORE_BITS)
    score = score.masked_fill(count == 0, _LOWEST)
    weight = exp_negative(score.amax(-1, keepdim=True) - score) * count
    return divide_round(weight @ value, weight.sum(-1, keepdim=True))


def attention_error_bound(n_keys: int, value_max: float) -> float:
    """Bound how far :func:`attend` is from the softmax of the same numbers.

    A score is rounded by at most half a step of ``2**-SCORE_BITS``, a difference of two by at most
    a step, an exponential by at most half a step of ``2**-EXP_BITS``; the largest exponential is
    exact, so the normaliser is at least 1.

    Parameters
    ----------
    n_keys : int
        Slots that all keys together stand for.
    value_max : float
        Largest absolute value.

    Returns
    -------
    float
    """
    relative = math.expm1(2.0**-SCORE_BITS)
    absolute = n_keys * 2.0 ** -(EXP_BITS + 1)
    return 2 * value_max * (relative + absolute) + 2.0 ** -(FRACTION_BITS + 1)


class CommutativeAttention(nn.Module):
    """Let each slot read the slots of its set; in floats, for training.

    Parameters
    ----------
    width, n_heads, head_size : int
    """

    def __init__(self, width: int, n_heads: int, head_size: int) -> None:
        super().__init__()
        self.n_heads, self.head_size = n_heads, head_size
        self.query = nn.Linear(width, n_heads * head_size, bias=False)
        self.key = nn.Linear(width, n_heads * head_size, bias=False)
        self.value = nn.Linear(width, n_heads * head_size, bias=False)
        self.output = nn.Linear(n_heads * head_size, width, bias=False)

    def forward(self, x: Tensor, present: Tensor, membership: Tensor | None) -> Tensor:
        """Attend.

        Parameters
        ----------
        x : float[n, n_slots, width]
        present : bool[n, n_slots]
        membership : int64[n, n_groups, n_slots] or None
            1 where a slot is present and in a group; None: every slot is a group.

        Returns
        -------
        float[n, n_slots, width]
        """
        query = split_heads(self.query(x), self.n_heads)
        key, value = self.key(x), self.value(x)
        count = present.to(x.dtype)
        if membership is not None:
            share = membership.to(x.dtype)
            count = share.sum(-1)
            share = share / count.clamp(min=1)[..., None]
            key, value = share @ key, share @ value
        mixed = nn.functional.scaled_dot_product_attention(
            query, split_heads(key, self.n_heads), split_heads(value, self.n_heads),
            attn_mask=torch.log(count)[:, None, None, :],
        )  # fmt: skip
        output: Tensor = self.output(join_heads(mixed))
        return output


class IntegerAttention:
    """Let each slot read the slots of its set; in integers.

    Parameters
    ----------
    trained : CommutativeAttention
    """

    def __init__(self, trained: CommutativeAttention) -> None:
        self.n_heads = trained.n_heads
        self.query = to_fixed(trained.query.weight.double() * trained.head_size**-0.5)
        self.key = to_fixed(trained.key.weight)
        self.value = to_fixed(trained.value.weight)
        self.output = to_fixed(trained.output.weight)

    def __call__(self, x: Tensor, present: Tensor, membership: Tensor | None) -> Tensor:
        """Attend, ``int64[n, n_slots, width]``; see :class:`CommutativeAttention`."""
        key, value = linear(x, self.key), linear(x, self.value)
        count = present.to(torch.int64)
        if membership is not None:
            count = membership.sum(-1)
            size = count.clamp(min=1)[..., None]
            key, value = (divide_round(membership @ a, size) for a in (key, value))
        query, key, value = (
            split_heads(a, self.n_heads) for a in (linear(x, self.query), key, value)
        )
        return linear(join_heads(attend(query, key, value, count)), self.output)


def group_by_role(roles: Tensor, present: Tensor, n_roles: int) -> Tensor:
    """Say which slots have which role.

    Parameters
    ----------
    roles : int64[n, n_slots]
    present : bool[n, n_slots]
    n_roles : int

    Returns
    -------
    int64[n, n_roles, n_slots]
        1 where a slot is present and has the role.
    """
    same = roles[:, None, :] == torch.arange(n_roles, device=roles.device)[:, None]
    return (same & present[:, None, :]).to(torch.int64)


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Turn ``[n, n_slots, n_heads * head_size]`` into ``[n, n_heads, n_slots, head_size]``."""
    return x.view(*x.shape[:-1], n_heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """Undo :func:`split_heads`."""
    return x.transpose(1, 2).flatten(-2)
