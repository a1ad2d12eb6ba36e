"""What a simulation of an attention engine says in the end, ready for JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

AttentionExecutor = Literal["amaranth", "cocotb", "bulk"]


class AttentionSimulation(msgspec.Struct, frozen=True, kw_only=True):
    """Count the integers of a simulated engine that differ from the model's.

    Members
    -------
    engine : ``amaranth``: Amaranth's simulator; Verilator: ``cocotb``, or ``bulk`` as a library
    design : ``amaranth``, ``verilog`` or ``netlist``
    sequences, positions, heads : of the batch
    query_rows : queries attended for
    compared, differing : integers of answers
    first_differing : ``sequence 0, head 1, position 2``, or empty
    marks_differing : words whose head or end of run is not as it must be
    cycles : clocks from the end of reset to the last answer
    stall_probability, seed : of the stalls
    seconds, build_seconds : wall time
    build_cached : whether it was built before
    tests : the bench's tests that passed
    """

    engine: AttentionExecutor
    design: Literal["amaranth", "verilog", "netlist"]
    sequences: int
    positions: int
    heads: int
    query_rows: int
    compared: int
    differing: int
    first_differing: str
    marks_differing: int
    cycles: int
    stall_probability: float
    seed: int
    seconds: float
    build_seconds: float
    build_cached: bool
    tests: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.differing and not self.marks_differing
