"""Which keys a query may see: causal patterns that counters can follow, without stored masks.

Example
-------
>>> attention_mask("local", 4, stride=2).astype(int)
array([[1, 0, 0, 0],
       [1, 1, 0, 0],
       [0, 1, 1, 0],
       [0, 0, 1, 1]])
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidRecipeError

Pattern = Literal["causal", "local", "strided", "local_strided", "fixed"]
"""``causal``: every key up to the query's own.  The others keep some of these; see
:func:`attention_mask`."""


def attention_mask(pattern: Pattern, n_positions: int, stride: int = 1) -> NDArray[np.bool_]:
    """Give the keys each query attends to.

    Parameters
    ----------
    pattern : Pattern
        With query ``i`` and key ``j <= i``: ``local`` keeps ``i - j < stride``; ``strided`` keeps
        ``(i - j) % stride == 0``; ``local_strided`` keeps either; ``fixed`` keeps the keys of the
        query's own block of ``stride`` positions and the last key of every block before.
    n_positions : int
        At least 1.
    stride : int
        At least 1; ``causal`` does not use it.

    Returns
    -------
    bool[n_positions, n_positions]
        Row ``i`` is query ``i``; no row is empty, since each query sees itself.

    Raises
    ------
    InvalidRecipeError
        If the pattern is not known or a number is out of range.

    References
    ----------
    Child et al., "Generating long sequences with sparse transformers", 2019.
    """
    if pattern not in get_args(Pattern):
        raise InvalidRecipeError(
            f"attention mask, pattern: must be one of {', '.join(get_args(Pattern))}, "
            f"not {pattern!r}; correct it"
        )
    if n_positions < 1 or stride < 1:
        raise InvalidRecipeError(
            f"attention mask: positions and stride must be at least 1, not {n_positions} and "
            f"{stride}; correct them"
        )
    query, key = np.arange(n_positions)[:, None], np.arange(n_positions)[None, :]
    behind = query - key
    near, on_stride = behind < stride, behind % stride == 0
    own_block = query // stride == key // stride
    kept: dict[Pattern, NDArray[np.bool_]] = {
        "causal": np.ones_like(near),
        "local": near,
        "strided": on_stride,
        "local_strided": near | on_stride,
        "fixed": own_block | (key % stride == stride - 1),
    }
    return kept[pattern] & (behind >= 0)


def mask_density(pattern: Pattern, n_positions: int, stride: int = 1) -> float:
    """Give the share of the causal triangle a pattern keeps.

    Parameters
    ----------
    pattern : Pattern
    n_positions, stride : int

    Returns
    -------
    float
        Above 0, at most 1.
    """
    kept = int(attention_mask(pattern, n_positions, stride).sum())
    return kept / (n_positions * (n_positions + 1) // 2)
