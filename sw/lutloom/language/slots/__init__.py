"""The slot tree: a sentence as roles and what fills them, nested clauses included, without order.

A frame of any origin becomes a tree (``tree_from_frame``); a tree has one canonical form and one
digest whatever the order of its children; ``flatten`` turns it into the leaves that a set encoder
takes, and :class:`SlotVocabulary` numbers them.
"""

from lutloom.language.slots.canonical import canonical_form, tree_bytes, tree_digest
from lutloom.language.slots.frame import PREDICATE, Frame, Parts, frame_parts, tree_from_frame
from lutloom.language.slots.leaves import Leaf, flatten, rebuild
from lutloom.language.slots.tree import DEPTH_MAX, Slot, SlotTree
from lutloom.language.slots.vocabulary import MASK, UNKNOWN, SlotVocabulary, collect_vocabulary

__all__ = [
    "Slot",
    "SlotTree",
    "DEPTH_MAX",
    "canonical_form",
    "tree_bytes",
    "tree_digest",
    "Frame",
    "PREDICATE",
    "Parts",
    "frame_parts",
    "tree_from_frame",
    "Leaf",
    "flatten",
    "rebuild",
    "SlotVocabulary",
    "collect_vocabulary",
    "MASK",
    "UNKNOWN",
]
