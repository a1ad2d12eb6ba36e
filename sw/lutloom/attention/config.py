"""One layer of integer attention: sizes, the keys a query sees, and the scales of its heads.

Example
-------
>>> config = AttentionConfig(n_heads=1, head_size=8, context=16, pattern="local", stride=4)
>>> layer = IntegerAttention(config, multiplier=[300], value_shift=[0])
>>> layer.config.head_size, layer.multiplier.tolist()
(8, [300])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from lutloom.errors import InvalidNetworkError
from lutloom.language.masks import Pattern

HEAD_SIZE_MIN, HEAD_SIZE_MAX = 8, 64
CONTEXT_MAX = 512
HEADS_MAX = 64
INT8_MAX = 127
"""Numbers run from -127 to 127, so that every one has its negative."""

FRACTION_BITS = 8
"""Of an exponent; the table of powers of two has an entry for each fraction."""
MULTIPLIER_BITS = 16
MULTIPLIER_SHIFT = 16
"""An exponent is ``(difference of scores * multiplier) >> MULTIPLIER_SHIFT``."""
WEIGHT_BITS = 16
"""Of a weight; the key of the highest score has ``2 ** (WEIGHT_BITS - 1)``."""
VALUE_SHIFT_MAX = 7

Mode = Literal["causal", "set"]
"""``causal``: a query sees keys up to its own, by a pattern; ``set``: it sees all, in any order."""


class AttentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how large a layer of attention is and which keys a query sees.

    Members
    -------
    n_heads : heads, each with queries, keys and values of its own
    head_size : features of a query, key or value
    context : positions, or slots of a set, at most
    mode : see :data:`Mode`
    pattern, stride : as in :func:`lutloom.language.masks.attention_mask`; of causal attention
    """

    n_heads: Annotated[int, Meta(ge=1, le=HEADS_MAX)]
    head_size: Annotated[int, Meta(ge=HEAD_SIZE_MIN, le=HEAD_SIZE_MAX)]
    context: Annotated[int, Meta(ge=1, le=CONTEXT_MAX)]
    mode: Mode = "causal"
    pattern: Pattern = "causal"
    stride: Annotated[int, Meta(ge=1, le=CONTEXT_MAX)] = 16

    def __post_init__(self) -> None:
        if self.mode == "set" and self.pattern != "causal":
            raise ValueError(f"pattern must be 'causal' in mode 'set', not {self.pattern!r}")


@dataclass(frozen=True, slots=True, eq=False)
class IntegerAttention:
    """Hold a layer of attention whose every operation is on integers.

    Parameters
    ----------
    config : AttentionConfig
    multiplier : int64[n_heads]
        1 to 2**16 - 1: what one step of a score is worth, in 2**-24 of an exponent of two.
    value_shift : int64[n_heads]
        0 to 7: outputs are values times ``2 ** value_shift``, so that small means keep their bits.

    Raises
    ------
    InvalidNetworkError
        If a number is out of range or there is not one for each head.
    """

    config: AttentionConfig
    multiplier: NDArray[np.int64]
    value_shift: NDArray[np.int64]

    def __post_init__(self) -> None:
        limits = {
            "multiplier": (1, (1 << MULTIPLIER_BITS) - 1),
            "value_shift": (0, VALUE_SHIFT_MAX),
        }
        for name, (low, high) in limits.items():
            column = _integers(name, getattr(self, name), self.config.n_heads, low, high)
            object.__setattr__(self, name, column)


def _integers(name: str, values: ArrayLike, n_heads: int, low: int, high: int) -> NDArray[np.int64]:
    given = np.asarray(values)
    if given.shape != (n_heads,) or not np.issubdtype(given.dtype, np.integer):
        raise InvalidNetworkError(
            f"attention, {name}: must be {n_heads} integers, one a head, not {given.dtype} "
            f"{list(given.shape)}; calibrate again"
        )
    for head, value in enumerate(given.tolist()):
        if not low <= value <= high:
            raise InvalidNetworkError(
                f"attention, head {head}, {name}: must be {low}..{high}, not {value}; calibrate "
                "again, or train with smaller queries and keys"
            )
    column = np.array(given, dtype=np.int64)
    column.setflags(write=False)
    return column
