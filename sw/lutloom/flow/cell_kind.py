"""What is known of a type of cell that a netlist may hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from lutloom.flow.results import Resources


@dataclass(frozen=True, slots=True)
class CellKind:
    """Say what is known of one type of cell."""

    inputs: str
    """Names of the input pins, parted by spaces."""
    outputs: str
    cost: Resources
    table: str = ""
    """The parameter that is a truth table of four inputs, if there is one."""
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Allowed values of every other parameter, the default first."""
    optional: str = ""
    """Inputs that may stay open."""
    contents: str = ""
    """What names of parameters begin with that hold a memory's first contents."""
    constant: dict[str, str] = field(default_factory=dict)
    """Inputs every bit of which must have this constant value, ``0`` or ``1``."""
