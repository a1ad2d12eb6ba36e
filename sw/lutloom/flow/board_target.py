"""The whole way from a network to a board's bitstream, by the steps that other designs take.

Example
-------
>>> result = synthesise_board(network, find_board("hx8k"), folder=folder)   # doctest: +SKIP
>>> result.bitstream_sha256, result.fmax_mhz                         # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lutloom import ir
from lutloom.emit import BOARD_TOP, emit_board
from lutloom.files.atomic import write_text
from lutloom.flow.devices import find_device
from lutloom.flow.manifest import write_manifest
from lutloom.flow.place_route import SEED_TIME_LIMIT_S, check_fit, place_and_route
from lutloom.flow.results import PartProof, SeedResult, TargetResult
from lutloom.flow.style import BOARD
from lutloom.flow.synth import synthesise
from lutloom.flow.target import prove, sum_up, tools_for
from lutloom.flow.tools import identify
from lutloom_hw.board.boards import BoardKind
from lutloom_hw.options import PipelineOptions

CONSTRAINTS = {"ice40": "pins.pcf", "ecp5": "pins.lpf"}
"""Pins and clocks beside the netlist, by family."""


def synthesise_board(
    network: ir.Network,
    board: BoardKind,
    *,
    folder: Path,
    options: PipelineOptions | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    parallel: int | None = None,
    seed_time_limit_s: float = SEED_TIME_LIMIT_S,
    proves: bool = True,
    on_step: Callable[[str], None] | None = None,
    on_seed: Callable[[SeedResult], None] | None = None,
) -> TargetResult:
    """Make a board's bitstream of a network and say everything about it.

    Parameters
    ----------
    network : ir.Network
    board : BoardKind
    folder : Path
        Where everything is put, ``manifest.json`` included; made if missing.
    options : PipelineOptions or None
        None: the family's defaults.
    seeds : sequence of int
        nextpnr's.
    parallel : int or None
        Tools at a time; None: one a processor.
    seed_time_limit_s : float
        Wall time after which a seed counts as not routed.
    proves : bool
        Whether the netlist is proven, which changes nothing of it.
    on_step, on_seed : callable or None
        Told what begins, and of each seed as it ends.

    Returns
    -------
    TargetResult

    Raises
    ------
    InvalidRecipeError
        If the design does not fit the board's chip.
    MissingExtraError, ToolError, MismatchError
        If a tool is missing or fails, or the netlist is not the network's.
    """
    chip = find_device(board.device)
    options = options or PipelineOptions(family=chip.family)
    say = on_step or (lambda _: None)
    tools = tuple(identify(name) for name in tools_for(chip))
    say("synthesis")
    sources = emit_board(network, board, options)
    synthesis = synthesise(sources.rtlil, chip.family, folder, top=BOARD_TOP, style=BOARD)
    check_fit(synthesis, chip)
    constraints = CONSTRAINTS[chip.family]
    write_text(folder / constraints, sources.constraints)
    proofs: tuple[PartProof, ...] = ()
    if proves:
        say("proof")
        proofs = prove(network, synthesis, class_groups=options.class_groups, parallel=parallel)
    say("placement and routing")
    digest = ir.network_digest(network)
    placement = place_and_route(
        synthesis, chip, seeds, parallel=parallel, time_limit_s=seed_time_limit_s,
        constraints=constraints, user_code=int(digest[:8], 16), on_seed=on_seed,
    )  # fmt: skip
    write_manifest(digest, synthesis, chip, placement, tools, constraints=constraints)
    return sum_up(chip, synthesis, proofs, placement, tools, pins_constrained=True)
