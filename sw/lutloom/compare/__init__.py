"""Compare every executor of one network, image by image, and climb the verification ladder.

``compare`` runs what can run here; ``Comparison`` is what it found, ready for JSON.
"""

from lutloom.compare.comparison import compare
from lutloom.compare.results import Comparison, ExecutorResult, Throughput, TradeOff, WrongAnswer

__all__ = ["Comparison", "ExecutorResult", "Throughput", "TradeOff", "WrongAnswer", "compare"]
