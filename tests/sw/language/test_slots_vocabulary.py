"""Numbers for slots, and the whole way from a frame to a set encoder that knows no order."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slot_trees import MadeFrame, every_order, shuffled, trees
from small_set_transformer import make_exact

from lutloom.errors import InvalidDataError
from lutloom.language.commutative import pack_sets
from lutloom.language.slots import (
    MASK,
    UNKNOWN,
    SlotVocabulary,
    collect_vocabulary,
    flatten,
    tree_from_frame,
)

FRAME = MadeFrame("see", (("AGENT", "dog"), ("CONTENT", MadeFrame("sleep", (("AGENT", "cat"),)))))
TREE = tree_from_frame(FRAME)


def test_paths_and_fillers_are_numbered() -> None:
    vocabulary = collect_vocabulary([TREE])
    assert vocabulary.paths == (
        ("AGENT",), ("CONTENT", "AGENT"), ("CONTENT", "PREDICATE"), ("PREDICATE",),
    )  # fmt: skip
    assert vocabulary.fillers == ("cat", "dog", "see", "sleep")
    assert (vocabulary.n_roles, vocabulary.n_fillers) == (6, 6)
    roles, fillers = vocabulary.encode(TREE)
    assert roles.tolist() == [2, 3, 4, 5]
    assert fillers.tolist() == [3, 2, 5, 4]


def test_what_is_rare_or_new_is_unknown() -> None:
    vocabulary = collect_vocabulary([TREE, TREE, tree_from_frame(MadeFrame("rain"))], least=2)
    assert "rain" not in vocabulary.fillers
    roles, fillers = vocabulary.encode(tree_from_frame(MadeFrame("rain", (("TIME", "dog"),))))
    assert roles.tolist() == [vocabulary.paths.index(("PREDICATE",)) + 2, UNKNOWN]
    assert fillers.tolist() == [UNKNOWN, vocabulary.fillers.index("dog") + 2]
    assert MASK not in (*roles, *fillers)


@given(some=st.lists(trees(), min_size=1, max_size=4), rng=st.randoms(use_true_random=False))
def test_the_order_of_trees_and_children_is_not_in_the_numbers(
    some: list[object], rng: random.Random
) -> None:
    vocabulary = collect_vocabulary(some)  # type: ignore[arg-type]
    moved = [shuffled(tree, rng) for tree in some]  # type: ignore[arg-type]
    rng.shuffle(moved)
    assert collect_vocabulary(moved) == vocabulary
    for tree in moved:
        roles, fillers = vocabulary.encode(tree)
        assert len(roles) == len(fillers) == len(flatten(tree))
        assert roles.min() > UNKNOWN
        assert fillers.min() > UNKNOWN


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(4)), tree=st.sampled_from(list(every_order(TREE))))
def test_a_frame_in_any_order_gives_the_same_features(order: list[int], tree: object) -> None:
    roles, fillers = collect_vocabulary([TREE]).encode(tree)  # type: ignore[arg-type]
    exact = make_exact()
    expected = exact(pack_sets([collect_vocabulary([TREE]).encode(TREE)]))
    got = exact(pack_sets([(roles[order], fillers[order])]))
    assert torch.equal(got.pooled, expected.pooled)
    assert torch.equal(got.logits, expected.logits)


@pytest.mark.parametrize(
    ("paths", "fillers", "message"),
    [
        ((("A",), ("A",)), (), r"path \('A',\) must come once, not 2 times; drop it"),
        ((), ("x", "y", "x"), "filler 'x' must come once, not 2 times"),
    ],
)
def test_names_come_once(
    paths: tuple[tuple[str, ...], ...], fillers: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidDataError, match=message):
        SlotVocabulary(paths, fillers)
