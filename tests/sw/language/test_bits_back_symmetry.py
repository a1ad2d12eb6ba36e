"""The symmetry: any rotation at any node leaves the function, and nothing less than all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sliced_models import arrays, from_arrays, make_sliced, off, random_rotation
from small_transformer import make_config, make_transformer

from lutloom.errors import InvalidNetworkError
from lutloom.language.bits_back import bound_numbers, rotate_node
from lutloom.language.bits_back.symmetry import find_nodes

UNEVEN = (20, 24, 16, 16, 24, 8, 12)


@pytest.mark.parametrize("node", range(7))
@pytest.mark.parametrize("changes", [{"node_widths": UNEVEN}, {"node_widths": UNEVEN[::-1]}])
def test_any_rotation_leaves_the_function(node: int, changes: dict[str, Any]) -> None:
    model = make_transformer(**changes)
    rotation = random_rotation(model.config.node_widths[node], seed=node)
    turned = rotate_node(arrays(model, "float64"), node, rotation)
    assert off(from_arrays(model.config, turned), model) < 1e-4


def test_the_readers_alone_do_not() -> None:
    model = make_sliced()
    tensors, rotation = arrays(model, "float64"), random_rotation(16)
    turned = rotate_node(tensors, 3, rotation)
    for name in find_nodes(3)[3].rows:
        turned[name] = tensors[name]
    assert off(from_arrays(model.config, turned), model) > 0.05


def test_every_matrix_is_at_as_many_nodes_as_it_has_sides() -> None:
    model = make_sliced(tied=False)
    sides = dict.fromkeys(arrays(model), 0)
    for node in find_nodes(3):
        for name in (*node.rows, *node.columns):
            sides[name] += 1
    assert {n for n, k in sides.items() if k == 0} == {"embedding.weight", "head.weight"}
    assert {n for n, k in sides.items() if k == 2} == {n for n in sides if "shortcut" in n}


def test_what_is_given_stays_as_it_is() -> None:
    tensors = arrays(make_sliced(), "float64")
    before = {name: values.copy() for name, values in tensors.items()}
    turned = rotate_node(tensors, 0, random_rotation(16))
    assert all(np.array_equal(tensors[name], before[name]) for name in before)
    assert turned["exit.weight"] is tensors["exit.weight"]


def test_the_bound_counts_pairs_of_features() -> None:
    pairs = sum(1 for width in UNEVEN for i in range(width) for j in range(i))
    assert bound_numbers(make_config(node_widths=UNEVEN)) == pairs
    assert bound_numbers(make_config()) == 0


@pytest.mark.parametrize(
    ("node", "rotation", "message"),
    [
        (7, np.eye(16), "node must be 0..6, not 7; correct it"),
        (-1, np.eye(16), "node must be 0..6, not -1"),
        (2, np.eye(15), "node 2: must be 16 x 16, not 15 x 15; give one of the node's width"),
        (2, 1.01 * np.eye(16), "must be orthogonal to 1e-06, but is off by 0.02; orthogonalise it"),
        (2, np.full((16, 16), np.nan), "off by nan"),
    ],
)
def test_what_does_not_rotate_is_refused(
    node: int, rotation: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(InvalidNetworkError, match=message):
        rotate_node(arrays(make_sliced()), node, rotation)


def test_a_whole_model_has_no_symmetry() -> None:
    with pytest.raises(InvalidNetworkError, match=r"must be sliced, but has no 'entry\.weight'"):
        rotate_node(arrays(make_transformer()), 0, np.eye(24))
