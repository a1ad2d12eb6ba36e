"""One form for all orders of children, and a name for it.

Example
-------
>>> a = SlotTree((Slot("AGENT", "cat"), Slot("PREDICATE", "eat")))
>>> b = SlotTree((Slot("PREDICATE", "eat"), Slot("AGENT", "cat")))
>>> a == b, canonical_form(a) == canonical_form(b), tree_digest(a) == tree_digest(b)
(False, True, True)
"""

from __future__ import annotations

import hashlib

from lutloom.language.slots.tree import Slot, SlotTree

_LENGTH_BYTES = 8


def canonical_form(tree: SlotTree) -> SlotTree:
    """Sort the slots of every clause by their bytes.

    Parameters
    ----------
    tree : SlotTree

    Returns
    -------
    SlotTree
        Equal for two trees exactly if they differ at most in the order of children.
    """
    return _canonical(tree)[0]


def tree_bytes(tree: SlotTree) -> bytes:
    """Encode a tree, whatever the order of its children, so that no other has the same bytes.

    Parameters
    ----------
    tree : SlotTree

    Returns
    -------
    bytes
        Every part is preceded by its kind and its length: no name can imitate structure.
    """
    return _canonical(tree)[1]


def tree_digest(tree: SlotTree) -> str:
    """Digest a tree, whatever the order of its children.

    Parameters
    ----------
    tree : SlotTree

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    return hashlib.sha256(b"lutloom slot tree 1\0" + tree_bytes(tree)).hexdigest()


def _canonical(tree: SlotTree) -> tuple[SlotTree, bytes]:
    children: list[tuple[bytes, Slot]] = []
    for slot in tree.slots:
        if isinstance(slot.filler, SlotTree):
            filler, content = _canonical(slot.filler)
            slot = Slot(slot.role, filler)
        else:
            content = _part(b"f", _encode(slot.filler))
        children.append((_part(b"r", _encode(slot.role)) + content, slot))
    children.sort(key=lambda child: child[0])
    slots = tuple(slot for _, slot in children)
    return SlotTree(slots), _part(b"t", b"".join(encoded for encoded, _ in children))


def _encode(name: str) -> bytes:
    # A lone surrogate is not valid Unicode, but a string may hold one.
    return name.encode("utf-8", "surrogatepass")


def _part(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(_LENGTH_BYTES, "big") + content
