"""Attention in integers: the specification of the engine, with a model of it in numpy.

No torch: a trained model's queries, keys and values come in as numpy arrays.
"""

from lutloom.attention.calibrate import CalibratedAttention
from lutloom.attention.config import AttentionConfig, IntegerAttention
from lutloom.attention.error_bound import ErrorBound, bound_error, measure_error
from lutloom.attention.integer import attend, divide, seen_keys

__all__ = [
    "AttentionConfig",
    "CalibratedAttention",
    "ErrorBound",
    "IntegerAttention",
    "attend",
    "bound_error",
    "divide",
    "measure_error",
    "seen_keys",
]
