"""How dense each matrix is when all of them together must reach a sparsity.

Example
-------
>>> erdos_renyi_densities([(10, 10), (100, 100)], sparsity=0.8)
[0.9..., 0.19...]
"""

from __future__ import annotations

from collections.abc import Sequence

from lutloom.errors import InvalidRecipeError


def erdos_renyi_densities(shapes: Sequence[tuple[int, int]], sparsity: float) -> list[float]:
    """Give every matrix a density in proportion to (rows + columns) / (rows x columns).

    Small matrices stay denser.  A matrix that would exceed 1 is dense, and the others are solved
    for again.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Rows and columns of each matrix.
    sparsity : float
        Share of all weights that are zero, 0 to below 1.

    Returns
    -------
    list of float
        Above 0, at most 1; ``sum(density * rows * columns)`` is ``(1 - sparsity)`` of all weights.

    Raises
    ------
    InvalidRecipeError
        If the sparsity is out of range.

    References
    ----------
    Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse
    connectivity", 2018.
    """
    if not 0.0 <= sparsity < 1.0:
        raise InvalidRecipeError(
            f"mixed sparsity, sparsity: must be 0 to below 1, not {sparsity:g}; correct it"
        )
    sizes = [rows * columns for rows, columns in shapes]
    dense: set[int] = set()
    while True:
        budget = (1.0 - sparsity) * sum(sizes) - sum(sizes[k] for k in dense)
        others = [k for k in range(len(shapes)) if k not in dense]
        if not others:
            return [1.0] * len(shapes)
        scale = budget / sum(sum(shapes[k]) for k in others)
        density = {k: scale * sum(shapes[k]) / sizes[k] for k in others}
        full = {k for k in others if density[k] >= 1.0}
        if not full:
            return [density.get(k, 1.0) for k in range(len(shapes))]
        dense |= full
