"""Attention in integers: the specification of the engine, with a model of it in numpy.

No torch: a trained model's queries, keys and values come in as numpy arrays.
"""

from lutloom.attention.config import AttentionConfig, IntegerAttention
from lutloom.attention.integer import attend, divide, seen_keys

__all__ = ["AttentionConfig", "IntegerAttention", "attend", "divide", "seen_keys"]
