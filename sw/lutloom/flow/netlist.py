"""Read what Yosys writes as JSON: modules, cells, and which wire goes where.

Bits are Yosys's: a number names a wire of one module, ``"0"``, ``"1"`` and ``"x"`` are constants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from lutloom.errors import InvalidFileError

Bit = int | str


class Port(msgspec.Struct, frozen=True):
    """Hold one port of a module; bit 0 first."""

    direction: Literal["input", "output", "inout"]
    bits: tuple[Bit, ...]


class Cell(msgspec.Struct, frozen=True):
    """Hold one cell: a primitive, or an instance of another module."""

    type: str
    connections: dict[str, tuple[Bit, ...]]
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    port_directions: dict[str, str] = msgspec.field(default_factory=dict)


class Netname(msgspec.Struct, frozen=True):
    """Hold the bits a name stands for; bit 0 first."""

    bits: tuple[Bit, ...]


class Module(msgspec.Struct, frozen=True, dict=True):
    """Hold one module."""

    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    ports: dict[str, Port] = msgspec.field(default_factory=dict)
    cells: dict[str, Cell] = msgspec.field(default_factory=dict)
    netnames: dict[str, Netname] = msgspec.field(default_factory=dict)

    @cached_property
    def port_bits(self) -> dict[Bit, tuple[str, int]]:
        """Which port, and which bit of it, each wire is."""
        return {
            bit: (name, index)
            for name, port in self.ports.items()
            for index, bit in enumerate(port.bits)
        }

    @property
    def is_library(self) -> bool:
        """Whether the module only stands for a cell of the chip."""
        return "blackbox" in self.attributes or "whitebox" in self.attributes

    def pins(self) -> int:
        """Count the bits of all ports."""
        return sum(len(port.bits) for port in self.ports.values())


class Netlist(msgspec.Struct, frozen=True):
    """Hold a design.

    Members
    -------
    modules : by Yosys's name, which is the path from the top module with dots between
    """

    modules: dict[str, Module]

    def own_modules(self) -> Iterator[tuple[str, Module]]:
        """Go through the modules of the design itself, in the file's order."""
        for name, module in self.modules.items():
            if not module.is_library:
                yield name, module

    def is_part(self, cell: Cell) -> bool:
        """Tell an instance of another module of the design from a primitive."""
        module = self.modules.get(cell.type)
        return module is not None and not module.is_library

    def primitives(self, module: Module) -> Counter[str]:
        """Count a module's own cells by type, instances of other modules left out."""
        return Counter(cell.type for cell in module.cells.values() if not self.is_part(cell))


def last_name(module_name: str) -> str:
    """Give the last word of a module's path: ``layer1`` for ``lutloom_top.pipeline.layer1``."""
    return module_name.rpartition(".")[2]


def read_netlist(path: Path) -> Netlist:
    """Read a file that Yosys's ``write_json`` made.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Netlist

    Raises
    ------
    InvalidFileError
        If it is missing or something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Netlist)
    except OSError as error:
        raise InvalidFileError(
            f"{path}: must be readable, not {error.strerror}; synthesise again"
        ) from None
    except msgspec.DecodeError as error:
        raise InvalidFileError(
            f"{path}: must be a netlist as Yosys writes it ({error}); synthesise again"
        ) from None
