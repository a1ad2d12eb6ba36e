"""The whole way from a network to a bitstream: emit, synthesise, prove, place, route, pack.

Example
-------
>>> result = synthesise_and_route(network, "hx8k", seeds=(1, 2, 3), folder=Path("build/hx8k"))
>>> result.layers_proven, result.fmax_mhz
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lutloom import ir
from lutloom.emit import emit_rtlil
from lutloom.errors import InvalidRecipeError
from lutloom.flow.bitstream import sha256_of
from lutloom.flow.cell_proof import prove_cells
from lutloom.flow.devices import Device, find_device
from lutloom.flow.equivalence import prove_layers
from lutloom.flow.floorplan import write_floorplan
from lutloom.flow.induction import prove_parts
from lutloom.flow.manifest import write_manifest
from lutloom.flow.netlist import read_netlist
from lutloom.flow.place_route import (
    SEED_TIME_LIMIT_S,
    Placement,
    check_fit,
    place_and_route,
)
from lutloom.flow.results import PartProof, Seconds, SeedResult, TargetResult
from lutloom.flow.style import CLASS_GROUPS, PIPELINE
from lutloom.flow.synth import FLAT_JSON, NETLIST_JSON, RTL_JSON, Synthesis, synthesise
from lutloom.flow.tools import ToolIdentity, ToolName, identify
from lutloom.flow.wiring import prove_wiring
from lutloom_hw.class_groups import ClassGroups
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline


def prove(
    network: ir.Network,
    synthesis: Synthesis,
    *,
    class_groups: int = 0,
    parallel: int | None = None,
) -> tuple[PartProof, ...]:
    """Prove the netlist part by part: cells, layers, the other parts, the wires between.

    Together they say that the netlist does what the network says, for every input and for ever,
    as far as the RTL of the parts that are not tables is right; that is simulation's to show.

    Parameters
    ----------
    network : ir.Network
    synthesis : Synthesis
    class_groups : int
        As in the ``PipelineOptions`` of the emission.
    parallel : int or None
        Yosys runs at a time; None: one a processor.

    Returns
    -------
    tuple of PartProof
        Nothing is raised for a layer or part that is not proven; its entry says why.

    Raises
    ------
    MismatchError
        If the wires between parts differ, or the design is not of this network's shape.
    ToolError
        If a tool fails, or a cell's model differs from the vendor's.
    """
    folder = synthesis.folder
    cells = prove_cells(synthesis.family, folder)
    layers = prove_layers(network, synthesis, class_groups=class_groups, parallel=parallel)
    parts = prove_parts(synthesis, parallel=parallel)
    wiring = prove_wiring(read_netlist(folder / RTL_JSON), read_netlist(folder / NETLIST_JSON))
    return (*layers, *parts, wiring, cells)


def synthesise_and_route(
    network: ir.Network,
    device: str | Device,
    *,
    seeds: Sequence[int] = (1, 2, 3),
    folder: Path,
    options: PipelineOptions | None = None,
    parallel: int | None = None,
    seed_time_limit_s: float = SEED_TIME_LIMIT_S,
    on_step: Callable[[str], None] | None = None,
    on_seed: Callable[[SeedResult], None] | None = None,
) -> TargetResult:
    """Make a bitstream of a network and say everything about it.

    Parameters
    ----------
    network : ir.Network
    device : str or Device
        ``hx8k``, ``up5k``, ``25k``, ``45k`` or ``85k``.
    seeds : sequence of int
        nextpnr's; the clock is given as minimum and median over them.
    folder : Path
        Where everything is put, ``manifest.json`` included; made if missing.
    options : PipelineOptions or None
        None: the family's defaults.
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
        If there is no such device, the options are for another family, or the design does not fit.
    MissingExtraError, ToolError, MismatchError
        If a tool is missing or fails, or the netlist is not the network's.
    """
    chip = find_device(device) if isinstance(device, str) else device
    options = options or PipelineOptions(family=chip.family)
    if options.family not in (chip.family, "generic"):
        raise InvalidRecipeError(
            f"device {chip.name}: pipeline options must be for {chip.family}, "
            f"not {options.family}; choose another device or correct 'family'"
        )
    say = on_step or (lambda _: None)
    tools = tuple(identify(name) for name in tools_for(chip))
    say("synthesis")
    options = replace(options, family=chip.family)
    rtlil = emit_rtlil(network, options, "top")
    groups = Pipeline(network, options).stages.get("groups")
    fast = groups if chip.family == "ecp5" and isinstance(groups, ClassGroups) else None
    style = CLASS_GROUPS if fast else PIPELINE
    synthesis = synthesise(rtlil, chip.family, folder, style=style)
    check_fit(synthesis, chip)
    if fast and network.layers:
        write_floorplan(fast, chip, folder / FLAT_JSON, synthesis.top)
    say("proof")
    proofs = prove(network, synthesis, class_groups=options.class_groups, parallel=parallel)
    say("placement and routing")
    placement = place_and_route(
        synthesis, chip, seeds, parallel=parallel, time_limit_s=seed_time_limit_s, on_seed=on_seed
    )
    write_manifest(ir.network_digest(network), synthesis, chip, placement, tools)
    return sum_up(chip, synthesis, proofs, placement, tools)


def tools_for(device: Device) -> tuple[ToolName, ...]:
    """Name the tools that bring a design to a chip.

    Parameters
    ----------
    device : Device

    Returns
    -------
    tuple of ToolName
    """
    if device.family == "ice40":
        return "yosys", device.place_and_route, "icepack", "iceunpack"
    return "yosys", device.place_and_route, "ecppack", "ecpunpack"


def sum_up(
    device: Device,
    synthesis: Synthesis,
    proofs: tuple[PartProof, ...],
    placement: Placement,
    tools: tuple[ToolIdentity, ...],
    *,
    pins_constrained: bool = False,
) -> TargetResult:
    """Put together what was found.

    Parameters
    ----------
    device : Device
    synthesis : Synthesis
    proofs : tuple of PartProof
    placement : Placement
    tools : tuple of ToolIdentity
    pins_constrained : bool
        Whether the pins are a board's.

    Returns
    -------
    TargetResult
    """
    total = synthesis.resources
    return TargetResult(
        device=device.name,
        title=device.title,
        lut4=total.lut4,
        lut4_by_part={part: used.lut4 for part, used in synthesis.by_part.items()},
        ff=total.ff,
        ff_by_part={part: used.ff for part, used in synthesis.by_part.items()},
        carry=total.carry,
        bram=total.bram,
        dsp=total.dsp,
        spram=total.spram,
        routed=placement.best_seed is not None,
        fmax_mhz=placement.fmax,
        seed=placement.best_seed,
        bitstream_sha256=sha256_of(placement.bitstream) if placement.bitstream else None,
        bitstream_unpacked=placement.bitstream_unpacked,
        netlist_sha256=sha256_of(synthesis.folder / FLAT_JSON),
        proofs=proofs,
        seeds=placement.seeds,
        pins_constrained=pins_constrained,
        seconds=Seconds(
            synthesis=round(synthesis.cpu_s, 1),
            proof=round(sum(proof.cpu_s for proof in proofs), 1),
            place_and_route=placement.cpu_s,
        ),
        tools=tools,
    )
