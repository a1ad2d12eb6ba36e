"""Count the answers that all orders of a set get, in integers and, as a control, in floats.

Models are of random weights: an answer that no order changes needs no training.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import Tensor

from lutloom.language.commutative import (
    IntegerSetTransformer,
    SetTransformer,
    SetTransformerConfig,
    SlotBatch,
)

SIZE = SetTransformerConfig(
    n_roles=16, n_fillers=64, width=32, n_blocks=2, n_heads=4, head_size=8, hidden=64
)
SLOTS_EXHAUSTIVE = 6
SLOTS_DRAWN, ORDERS_DRAWN = 64, 100
_AT_ONCE = 64


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Run one set in many orders, with the weights and the set of each seed.

    Parameters
    ----------
    n_seeds : int
    say : callable

    Returns
    -------
    dict
        ``distinct``: how many different outputs there were, summed over seeds; as many as seeds
        if no order changes one.
    """
    points = []
    for n_slots in (*range(1, SLOTS_EXHAUSTIVE + 1), SLOTS_DRAWN):
        distinct = {"integers": 0, "floats": 0}
        for seed in range(n_seeds):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = SetTransformer(SIZE).eval()
            generator = torch.Generator().manual_seed(seed)
            orders = _orders(n_slots, generator)
            one = _draw_set(n_slots, generator)
            exact = IntegerSetTransformer(model)
            for name, run in (("integers", exact), ("floats", model)):
                distinct[name] += _count_distinct(run, one, orders)
        points.append(
            {
                "slots": n_slots,
                "orders": len(orders),
                "all_orders": len(orders) == math.factorial(n_slots),
                "seeds": n_seeds,
                "distinct": distinct,
            }
        )
        say(f"{n_slots} slots, {len(orders)} orders, {n_seeds} seeds: distinct {distinct}")
    return {"size": msgspec.to_builtins(SIZE), "torch": str(torch.__version__), "points": points}


def _orders(n_slots: int, generator: torch.Generator) -> Tensor:
    if n_slots <= SLOTS_EXHAUSTIVE:
        return torch.tensor(list(itertools.permutations(range(n_slots))))
    drawn = [torch.randperm(n_slots, generator=generator) for _ in range(ORDERS_DRAWN)]
    return torch.stack(drawn)


def _draw_set(n_slots: int, generator: torch.Generator) -> SlotBatch:
    roles = torch.randint(0, SIZE.n_roles, (1, n_slots), generator=generator)
    fillers = torch.randint(0, SIZE.n_fillers, (1, n_slots), generator=generator)
    return SlotBatch(roles, fillers, torch.ones_like(roles, dtype=torch.bool))


@torch.inference_mode()
def _count_distinct(
    model: SetTransformer | IntegerSetTransformer, one: SlotBatch, orders: Tensor
) -> int:
    """Count different outputs; each slot's features are compared where the slot went."""
    seen: set[bytes] = set()
    for some in torch.split(orders, _AT_ONCE):
        given = one.select(torch.zeros(len(some), dtype=torch.int64)).reorder(some)
        out = model(given)
        back = some.argsort(dim=1)[..., None].expand(-1, -1, out.slots.shape[-1])
        slots = out.slots.gather(1, back)
        for row in range(len(some)):
            parts = (slots[row], out.pooled[row], out.logits[row])
            seen.add(b"".join(part.numpy().tobytes() for part in parts))
    return len(seen)
