"""Remove whole blocks of a transformer, those whose loss costs least, without training.

:func:`eliminate` is SLEB's greedy search, :func:`refine` swaps what it chose while that helps,
:mod:`~lutloom.language.block_elimination.rivals` holds what both are compared with, and
:func:`without_blocks` makes the shorter model.
"""

from lutloom.language.block_elimination.apply import without_blocks
from lutloom.language.block_elimination.calibration import Calibration, Effort, draw_windows
from lutloom.language.block_elimination.choice import Choice, Method, choose_blocks
from lutloom.language.block_elimination.rivals import (
    block_influence,
    eliminate_last,
    eliminate_least_influential,
    eliminate_one_shot,
    one_shot_losses,
)
from lutloom.language.block_elimination.search import Elimination, eliminate
from lutloom.language.block_elimination.swap import Refinement, Swap, refine

__all__ = [
    "Calibration",
    "Choice",
    "Effort",
    "Elimination",
    "Method",
    "Refinement",
    "Swap",
    "block_influence",
    "choose_blocks",
    "draw_windows",
    "eliminate",
    "eliminate_last",
    "eliminate_least_influential",
    "eliminate_one_shot",
    "one_shot_losses",
    "refine",
    "without_blocks",
]
