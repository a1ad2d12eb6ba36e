"""Sets of slots of different sizes, side by side.

Example
-------
>>> batch = pack_sets([([2, 3], [5, 6]), ([2], [7])])
>>> batch.fillers, batch.present
(tensor([[5, 6],
        [7, 0]]), tensor([[ True,  True],
        [ True, False]]))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lutloom.errors import InvalidDataError
from lutloom.language.commutative.fixed_point import SLOTS_MAX


@dataclass(frozen=True, slots=True, eq=False)
class SlotBatch:
    """Hold sets of slots.

    Parameters
    ----------
    roles, fillers : int64[n_sets, n_slots]
        Where a slot is absent they may be any number.
    present : bool[n_sets, n_slots]
        At least one slot of each set.

    Raises
    ------
    InvalidDataError
        If shapes differ, a set is empty, or there are more than ``SLOTS_MAX`` slots.
    """

    roles: Tensor
    fillers: Tensor
    present: Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.roles.shape)
        if len(shape) != 2 or shape != self.fillers.shape or shape != self.present.shape:
            raise InvalidDataError(
                "slot batch: roles, fillers and present must be of one shape [n_sets, n_slots], "
                f"not {list(shape)}, {list(self.fillers.shape)} and {list(self.present.shape)}; "
                "use pack_sets"
            )
        if shape[1] > SLOTS_MAX:
            raise InvalidDataError(
                f"slot batch: a set must have at most {SLOTS_MAX} slots, not {shape[1]}; cut it"
            )
        empty = torch.nonzero(~self.present.any(-1)).flatten()
        if empty.numel():
            raise InvalidDataError(
                f"slot batch, set {int(empty[0])}: must have at least one slot, not none; drop it"
            )

    def __len__(self) -> int:
        return len(self.roles)

    def select(self, index: Tensor) -> SlotBatch:
        """Give some of the sets, ``int64[n]``."""
        return SlotBatch(self.roles[index], self.fillers[index], self.present[index])

    def reorder(self, order: Tensor) -> SlotBatch:
        """Give each set's slots in another order, ``int64[n_sets, n_slots]``."""
        return SlotBatch(
            self.roles.gather(1, order),
            self.fillers.gather(1, order),
            self.present.gather(1, order),
        )


def pack_sets(sets: Sequence[tuple[ArrayLike, ArrayLike]], n_slots: int = 0) -> SlotBatch:
    """Put sets of slots side by side.

    Parameters
    ----------
    sets : sequence of (int64[n], int64[n])
        Roles and fillers of each set.
    n_slots : int
        To pad to; 0: to the largest set.

    Returns
    -------
    SlotBatch

    Raises
    ------
    InvalidDataError
        If a set is empty, has more slots than ``n_slots``, or not as many roles as fillers.
    """
    pairs = [(np.asarray(r, dtype=np.int64), np.asarray(f, dtype=np.int64)) for r, f in sets]
    largest = max((len(roles) for roles, _ in pairs), default=0)
    n_slots = n_slots or largest
    if largest > n_slots:
        raise InvalidDataError(
            f"slot batch: a set must have at most {n_slots} slots, not {largest}; raise 'n_slots'"
        )
    roles, fillers = np.zeros((2, len(pairs), n_slots), dtype=np.int64)
    present = np.zeros((len(pairs), n_slots), dtype=np.bool_)
    for index, (own_roles, own_fillers) in enumerate(pairs):
        if own_roles.shape != own_fillers.shape:
            raise InvalidDataError(
                f"slot batch, set {index}: must have one filler for each role, not "
                f"{own_fillers.size} for {own_roles.size}; correct it"
            )
        roles[index, : len(own_roles)] = own_roles
        fillers[index, : len(own_roles)] = own_fillers
        present[index, : len(own_roles)] = True
    return SlotBatch(*(torch.from_numpy(array) for array in (roles, fillers, present)))
