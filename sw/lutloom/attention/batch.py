"""Sequences for all heads of a layer: what is attended to in simulation.

Example
-------
>>> rows = np.zeros((2, 1, 4, 8), np.int8)                           # doctest: +SKIP
>>> AttentionBatch(rows, rows, rows).query_rows                      # doctest: +SKIP
8
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.config import INT8_MAX, AttentionConfig
from lutloom.errors import InvalidDataError


@dataclass(frozen=True, slots=True, eq=False)
class AttentionBatch:
    """Hold sequences, or sets, for all heads of a layer.

    Parameters
    ----------
    query, key : int8[n_sequences, n_heads, n_positions, head_size]
        Of attention by codes: uint64[n_sequences, n_heads, n_positions].
    value : int8[n_sequences, n_heads, n_positions, head_size]
        Of a layer with a codebook: uint8[..., n_groups].
    """

    query: NDArray[Any]
    key: NDArray[Any]
    value: NDArray[Any]

    def __len__(self) -> int:
        return len(self.query)

    def head(self, n_sequences: int, n_positions: int) -> AttentionBatch:
        """Give the first positions of the first sequences."""
        some = slice(n_sequences), slice(None), slice(n_positions)
        return AttentionBatch(self.query[some], self.key[some], self.value[some])

    @property
    def query_rows(self) -> int:
        """Queries of all heads in all sequences."""
        n, heads, positions = self.query.shape[:3]
        return int(n * heads * positions)


def sequences_for(config: AttentionConfig, query_rows: int) -> int:
    """Give how many sequences of full length hold so many queries of all heads together.

    Parameters
    ----------
    config : AttentionConfig
    query_rows : int

    Returns
    -------
    int
    """
    return -(-query_rows // (config.n_heads * config.context))


def random_batch(config: AttentionConfig, n_sequences: int, seed: int = 0) -> AttentionBatch:
    """Draw int8 sequences of full length, every number as likely.

    Parameters
    ----------
    config : AttentionConfig
    n_sequences : int
    seed : int

    Returns
    -------
    AttentionBatch
    """
    shape = (3, n_sequences, config.n_heads, config.context, config.head_size)
    rng = np.random.default_rng(seed)
    rows = rng.integers(-INT8_MAX, INT8_MAX, shape, dtype=np.int8, endpoint=True)
    return AttentionBatch(*rows)


def check_batch(config: AttentionConfig, batch: AttentionBatch, where: str) -> None:
    """Check that int8 sequences fit a layer.

    Parameters
    ----------
    config : AttentionConfig
    batch : AttentionBatch
    where : str
        What errors call it.

    Raises
    ------
    InvalidDataError
        If they do not.
    """
    shape = batch.query.shape
    positions = shape[2] if len(shape) == 4 else 0
    wanted = (len(batch), config.n_heads, positions, config.head_size)
    for name in ("query", "key", "value"):
        rows = getattr(batch, name)
        fits = rows.dtype == np.int8 and rows.shape == wanted
        if not fits or not len(batch) or not 1 <= positions <= config.context:
            raise InvalidDataError(
                f"{where}, {name}: must be int8[1.., {config.n_heads}, 1..{config.context}, "
                f"{config.head_size}], all three alike, not {rows.dtype}{list(rows.shape)}; "
                "give rows of this layer"
            )
        if int(rows.min()) < -INT8_MAX:
            raise InvalidDataError(
                f"{where}, {name}: numbers must be -127..127, not -128; quantise again"
            )
