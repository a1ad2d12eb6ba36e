"""What every form of attention asks of rows of floats, and how it goes through them.

Rows are ``float[n_heads, n_windows, n_positions, head_size]``, or with other axes between the first
and the last two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.config import INT8_MAX, AttentionConfig
from lutloom.errors import InvalidDataError

Floats = NDArray[np.floating[Any]]


def check_rows(
    config: AttentionConfig, where: str, query: Floats, key: Floats, value: Floats
) -> None:
    """Check the rows a layer is calibrated on.

    Parameters
    ----------
    config : AttentionConfig
    where : str
        What errors call the layer.
    query, key, value : float[n_heads, n_windows, n_positions, head_size]

    Raises
    ------
    InvalidDataError
        If a shape is not what it must be, or a number is not finite.
    """
    shape = query.shape
    wanted = (config.n_heads, *shape[1:3], config.head_size)
    for name, rows in (("queries", query), ("keys", key), ("values", value)):
        alike = rows.ndim == 4 and rows.shape == wanted
        if not alike or not 1 <= shape[2] <= config.context or not shape[1]:
            raise InvalidDataError(
                f"{where}, {name}: must be [{config.n_heads}, windows, 1..{config.context}, "
                f"{config.head_size}], all three alike, not {list(rows.shape)}; correct them"
            )
        require_finite(f"{where}, {name}", rows)


def require_finite(where: str, rows: Floats) -> None:
    """Refuse numbers that are none.

    Raises
    ------
    InvalidDataError
    """
    if not np.isfinite(rows).all():
        raise InvalidDataError(
            f"{where}: must be finite numbers, but one is not; train the model again"
        )


def round_steps(steps: Floats) -> NDArray[np.int8]:
    """Round to integers, halves to even, and hold in -127..127."""
    return np.clip(np.rint(steps), -INT8_MAX, INT8_MAX).astype(np.int8)


def per_head(column: NDArray[np.float64], n_dimensions: int) -> NDArray[np.float64]:
    """Shape ``float64[n_heads]`` so that it meets rows of so many dimensions."""
    return column.reshape(-1, *[1] * (n_dimensions - 1))


def attend_each(
    attend_with: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], NDArray[np.int8]],
    query: NDArray[Any],
    key: NDArray[Any],
    value: NDArray[Any],
    shape: tuple[int, ...],
) -> NDArray[np.int8]:
    """Attend to every sequence by itself.

    Parameters
    ----------
    attend_with : callable
        Takes and gives arrays without the axes between heads and positions.
    query, key, value : arrays[n_heads, ..., n_positions, ...]
    shape : tuple of int
        Of the output, ``[n_heads, ..., n_positions, head_size]``.

    Returns
    -------
    int8 of that shape
    """
    output = np.empty(shape, np.int8)
    for index in np.ndindex(shape[1:-2]):
        at = (slice(None), *index)
        output[at] = attend_with(query[at], key[at], value[at])
    return output
