"""Lowering: from what was learnt to the smallest network of tables with the same answers.

:func:`lower` runs the passes of this package to a fixed point and checks every step; each pass is
a pure function ``Network -> Network`` in a module of its own name.
"""

from lutloom.lower.pipeline import LoweringResult, PassRecord, lower

__all__ = ["LoweringResult", "PassRecord", "lower"]
