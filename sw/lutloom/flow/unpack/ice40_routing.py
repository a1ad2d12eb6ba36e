"""Which wire of an iCE40 leads where: the routing switches of a configuration, read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError, ToolError
from lutloom.flow.unpack.ice40_chip import Ice40Chip
from lutloom.flow.unpack.ice40_text import Ice40Configuration

NOWHERE = -1
"""The source of a wire that nothing leads to."""

_STEPS_MAX = 64


def read_switches(chip: Ice40Chip, configuration: Ice40Configuration) -> NDArray[np.int32]:
    """Find the wire that leads to each wire.

    Parameters
    ----------
    chip : Ice40Chip
    configuration : Ice40Configuration
        Of this chip.

    Returns
    -------
    int32[n_wires]
        :data:`NOWHERE` where no switch is set.

    Raises
    ------
    InvalidFileError
        If the configuration has another size.
    ToolError
        If a switch is set to what the database does not know, or two lead to one wire.
    """
    if configuration.bits.shape[:2] != (chip.height, chip.width):
        raise InvalidFileError(
            f"configuration: must have {chip.width} x {chip.height} tiles, not "
            f"{configuration.bits.shape[1]} x {configuration.bits.shape[0]}; unpack it again"
        )
    y, x, row, column = np.moveaxis(chip.switch_bits, 2, 0)
    place = np.arange(chip.switch_bits.shape[1])
    weight = np.where(
        place < chip.switch_size[:, None], 1 << (chip.switch_size[:, None] - 1 - place).clip(0), 0
    )
    setting = (configuration.bits[y, x, row, column] * weight).sum(axis=1)
    leads = setting[chip.switch] == chip.value
    known = np.zeros(len(setting), dtype=np.bool_)
    known[chip.switch[leads]] = True
    routing = np.zeros(len(setting), dtype=np.bool_)
    routing[chip.switch] = True
    strange = np.flatnonzero(routing & ~known & (setting != 0))
    if strange.size:
        first = int(strange[0])
        raise ToolError(
            f"bitstream, tile {x[first, 0]} {y[first, 0]}: every routing switch must have a "
            f"setting the database knows, not {int(setting[first]):b} in "
            f"{_bits(row[first], column[first], int(chip.switch_size[first]))}; "
            "the bitstream is damaged or of another chip"
        )
    source = np.full(chip.n_wires, NOWHERE, dtype=np.int32)
    source[chip.target[leads]] = chip.source[leads]
    driven = np.bincount(chip.target[leads], minlength=chip.n_wires)
    if driven.max(initial=0) > 1:
        raise ToolError(
            f"bitstream, {wire_name(chip, int(driven.argmax()))}: only one switch may lead to a "
            f"wire, not {int(driven.max())}; the bitstream is damaged"
        )
    return source


def follow(chip: Ice40Chip, source: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the wire from which each wire's signal comes in the end.

    Parameters
    ----------
    chip : Ice40Chip
    source : int32[n_wires]
        From :func:`read_switches`.

    Returns
    -------
    int32[n_wires]
        A wire that nothing leads to is its own origin.

    Raises
    ------
    ToolError
        If wires lead round in a loop.
    """
    origin = np.where(source == NOWHERE, np.arange(len(source), dtype=np.int32), source)
    for _ in range(_STEPS_MAX):
        further = origin[origin]
        if np.array_equal(further, origin):
            return origin
        origin = further
    looped = int(np.flatnonzero(origin[origin] != origin)[0])
    raise ToolError(
        f"bitstream, {wire_name(chip, looped)}: wires must not lead round in a loop; "
        "the bitstream is damaged"
    )


def wire_name(chip: Ice40Chip, wire: int) -> str:
    """Name a wire for a message: its tile and name, where the database keeps one."""
    for (x, y, name), number in chip.wires.items():
        if number == wire:
            return f"wire {x} {y} {name}"
    return f"wire {wire}"


def _bits(rows: NDArray[np.int32], columns: NDArray[np.int32], size: int) -> str:
    def names() -> Iterator[str]:
        for row, column in zip(rows[:size].tolist(), columns[:size].tolist(), strict=True):
            yield f"B{row}[{column}]"

    return " ".join(names())
