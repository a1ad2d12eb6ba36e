"""The whole way from a layer of attention to a bitstream, by the steps that networks take.

Example
-------
>>> result = synthesise_attention(layer, "25k", options=options, folder=folder)   # doctest: +SKIP
>>> result.lut4, result.dsp, result.fmax_mhz                         # doctest: +SKIP
>>> verilog = attention_netlist(folder, "25k")                       # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lutloom.attention.binary import BinaryAttention
from lutloom.attention.config import IntegerAttention
from lutloom.attention.digest import attention_digest
from lutloom.emit import ATTENTION_TOP, emit_attention_rtlil
from lutloom.flow.blocks import block_models
from lutloom.flow.cell_proof import prove_cells
from lutloom.flow.cells import cell_models
from lutloom.flow.devices import Device, find_device
from lutloom.flow.induction import prove_parts
from lutloom.flow.manifest import write_manifest
from lutloom.flow.netlist import read_netlist
from lutloom.flow.place_route import SEED_TIME_LIMIT_S, check_fit, place_and_route
from lutloom.flow.results import PartProof, SeedResult, TargetResult
from lutloom.flow.style import attention_style
from lutloom.flow.synth import (
    NETLIST_JSON,
    NETLIST_VERILOG,
    RTL_JSON,
    Synthesis,
    synthesise,
)
from lutloom.flow.target import sum_up, tools_for
from lutloom.flow.tools import identify
from lutloom.flow.wiring import prove_wiring
from lutloom_hw.attention_options import AttentionOptions

PART_TIME_LIMIT_S = 60.0
"""Wall time SAT gets for one part; all but multipliers made of LUTs need some seconds."""


def synthesise_attention(
    layer: IntegerAttention | BinaryAttention,
    device: str | Device,
    *,
    options: AttentionOptions,
    folder: Path,
    seeds: Sequence[int] = (1, 2, 3),
    parallel: int | None = None,
    seed_time_limit_s: float = SEED_TIME_LIMIT_S,
    on_step: Callable[[str], None] | None = None,
    on_seed: Callable[[SeedResult], None] | None = None,
) -> TargetResult:
    """Make a bitstream of a layer of attention and say everything about it.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    device : str or Device
        ``hx8k``, ``up5k``, ``25k``, ``45k`` or ``85k``.
    options : AttentionOptions
    folder : Path
        Where everything is put, ``manifest.json`` included; made if missing.
    seeds : sequence of int
        nextpnr's.
    parallel : int or None
        Tools at a time; None: one a processor.
    seed_time_limit_s : float
        Wall time after which a seed counts as not routed.
    on_step, on_seed : callable or None
        Told what begins, and of each seed as it ends.

    Returns
    -------
    TargetResult

    Raises
    ------
    InvalidRecipeError
        If there is no such device, the options do not fit the layer, or the design the device.
    MissingExtraError, ToolError, MismatchError
        If a tool is missing or fails, or the netlist's wires are not the RTL's.
    """
    chip = find_device(device) if isinstance(device, str) else device
    say = on_step or (lambda _: None)
    tools = tuple(identify(name) for name in tools_for(chip))
    say("synthesis")
    synthesis = synthesise(
        emit_attention_rtlil(layer, options), chip.family, folder,
        top=ATTENTION_TOP, style=attention_style(chip.dsp > 0),
    )  # fmt: skip
    check_fit(synthesis, chip)
    say("proof")
    proofs = prove_attention(synthesis, parallel=parallel)
    say("placement and routing")
    placement = place_and_route(
        synthesis, chip, seeds, parallel=parallel, time_limit_s=seed_time_limit_s, on_seed=on_seed
    )
    write_manifest(attention_digest(layer), synthesis, chip, placement, tools)
    return sum_up(chip, synthesis, proofs, placement, tools)


def prove_attention(synthesis: Synthesis, *, parallel: int | None = None) -> tuple[PartProof, ...]:
    """Prove what SAT reaches of an attention engine's netlist: all but memories and multipliers.

    Parameters
    ----------
    synthesis : Synthesis
    parallel : int or None
        Yosys runs at a time; None: one a processor.

    Returns
    -------
    tuple of PartProof
        Parts with a memory or a multiplier are in it as not proven, as are those on which SAT
        takes longer than :data:`PART_TIME_LIMIT_S`.

    Raises
    ------
    MismatchError
        If the wires between parts differ.
    ToolError
        If a tool fails, or a cell's model differs from the vendor's.
    """
    folder = synthesis.folder
    parts = prove_parts(synthesis, parallel=parallel, time_limit_s=PART_TIME_LIMIT_S)
    wiring = prove_wiring(read_netlist(folder / RTL_JSON), read_netlist(folder / NETLIST_JSON))
    return (*parts, wiring, prove_cells(synthesis.family, folder))


def attention_netlist(folder: Path, device: str | Device) -> str:
    """Give the netlist that is placed and routed, and the cells it is made of, as Verilog.

    Parameters
    ----------
    folder : Path
        That of :func:`synthesise_attention`.
    device : str or Device

    Returns
    -------
    str
        With the module ``lutloom_attention`` and the ports of the emitted one.
    """
    family = (find_device(device) if isinstance(device, str) else device).family
    netlist = (folder / NETLIST_VERILOG).read_text()
    return "\n".join([cell_models(family), block_models(family), netlist])
