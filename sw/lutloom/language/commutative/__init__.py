"""Commutative attention: sets of (role, filler) slots, and answers that no order can change.

Roles stand where positions would.  :class:`SetTransformer` is trained in floats;
:class:`IntegerSetTransformer` is the same model in integers, whose outputs are identical, bit for
bit, for every order of the slots, every padding and every batch.
"""

from lutloom.language.commutative.attention import attend, attention_error_bound
from lutloom.language.commutative.integer_model import IntegerOutput, IntegerSetTransformer
from lutloom.language.commutative.model import SetOutput, SetTransformer, SetTransformerConfig
from lutloom.language.commutative.questions import (
    QuestionPlan,
    accuracy,
    mask_each_slot,
    straight_through,
    train_questions,
)
from lutloom.language.commutative.role_embedding import RoleEmbedding
from lutloom.language.commutative.slot_batch import SlotBatch, pack_sets

__all__ = [
    "SlotBatch",
    "pack_sets",
    "RoleEmbedding",
    "attend",
    "attention_error_bound",
    "SetTransformerConfig",
    "SetTransformer",
    "SetOutput",
    "IntegerSetTransformer",
    "IntegerOutput",
    "QuestionPlan",
    "train_questions",
    "mask_each_slot",
    "accuracy",
    "straight_through",
]
