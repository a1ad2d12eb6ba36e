"""Canonical forms of slot trees, against nested sets with counts."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slot_trees import MadeFrame, as_multiset, every_order, shuffled, trees

from lutloom.errors import InvalidDataError
from lutloom.language.slots import (
    DEPTH_MAX,
    Leaf,
    Slot,
    SlotTree,
    canonical_form,
    flatten,
    frame_parts,
    rebuild,
    tree_bytes,
    tree_digest,
    tree_from_frame,
)


def clause(*slots: tuple[str, str | SlotTree]) -> SlotTree:
    return SlotTree(tuple(Slot(role, filler) for role, filler in slots))


SLEEPS = clause(("PREDICATE", "sleep"), ("AGENT", "cat"))
SEES = clause(("CONTENT", SLEEPS), ("PREDICATE", "see"), ("AGENT", "dog"))


def test_every_order_of_a_nested_clause_is_one() -> None:
    orders = list(every_order(SEES))
    assert len(orders) == len(set(orders)) == 6 * 2
    assert {canonical_form(tree) for tree in orders} == {canonical_form(SEES)}
    assert {tree_digest(tree) for tree in orders} == {tree_digest(SEES)}
    assert {flatten(tree) for tree in orders} == {flatten(SEES)}


def test_without_sorting_orders_are_told_apart() -> None:
    """The planted fault: the order as it came."""
    assert len({tree.slots for tree in every_order(SEES)}) == 12


@given(tree=trees(), rng=st.randoms(use_true_random=False))
def test_any_order_has_the_same_form(tree: SlotTree, rng: random.Random) -> None:
    other = shuffled(tree, rng)
    assert as_multiset(tree) == as_multiset(other)
    assert canonical_form(tree) == canonical_form(other)
    assert tree_bytes(tree) == tree_bytes(other)
    assert flatten(tree) == flatten(other)
    assert canonical_form(canonical_form(tree)) == canonical_form(tree)
    assert as_multiset(canonical_form(tree)) == as_multiset(tree)


@given(a=trees(), b=trees())
def test_different_trees_differ(a: SlotTree, b: SlotTree) -> None:
    same = as_multiset(a) == as_multiset(b)
    assert (canonical_form(a) == canonical_form(b)) is same
    assert (tree_bytes(a) == tree_bytes(b)) is same
    assert (tree_digest(a) == tree_digest(b)) is same
    assert (flatten(a) == flatten(b)) is same


def test_all_small_trees_differ() -> None:
    """Two roles, two fillers, at most two slots, at most two levels: counted, not drawn."""
    level: list[str | SlotTree] = ["a", "b"]
    for _ in range(2):
        slots = list(itertools.product("xy", level))
        sets = [
            clause(*some)
            for n in (1, 2)
            for some in itertools.combinations_with_replacement(slots, n)
        ]
        level = ["a", "b", *sets]
    n_slots = 2 * 16  # two roles, and two fillers or the fourteen clauses below
    assert len(sets) == n_slots + n_slots * (n_slots + 1) // 2
    assert len({tree_digest(tree) for tree in sets}) == len(sets)
    assert len({flatten(tree) for tree in sets}) == len(sets)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (
            clause(("AGENT", "cat"), ("OBJECT", "fish")),
            clause(("AGENT", "fish"), ("OBJECT", "cat")),
        ),
        (clause(("A", "x")), clause(("A", "x"), ("A", "x"))),
        (clause(("A", "x")), clause(("A", clause(("A", "x"))))),
        (clause(("A", "xB"), ("C", "y")), clause(("A", "x"), ("BC", "y"))),
        (
            clause(("A", clause(("B", "x"), ("C", "y")))),
            clause(("A", clause(("B", "x"))), ("A", clause(("C", "y")))),
        ),
    ],
    ids=["exchanged", "twice", "nested", "shifted", "split"],
)
def test_near_misses_differ(a: SlotTree, b: SlotTree) -> None:
    assert tree_digest(a) != tree_digest(b)
    assert flatten(a) != flatten(b)


def test_a_digest_stays_what_it_is() -> None:
    def part(kind: bytes, content: bytes) -> bytes:
        return kind + len(content).to_bytes(8, "big") + content

    agent = part(b"r", b"AGENT") + part(b"f", b"cat")
    predicate = part(b"r", b"PREDICATE") + part(b"f", b"sleep")
    assert tree_bytes(SLEEPS) == part(b"t", agent + predicate)
    digest = "8cfcd3ff179645e1eaa222261b664d5104544c504112df0e88d0cd20116d4064"
    assert tree_digest(SLEEPS) == digest


def test_leaves_of_a_nested_clause() -> None:
    assert flatten(SEES) == (
        Leaf(("AGENT",), "dog"),
        Leaf(("CONTENT", "AGENT"), "cat", (0,)),
        Leaf(("CONTENT", "PREDICATE"), "sleep", (0,)),
        Leaf(("PREDICATE",), "see"),
    )


def test_clauses_of_one_role_are_numbered() -> None:
    both = clause(("A", clause(("X", "2"))), ("A", clause(("X", "1"))), ("A", "0"))
    assert flatten(both) == (
        Leaf(("A",), "0"),
        Leaf(("A", "X"), "1", (0,)),
        Leaf(("A", "X"), "2", (1,)),
    )


@given(tree=trees(), rng=st.randoms(use_true_random=False))
def test_leaves_make_the_tree_again(tree: SlotTree, rng: random.Random) -> None:
    leaves = list(flatten(tree))
    rng.shuffle(leaves)
    assert rebuild(leaves) == canonical_form(tree)


def nested(depth: int) -> SlotTree:
    tree = clause(("A", "x"))
    for _ in range(depth - 1):
        tree = clause(("A", tree))
    return tree


def test_depth() -> None:
    assert nested(1).depth == 1
    assert nested(DEPTH_MAX).depth == DEPTH_MAX
    assert len(flatten(nested(DEPTH_MAX))[0].path) == DEPTH_MAX
    with pytest.raises(InvalidDataError, match="nest at most 32 deep, not 33; cut the sentence"):
        nested(DEPTH_MAX + 1)


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (Leaf((), "x"), "not 0 roles and 0 numbers; take leaves from flatten"),
        (Leaf(("A", "B"), "x"), "not 2 roles and 0 numbers"),
    ],
)
def test_impossible_leaves_are_refused(leaf: Leaf, message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        rebuild([leaf])


def test_empty_parts_are_refused() -> None:
    with pytest.raises(InvalidDataError, match="at least one slot, not none; leave the clause"):
        SlotTree(())
    with pytest.raises(InvalidDataError, match="the role must be a name, not empty; name it"):
        Slot("", "x")
    with pytest.raises(InvalidDataError, match="at least one slot, not none"):
        rebuild([])


def test_a_frame_becomes_a_tree() -> None:
    frame = MadeFrame(
        "see", (("AGENT", "dog"), ("CONTENT", MadeFrame("sleep", (("AGENT", "cat"),))))
    )
    tree = tree_from_frame(frame)
    assert tree.slots[0] == Slot("PREDICATE", "see")
    assert canonical_form(tree) == canonical_form(SEES)
    assert tree_from_frame(MadeFrame("rain")) == clause(("PREDICATE", "rain"))


@dataclass(frozen=True)
class Phrase:
    """A filler that is neither a string nor a frame."""

    head: str
    number: str


def test_other_fillers_are_read_by_parts_of_one_s_own() -> None:
    def parts(node: object) -> list[tuple[str, object]] | None:
        if isinstance(node, Phrase):
            return [("HEAD", node.head), ("NUMBER", node.number)]
        return frame_parts(node)

    frame = MadeFrame("sleep", (("AGENT", Phrase("cat", "plural")),))  # type: ignore[arg-type]
    assert tree_from_frame(frame, parts) == clause(
        ("PREDICATE", "sleep"), ("AGENT", clause(("HEAD", "cat"), ("NUMBER", "plural")))
    )
    with pytest.raises(InvalidDataError, match=r"frame.AGENT: must be .* not Phrase; convert it"):
        tree_from_frame(frame)


class _Loop:
    """A frame that contains itself."""

    predicate = "say"

    @property
    def roles(self) -> list[tuple[str, object]]:
        return [("CONTENT", self)]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (MadeFrame("a", (("X", 7),)), r"frame.X: must be a string or a frame .* not int; convert"),  # type: ignore[arg-type]
        (MadeFrame("a", (("X", MadeFrame("b", (("Y", None),))),)), "frame.X.Y: must be a string"),  # type: ignore[arg-type]
        (
            MadeFrame("a", (("PREDICATE", "b"),)),
            "frame 'a': PREDICATE must be the predicate's role",
        ),
        (_Loop(), "nest at most 32 deep, but go on; look for one that contains itself"),
    ],
    ids=["number", "none", "predicate", "loop"],
)
def test_impossible_frames_are_refused(frame: MadeFrame, message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        tree_from_frame(frame)
