"""Lowering: from what was learnt to the smallest network of tables with the same answers.

:func:`lower` runs the passes of this package to a fixed point and checks every step; each pass is
a pure function ``Network -> Network`` in a module of its own name.  :func:`eliminate_layers` goes
further and may change answers, by as much as allowed.
"""

from lutloom.lower.eliminate_layers import EliminationResult, eliminate_layers
from lutloom.lower.pipeline import LoweringResult, PassRecord, lower

__all__ = [
    "EliminationResult",
    "LoweringResult",
    "PassRecord",
    "eliminate_layers",
    "lower",
]
