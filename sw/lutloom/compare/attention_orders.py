"""Sets in every order through the engine's Verilog: how many different answers there are.

A slot is a role and a filler; a query, key and value follow from the two, and no position goes in.
So a set's slots in another order are the same rows in another order, and each slot must get the
same answer, bit for bit, wherever it stands.
"""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from lutloom.attention.batch import AttentionBatch
from lutloom.attention.config import INT8_MAX, AttentionConfig, IntegerAttention
from lutloom_hw.attention_options import AttentionOptions
from lutloom_sim.attention import AttentionSimulator
from lutloom_sim.attention_beats import read_answers

SLOTS_EXHAUSTIVE = 5
SLOTS_DRAWN, ORDERS_DRAWN = 64, 1000
N_ROLES, N_FILLERS = 8, 32

_CONTEXT, _HEAD_SIZE, _MULTIPLIER = 64, 8, 400


class OrdersPoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what all orders of some sets gave.

    Members
    -------
    slots : of a set
    orders : it was streamed in
    all_orders : whether these are all there are
    sets : drawn
    distinct : different answers, summed over sets; as many as sets if no order changes one
    """

    slots: int
    orders: int
    all_orders: bool
    sets: int
    distinct: int


def count_orders(
    n_sets: int, *, options: AttentionOptions | None = None
) -> tuple[OrdersPoint, ...]:
    """Stream sets in all orders, to five slots, and in drawn ones of 64.

    Parameters
    ----------
    n_sets : int
        For each number of slots.
    options : AttentionOptions, optional

    Returns
    -------
    tuple of OrdersPoint
    """
    config = AttentionConfig(n_heads=1, head_size=_HEAD_SIZE, context=_CONTEXT, mode="set")
    layer = IntegerAttention(config, np.array([_MULTIPLIER]), np.array([1]))
    simulator = AttentionSimulator(layer, options or AttentionOptions(lanes=8), optimise="quick")
    points = []
    for n_slots in (*range(1, SLOTS_EXHAUSTIVE + 1), SLOTS_DRAWN):
        distinct = n_orders = 0
        for seed in range(n_sets):
            rng = np.random.default_rng([n_slots, seed])
            orders = _orders(n_slots, rng)
            n_orders = len(orders)
            distinct += _count_distinct(simulator, _draw_set(n_slots, rng), orders)
        points.append(
            OrdersPoint(
                slots=n_slots,
                orders=n_orders,
                all_orders=n_orders == math.factorial(n_slots),
                sets=n_sets,
                distinct=distinct,
            )
        )
    simulator.close()
    return tuple(points)


def _orders(n_slots: int, rng: np.random.Generator) -> NDArray[np.intp]:
    if n_slots <= SLOTS_EXHAUSTIVE:
        return np.array(list(itertools.permutations(range(n_slots))))
    return rng.permuted(np.tile(np.arange(n_slots), (ORDERS_DRAWN, 1)), axis=1)


def _draw_set(n_slots: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Give queries, keys and values of slots, each from its role and filler alone."""
    limits = -INT8_MAX, INT8_MAX
    tables = [
        rng.integers(*limits, (3, n, _HEAD_SIZE), endpoint=True) for n in (N_ROLES, N_FILLERS)
    ]
    roles, fillers = rng.integers(0, N_ROLES, n_slots), rng.integers(0, N_FILLERS, n_slots)
    rows: NDArray[np.int8] = ((tables[0][:, roles] + tables[1][:, fillers]) // 2).astype(np.int8)
    return rows


def _count_distinct(
    simulator: AttentionSimulator, rows: NDArray[np.int8], orders: NDArray[np.intp]
) -> int:
    """Count different answers; each slot's is compared where the slot went."""
    query, key, value = rows[:, orders]  # [n_orders, n_slots, head_size] each
    batch = AttentionBatch(query[:, None], key[:, None], value[:, None])
    shape = (len(orders), 1, *rows.shape[1:])
    answers = read_answers(simulator.top, simulator.run(batch).payloads, shape)[:, 0]
    back = np.argsort(orders, axis=1)[..., None]
    return len({answer.tobytes() for answer in np.take_along_axis(answers, back, axis=1)})
