"""Lowering: from what was learnt to the smallest network of tables with the same answers.

:func:`lower` runs the passes of this package to a fixed point and checks every step; each pass is
a pure function ``Network -> Network`` in a module of its own name.
:mod:`lutloom.lower.eliminate_layers` goes further and may change answers, by as much as allowed.
"""

from lutloom.lower.pipeline import LoweringResult, PassRecord, lower

__all__ = ["LoweringResult", "PassRecord", "lower"]
