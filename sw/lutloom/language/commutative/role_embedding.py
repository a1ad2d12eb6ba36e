"""What a slot is, as features: its role and its filler; where it stands is no part of it.

Example
-------
>>> RoleEmbedding(n_roles=4, n_fillers=10, width=8)(batch).shape     # doctest: +SKIP
torch.Size([2, 3, 8])
"""

from __future__ import annotations

from torch import Tensor, nn

from lutloom.errors import InvalidDataError
from lutloom.language.commutative.slot_batch import SlotBatch


class RoleEmbedding(nn.Module):
    """Add the embedding of a slot's role to that of its filler.

    The sum alone does not bind the two: over a whole set it is the same when two fillers are
    exchanged.  The norms and the MLP behind it, which work on one slot at a time, do.

    Parameters
    ----------
    n_roles, n_fillers : int
    width : int
    """

    def __init__(self, n_roles: int, n_fillers: int, width: int) -> None:
        super().__init__()
        self.role = nn.Embedding(n_roles, width)
        self.filler = nn.Embedding(n_fillers, width)

    def forward(self, batch: SlotBatch) -> Tensor:
        """Look up a batch: ``float[n_sets, n_slots, width]``, 0 where a slot is absent."""
        roles, fillers = slot_numbers(batch, self.role.num_embeddings, self.filler.num_embeddings)
        x: Tensor = self.role(roles) + self.filler(fillers)
        return x * batch.present[..., None]


def slot_numbers(batch: SlotBatch, n_roles: int, n_fillers: int) -> tuple[Tensor, Tensor]:
    """Check the numbers of a batch, and put 0 where a slot is absent.

    Parameters
    ----------
    batch : SlotBatch
    n_roles, n_fillers : int

    Returns
    -------
    roles, fillers : int64[n_sets, n_slots]

    Raises
    ------
    InvalidDataError
        If a number is out of range.
    """
    roles = batch.roles.masked_fill(~batch.present, 0)
    fillers = batch.fillers.masked_fill(~batch.present, 0)
    for what, numbers, n in (("role", roles, n_roles), ("filler", fillers, n_fillers)):
        low, high = int(numbers.min()), int(numbers.max())
        if low < 0 or high >= n:
            raise InvalidDataError(
                f"slot batch: a {what} must be a number from 0 to {n - 1}, not "
                f"{low if low < 0 else high}; encode it by the model's vocabulary"
            )
    return roles, fillers
