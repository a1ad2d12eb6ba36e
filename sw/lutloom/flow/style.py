r"""How a kind of design is synthesised: what stays apart, what becomes one, what blocks it may use.

Selections are Yosys's, of modules: ``=*.gate`` is every module whose path ends in ``.gate``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from lutloom.flow.devices import FpgaFamily
from lutloom.flow.netlist import last_name
from lutloom.flow.results import PART_NAMES


@dataclass(frozen=True, slots=True)
class Style:
    """Describe a kind of design.

    Parameters
    ----------
    flattened : str
        Modules that become one each, whatever modules they are made of.
    mapped : str
        Modules of tables that go to the chip's LUT4s one to one; empty: none.
    synthesis : dict of {"ice40", "ecp5"} to str
        Yosys's command for everything else.
    registers : str
        Memories of few words that become flip-flops.
    part_of : callable
        The part a module counts for, by its path.
    parts : tuple of str
        Parts that are always named, in this order; others follow.
    memories : str
        Modules whose memory is never read before it is written, and never where it is written in
        the same clock; so neither first contents nor such a read need logic.
    unkept : str
        A register that starts at 1 and whose name is not kept on iCE40: Yosys 0.70 may give it two
        drivers.
    blocks : bool
        Whether block memories and multipliers are allowed.
    pads : bool
        Whether the design is a whole board's, with pads that are cells of the chip.
    placement : tuple of str
        What nextpnr is told of its algorithms.
    smaller, narrower : str
        The option that makes a design smaller, and the one that needs fewer pins.
    """

    flattened: str
    mapped: str
    synthesis: dict[FpgaFamily, str]
    part_of: Callable[[str], str]
    parts: tuple[str, ...] = ()
    registers: str = ""
    memories: str = ""
    unkept: str = ""
    blocks: bool = False
    pads: bool = False
    placement: tuple[str, ...] = ("--router", "router2")
    smaller: str = "widths"
    narrower: str = "pixels_per_beat"


def pipeline_part_of(module_name: str) -> str:
    """Tell which part of a network's design a module belongs to.

    Parameters
    ----------
    module_name : str
        As Yosys names it, e.g. ``lutloom_top.pipeline.layer1``.

    Returns
    -------
    str
        One of :data:`~lutloom.flow.results.PART_NAMES`.
    """
    name = last_name(module_name)
    if re.fullmatch(r"layer\d+", name):
        return "layers"
    if re.fullmatch(r"groups|group\d+", name):
        return "input"
    return name if name in ("vote", "argmax", "loader") else "other"


def is_layer(module_name: str) -> bool:
    """Tell whether a module is a layer of tables."""
    return pipeline_part_of(module_name) == "layers"


def attention_part_of(module_name: str) -> str:
    """Tell which part of an attention engine's design a module belongs to.

    Parameters
    ----------
    module_name : str
        As Yosys names it, e.g. ``lutloom_attention.engine.lanes.multiplier0``.

    Returns
    -------
    str
        The engine's own submodule, ``lanes``; ``engine`` for what is between these, ``ports`` for
        what is around the engine.
    """
    path = re.sub(r"\.engine\.engine\d+", ".engine", module_name).split(".")
    if len(path) < 2 or path[1] != "engine":
        return "ports"
    return path[2] if len(path) > 2 else "engine"


PIPELINE = Style(
    flattened="=*.gate =*.loader =*.vote =*.argmax",
    mapped="=*.layer*",  # they are tables already
    synthesis={
        "ice40": "synth_ice40 -noflatten -nobram",
        "ecp5": "synth_lattice -family ecp5 -noflatten -nowidelut -nobram -nolutram -nodsp",
    },
    part_of=pipeline_part_of,
    parts=PART_NAMES,
)
"""Pipelines of networks, with and without their loader."""

ATTENTION = Style(
    flattened="=*.gate =*.sequencer =*.scorer",
    mapped="",
    synthesis={
        "ice40": "synth_ice40 -noflatten -dsp -spram",
        "ecp5": "synth_lattice -family ecp5 -noflatten -nolutram",
    },
    part_of=attention_part_of,
    registers="=*.gate",
    memories="=*.rows =*.queries =*.memory =*.keys =*.value_rows",
    unkept="spare",
    blocks=True,
    smaller="lanes",
    narrower="features_per_beat",
)
"""Attention engines: multipliers and block memories, each in a module of its own."""


CLASS_GROUPS = replace(PIPELINE, placement=("--placer", "static", "--router", "router1"))
"""Pipelines of class groups on ECP5, whose ranks have places of their own.

Measured on one such design: this placer and this router give it 20 to 30 % more clock than
nextpnr's usual placer and router2.
"""


def board_part_of(module_name: str) -> str:
    """Tell which part of a board's design a module belongs to.

    Parameters
    ----------
    module_name : str
        As Yosys names it, e.g. ``lutloom_board.design.link``.

    Returns
    -------
    str
        A part of a pipeline, ``link``, ``frame_buffer`` or ``board`` for what is around the design.
    """
    for part in ("link", "frame_buffer"):
        if f".design.{part}" in module_name:
            return part
    part = pipeline_part_of(module_name)
    return "board" if part == "other" and ".classifier." not in module_name else part


BOARD = Style(
    flattened=f"{PIPELINE.flattened} =*.link =*.pad_*",
    mapped=PIPELINE.mapped,
    synthesis={
        "ice40": "synth_ice40 -noflatten",
        "ecp5": "synth_lattice -family ecp5 -noflatten -nowidelut -nolutram -nodsp",
    },
    part_of=board_part_of,
    parts=(*PART_NAMES, "link", "frame_buffer", "board"),
    registers="=*.gate",
    memories="=*.pixels",
    blocks=True,
    pads=True,
)
"""Whole boards: a pipeline with its loader between a serial link and pads."""


def attention_style(has_multipliers: bool) -> Style:
    """Give the style for a chip with multipliers or without.

    Parameters
    ----------
    has_multipliers : bool

    Returns
    -------
    Style
    """
    if has_multipliers:
        return ATTENTION
    return replace(ATTENTION, synthesis={**ATTENTION.synthesis, "ice40": "synth_ice40 -noflatten"})
