"""Choose each node's rotation so that the matrix into it has entries that follow from the others.

The matrix the stream comes through (the entry, then each shortcut) becomes upper triangular by QR
or symmetric by polar decomposition, so that ``D (D - 1) / 2`` of its entries need not be stored:
all that the symmetry has to give, at every node, without an entropy coder.

Example
-------
>>> fixed = to_gauge(sliced, "symmetric")                            # doctest: +SKIP
>>> rule = packable(fixed.config, "symmetric")["entry.weight"]       # doctest: +SKIP
>>> values = rule.pack(entry)                                        # doctest: +SKIP
>>> np.array_equal(rule.unpack(values), entry)                       # doctest: +SKIP
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from lutloom.errors import InvalidNetworkError, InvalidRecipeError
from lutloom.language.bits_back.symmetry import Tensors, check_sliced, find_nodes, turn_node
from lutloom.language.model_file import build_transformer
from lutloom.language.transformer import Transformer, TransformerConfig

GaugeKind = Literal["triangular", "symmetric"]
"""``triangular``: zeros below the diagonal.  ``symmetric``: the leading square is symmetric; rows
below it, if any, are zero.  Matrices brought there have no negative diagonal or eigenvalue."""


@dataclass(frozen=True, slots=True)
class ImpliedEntries:
    """Say which entries of a matrix follow from the others: those below the diagonal.

    Parameters
    ----------
    name : str
        Of the tensor.
    kind : GaugeKind
        ``triangular``: they are zero.  ``symmetric``: they mirror those above the diagonal, and are
        zero in rows beyond the last column.
    rows, columns : int
    """

    name: str
    kind: GaugeKind
    rows: int
    columns: int

    @property
    def n_implied(self) -> int:
        """How many entries follow from the others."""
        return self.rows * self.columns - self.n_kept

    @property
    def n_kept(self) -> int:
        """How many are stored."""
        square = min(self.rows, self.columns)
        return square * (square + 1) // 2 + square * (self.columns - square)

    def fits(self, matrix: NDArray[Any]) -> bool:
        """Tell whether a matrix is of this form, bit for bit."""
        return np.array_equal(self.unpack(matrix[self.kept()]), matrix)

    def kept(self) -> NDArray[np.bool_]:
        """Give the entries that are stored, ``bool[rows, columns]``."""
        return np.triu(np.ones((self.rows, self.columns), dtype=np.bool_))

    def pack(self, matrix: NDArray[Any]) -> NDArray[Any]:
        """Leave out what is implied.

        Parameters
        ----------
        matrix : any[rows, columns]

        Returns
        -------
        any[n_kept]
            Row by row.

        Raises
        ------
        InvalidNetworkError
            If the matrix is not of this form, bit for bit; something would be lost.
        """
        if matrix.shape != (self.rows, self.columns):
            raise InvalidNetworkError(
                f"{self.name}: must be {self.rows} x {self.columns}, not "
                f"{' x '.join(map(str, matrix.shape))}; give the tensors of this configuration"
            )
        if not self.fits(matrix):
            raise InvalidNetworkError(
                f"{self.name}: must be {self.kind}, but some of its entries below the diagonal do "
                "not follow from those above; bring the model into this gauge first"
            )
        return matrix[self.kept()]

    def unpack(self, values: NDArray[Any]) -> NDArray[Any]:
        """Put back what is implied.

        Parameters
        ----------
        values : any[n_kept]

        Returns
        -------
        any[rows, columns]

        Raises
        ------
        InvalidNetworkError
            If there are more values or fewer.
        """
        if values.shape != (self.n_kept,):
            raise InvalidNetworkError(
                f"{self.name}: must have {self.n_kept:,} entries that are not implied, not "
                f"{values.size:,}; write the file again"
            )
        matrix = np.zeros((self.rows, self.columns), dtype=values.dtype)
        matrix[self.kept()] = values
        if self.kind == "symmetric":
            square = min(self.rows, self.columns)
            block = matrix[:square, :square]
            below = np.tril_indices(square, -1)
            block[below] = block.T[below]
        return matrix


def packable(config: TransformerConfig, kind: GaugeKind) -> dict[str, ImpliedEntries]:
    """Give the tensors of a model in a gauge that need not be stored whole.

    Parameters
    ----------
    config : TransformerConfig
        Of a sliced model.
    kind : GaugeKind
        The gauge it is in.

    Returns
    -------
    dict of str to ImpliedEntries
        By the tensor's name, in the order of the nodes.  Where no node is wider than the one
        before, what is implied adds up to :func:`~.symmetry.bound_numbers`; one that is wider
        by ``k`` misses ``k (k - 1) / 2`` of it.

    Raises
    ------
    InvalidNetworkError
        If the model is not sliced.
    InvalidRecipeError
        If there is no such gauge.
    """
    _check(config, kind)
    columns = (config.width, *config.node_widths[:-1])
    rules = (
        ImpliedEntries(node.shortcut_in, kind, rows, before)
        for node, rows, before in zip(
            find_nodes(config.n_blocks), config.node_widths, columns, strict=True
        )
    )
    return {rule.name: rule for rule in rules}


@torch.no_grad()
def to_gauge(model: Transformer, kind: GaugeKind) -> Transformer:
    """Rotate every node of a sliced model so that the matrix into it takes a form.

    Parameters
    ----------
    model : Transformer
        Sliced; left as it is.
    kind : GaugeKind

    Returns
    -------
    Transformer
        The same function, within float32.  What :func:`packable` calls implied is so bit for bit,
        and stays so under any rounding of single numbers.  Nodes that are in this form already
        are left as they are, so a second time changes nothing.

    Raises
    ------
    InvalidNetworkError
        If the model is not sliced.
    InvalidRecipeError
        If there is no such gauge.
    """
    _check(model.config, kind)
    tensors = {name: t.detach().double().numpy() for name, t in model.state_dict().items()}
    fixed = fix_gauge(model.config, tensors, kind)
    held = {
        name: torch.from_numpy(np.ascontiguousarray(fixed[name])).to(tensor.dtype)
        for name, tensor in model.state_dict().items()
    }
    turned = build_transformer(model.config, held)
    turned.mask = None if model.mask is None else model.mask.clone()
    return turned


def fix_gauge(config: TransformerConfig, tensors: Tensors, kind: GaugeKind) -> Tensors:
    """Do the same on arrays, in float64; see :func:`to_gauge`."""
    rules = packable(config, kind)
    fixed = dict(tensors)
    for node in find_nodes(config.n_blocks):
        into = fixed[node.shortcut_in].astype(np.float64)
        if rules[node.shortcut_in].fits(into):
            continue
        rotation, canonical = (triangular_form if kind == "triangular" else symmetric_form)(into)
        turn_node(fixed, node, rotation)
        rule = rules[node.shortcut_in]
        fixed[node.shortcut_in] = rule.unpack(canonical[rule.kept()])
    return fixed


def triangular_form(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Decompose a matrix into a rotation and an upper triangle with no negative diagonal.

    Parameters
    ----------
    matrix : float64[rows, columns]

    Returns
    -------
    rotation : float64[rows, rows]
    triangle : float64[rows, columns]
        ``rotation.T @ matrix``.
    """
    rotation, triangle = np.linalg.qr(matrix, mode="complete")
    signs = np.ones(len(rotation))
    diagonal = np.diagonal(triangle)
    signs[: len(diagonal)] = np.where(diagonal < 0, -1.0, 1.0)
    return rotation * signs, triangle * signs[:, None]


def symmetric_form(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Decompose a matrix into a rotation and a matrix whose leading square is symmetric.

    Parameters
    ----------
    matrix : float64[rows, columns]

    Returns
    -------
    rotation : float64[rows, rows]
    symmetric : float64[rows, columns]
        ``rotation.T @ matrix``; the square has no negative eigenvalue.

    References
    ----------
    Higham, "Computing the polar decomposition, with applications", 1986.
    """
    square = min(matrix.shape)
    left, _, right = np.linalg.svd(matrix[:, :square], full_matrices=True)
    rotation = np.concatenate([left[:, :square] @ right, left[:, square:]], axis=1)
    symmetric = rotation.T @ matrix
    block = symmetric[:square, :square]
    symmetric[:square, :square] = (block + block.T) / 2
    return rotation, symmetric


def _check(config: TransformerConfig, kind: GaugeKind) -> None:
    check_sliced(config, "gauge")
    if kind not in get_args(GaugeKind):
        raise InvalidRecipeError(
            f"gauge: must be one of {', '.join(get_args(GaugeKind))}, not {kind!r}; correct it"
        )
