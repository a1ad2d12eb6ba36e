"""The learning rule: error x previous input x learning rate, the same for every layer at once.

``output_error`` makes the error of each output, ``gather_drive`` sorts it by what the previous
input selected, ``move_counters`` and ``move_weights`` apply it.  None of them reads a derivative,
another layer's weights or a random feedback matrix.
"""

from lutloom.rules.drive import gather_drive, read_addresses
from lutloom.rules.output_error import output_error
from lutloom.rules.updates import move_counters, move_weights

__all__ = ["gather_drive", "move_counters", "move_weights", "output_error", "read_addresses"]
