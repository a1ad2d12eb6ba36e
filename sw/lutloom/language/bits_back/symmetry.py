"""The symmetry of a sliced model: every node of its residual stream may be rotated by itself.

A norm without gain commutes with rotations.  So for any orthogonal ``R`` at a node, the matrices
that write into it may take ``R^T`` in front and those that read it ``R`` behind: the function stays
the same.  Entry and exit are matrices too, so this holds for all ``2 n_blocks + 1`` nodes, and the
rotations are free of each other.

Example
-------
>>> turned = rotate_node(tensors, 3, rotation)                       # doctest: +SKIP
>>> bound_numbers(config) / sum(t.size for t in tensors.values())    # doctest: +SKIP
0.043
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidNetworkError
from lutloom.language.transformer import TransformerConfig

Tensors: TypeAlias = dict[str, NDArray[Any]]
"""Weights by the names that :class:`~lutloom.language.transformer.Transformer` gives them."""

ORTHOGONALITY = 1e-6
"""Largest element of ``R^T R - 1`` that is still called a rotation."""


@dataclass(frozen=True, slots=True)
class Node:
    """Name the matrices around one node of the residual stream.

    Parameters
    ----------
    shortcut_in : str
        What the stream itself comes through: the entry, or a shortcut.
    writers : tuple of str
        What is added to it; empty at the first node.
    readers : tuple of str
        What reads it behind its norm; the exit at the last node.
    shortcut_out : str or None
        What the stream itself goes on through; None at the last node.
    """

    shortcut_in: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    shortcut_out: str | None

    @property
    def rows(self) -> tuple[str, ...]:
        """Matrices ``[node, ...]`` into it."""
        return (self.shortcut_in, *self.writers)

    @property
    def columns(self) -> tuple[str, ...]:
        """Matrices ``[..., node]`` out of it."""
        return self.readers if self.shortcut_out is None else (*self.readers, self.shortcut_out)


def find_nodes(n_blocks: int) -> tuple[Node, ...]:
    """Give all nodes of a sliced model, in the order the stream passes them.

    Parameters
    ----------
    n_blocks : int

    Returns
    -------
    tuple of Node
        ``2 n_blocks + 1`` of them: into attention and MLP of each block, and out of the last.
    """
    nodes: list[Node] = []
    into: str = "entry.weight"
    writers: tuple[str, ...] = ()
    for index in range(n_blocks):
        block = f"blocks.{index}"
        out = f"{block}.attention_shortcut.weight"
        readers = tuple(f"{block}.attention.{name}.weight" for name in ("query", "key", "value"))
        nodes.append(Node(into, writers, readers, out))
        into, writers = out, (f"{block}.attention.output.weight",)
        out = f"{block}.mlp_shortcut.weight"
        readers = tuple(f"{block}.mlp.{name}.weight" for name in ("gate", "up"))
        nodes.append(Node(into, writers, readers, out))
        into, writers = out, (f"{block}.mlp.down.weight",)
    nodes.append(Node(into, writers, ("exit.weight",), None))
    return tuple(nodes)


def rotate_node(
    model_tensors: Mapping[str, NDArray[Any]], node: int, rotation: NDArray[np.float64]
) -> Tensors:
    """Rotate the stream at one node; the function stays the same.

    Parameters
    ----------
    model_tensors : dict of str to float[...]
        Of a sliced model; left as they are.
    node : int
        0 to ``2 n_blocks``.
    rotation : float64[width, width]
        Orthogonal; a signal ``x`` (a row) becomes ``x @ rotation``.

    Returns
    -------
    dict of str to float[...]
        Matrices around the node are new and of float64, others are the same objects.

    Raises
    ------
    InvalidNetworkError
        If the model is not sliced, the node does not exist, or the matrix does not rotate it.
    """
    if "entry.weight" not in model_tensors:
        raise InvalidNetworkError(
            "rotation: the model must be sliced, but has no 'entry.weight'; slice it first"
        )
    nodes = find_nodes(sum(name.endswith("attention_shortcut.weight") for name in model_tensors))
    if not 0 <= node < len(nodes):
        raise InvalidNetworkError(
            f"rotation: node must be 0..{len(nodes) - 1}, not {node}; correct it"
        )
    width = model_tensors[nodes[node].shortcut_in].shape[0]
    if rotation.shape != (width, width):
        raise InvalidNetworkError(
            f"rotation, node {node}: must be {width} x {width}, not "
            f"{' x '.join(map(str, rotation.shape))}; give one of the node's width"
        )
    error = float(np.abs(rotation.T @ rotation - np.eye(width)).max())
    if not error <= ORTHOGONALITY:
        raise InvalidNetworkError(
            f"rotation, node {node}: must be orthogonal to {ORTHOGONALITY:g}, but is off by "
            f"{error:.2g}; orthogonalise it"
        )
    turned = dict(model_tensors)
    turn_node(turned, nodes[node], rotation)
    return turned


def turn_node(tensors: Tensors, node: Node, rotation: NDArray[np.float64]) -> None:
    """Rotate the stream at one node, in place and unchecked; see :func:`rotate_node`."""
    for name in node.rows:
        tensors[name] = rotation.T @ tensors[name].astype(np.float64, copy=False)
    for name in node.columns:
        tensors[name] = tensors[name].astype(np.float64, copy=False) @ rotation


def bound_numbers(config: TransformerConfig) -> int:
    """Count the numbers of a sliced model that say nothing about its function.

    A rotation of ``D`` features has ``D (D - 1) / 2`` parameters, at each of the ``2 n_blocks + 1``
    nodes; without slicing the stream's basis is fixed by its norms and by the missing shortcuts,
    and there are none.

    Parameters
    ----------
    config : TransformerConfig

    Returns
    -------
    int
    """
    return sum(width * (width - 1) // 2 for width in config.node_widths)


def check_sliced(config: TransformerConfig, what: str) -> None:
    """Check that there is a symmetry at all.

    Parameters
    ----------
    config : TransformerConfig
    what : str
        What asks, for the error.

    Raises
    ------
    InvalidNetworkError
        If the model is not sliced.
    """
    if not config.sliced:
        raise InvalidNetworkError(
            f"{what}: the model must be sliced, but its residual stream is whole; "
            "run 'lutloom language slice' first"
        )
