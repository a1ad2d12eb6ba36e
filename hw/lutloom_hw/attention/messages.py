"""What goes into the attention engine and what comes out, word by word.

A row of ``head_size`` features is cut into words of ``lanes`` features, the first features first.

Example
-------
>>> layout = InputWord(lanes=2, n_heads=1)
>>> layout.size, OutputWord(lanes=2, n_heads=1).size
(20, 18)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth.hdl import signed, unsigned
from amaranth.lib import data, enum
from numpy.typing import NDArray

from lutloom.attention.config import Mode
from lutloom_hw.stage import bits_for


class RowKind(enum.Enum):
    """Say what a row is, in two bits."""

    QUERY = 0
    KEY = 1
    VALUE = 2


class InputWord(data.StructLayout):
    """Lay out one word of a query, key or value.

    Parameters
    ----------
    lanes : int
        Features of a word.
    n_heads : int

    Members
    -------
    features : ArrayLayout(signed(8), lanes)
        -127 to 127; feature ``word * lanes + k`` of the row is element ``k``.
    head : unsigned
        Whose multiplier and value shift hold; the same in all words of a run.
    kind : RowKind
        The same in all words of a row.
    last : 1
        In the last word of a run's last query: the run ends, and the next one starts anew.

    Bit order: in the order of the list, features in the least significant bits.
    """

    def __init__(self, *, lanes: int, n_heads: int) -> None:
        super().__init__(
            {
                "features": data.ArrayLayout(signed(8), lanes),
                "head": unsigned(bits_for(n_heads - 1)),
                "kind": RowKind,
                "last": unsigned(1),
            }
        )


class OutputWord(data.StructLayout):
    """Lay out one word of an answer.

    Parameters
    ----------
    lanes : int
    n_heads : int

    Members
    -------
    features : ArrayLayout(signed(8), lanes)
        As in :class:`InputWord`.
    head : unsigned
        The run's head.
    last : 1
        In the last word of a run's last answer.

    Bit order: in the order of the list, features in the least significant bits.
    """

    def __init__(self, *, lanes: int, n_heads: int) -> None:
        super().__init__(
            {
                "features": data.ArrayLayout(signed(8), lanes),
                "head": unsigned(bits_for(n_heads - 1)),
                "last": unsigned(1),
            }
        )


def run_words(
    query: NDArray[np.int8],
    key: NDArray[np.int8],
    value: NDArray[np.int8],
    *,
    mode: Mode,
    lanes: int,
    head: int = 0,
) -> list[dict[str, Any]]:
    """Cut one run, a head over a sequence or a set, into the words the engine takes.

    Parameters
    ----------
    query, key, value : int8[n, head_size]
    mode : {"causal", "set"}
        ``causal``: key, value and query of each position in turn.  ``set``: the keys and values
        of all slots, then all queries.
    lanes : int
    head : int

    Returns
    -------
    list of dict
        One for each word, with the fields of :class:`InputWord`.
    """
    known = [
        [(RowKind.KEY, k), (RowKind.VALUE, v)]
        for k, v in zip(key.tolist(), value.tolist(), strict=True)
    ]
    asked = [[(RowKind.QUERY, q)] for q in query.tolist()]
    if mode == "set":
        rows = [row for group in (*known, *asked) for row in group]
    else:
        rows = [row for pair in zip(known, asked, strict=True) for group in pair for row in group]
    words = [
        {"features": features[start : start + lanes], "head": head, "kind": kind, "last": 0}
        for kind, features in rows
        for start in range(0, len(features), lanes)
    ]
    words[-1]["last"] = 1
    return words


def answer_rows(words: Sequence[Any], *, head_size: int) -> NDArray[np.int8]:
    """Put the engine's answers together again.

    Parameters
    ----------
    words : sequence of data.Const
        Of :class:`OutputWord`, whole rows.
    head_size : int

    Returns
    -------
    int8[n, head_size]
    """
    features = [feature for word in words for feature in word.features]
    return np.array(features, dtype=np.int8).reshape(-1, head_size)
