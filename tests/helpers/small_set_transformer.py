"""A set transformer small enough for tests, sets of slots for it, and all orders of them."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from lutloom.language.commutative import (
    IntegerSetTransformer,
    SetTransformer,
    SetTransformerConfig,
    SlotBatch,
)

N_ROLES, N_FILLERS = 7, 23


def make_set_config(**changes: object) -> SetTransformerConfig:
    values = {
        "n_roles": N_ROLES, "n_fillers": N_FILLERS, "width": 24, "n_blocks": 2, "n_heads": 3,
        "head_size": 8, "hidden": 40, **changes,
    }  # fmt: skip
    return SetTransformerConfig(**values)  # type: ignore[arg-type]


def make_set_transformer(seed: int = 0, **changes: object) -> SetTransformer:
    """A model of random weights, large enough that every part of it matters."""
    torch.manual_seed(seed)
    model = SetTransformer(make_set_config(**changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
            else:
                parameter.mul_(1.5)
    return model.eval()


def make_exact(seed: int = 0, **changes: object) -> IntegerSetTransformer:
    return IntegerSetTransformer(make_set_transformer(seed, **changes))


def make_sets(n_sets: int, n_slots: int, seed: int = 0, *, ragged: bool = False) -> SlotBatch:
    g = torch.Generator().manual_seed(seed)
    roles = torch.randint(0, N_ROLES, (n_sets, n_slots), generator=g)
    fillers = torch.randint(0, N_FILLERS, (n_sets, n_slots), generator=g)
    size = torch.randint(1, n_slots + 1, (n_sets, 1), generator=g) if ragged else n_slots
    return SlotBatch(roles, fillers, (torch.arange(n_slots) < size).expand(n_sets, n_slots))


def all_orders(n: int) -> Tensor:
    """``int64[n!, n]``"""
    return torch.tensor(list(itertools.permutations(range(n))))


def repeated(batch: SlotBatch, times: int) -> SlotBatch:
    """One set, again and again."""
    return batch.select(torch.zeros(times, dtype=torch.int64))


def gather_slots(x: Tensor, order: Tensor) -> Tensor:
    """Slot features ``[n, n_slots, width]`` in the order a batch was put in."""
    return x.gather(1, order[..., None].expand(-1, -1, x.shape[-1]))
