"""What the commands about boards do, apart from printing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lutloom.boards.build import TestImages, build_bitstream
from lutloom.boards.manifest import BoardManifest
from lutloom.cli.console import Advance, ResultError
from lutloom.cli.hardware import pipeline_options
from lutloom.cli.workspace import Workspace
from lutloom.flow import SeedResult, find_device
from lutloom_hw.board.boards import find_board

_STEPS = 5


def build_for_board(
    space: Workspace, board_name: str, *, seeds: int | None, output: Path, watch: Advance
) -> BoardManifest:
    """Build a bitstream of a folder's network.

    Parameters
    ----------
    space : Workspace
    board_name : str
    seeds : int or None
        In place of the recipe's.
    output : Path
        Gets the files to keep.
    watch : callable

    Returns
    -------
    BoardManifest
    """
    board = find_board(board_name)
    family = find_device(board.device).family
    options = replace(pipeline_options(space.recipe.hardware), family=family)
    data = space.load_data()
    n_seeds = seeds or space.recipe.hardware.seeds
    total, done = n_seeds + _STEPS, 0

    def on_step(what: str) -> None:
        nonlocal done
        watch(done, total, what)
        done += 1

    def on_seed(found: SeedResult) -> None:
        on_step(f"seed {found.seed}: {found.fmax_mhz or found.reason}")

    manifest = build_bitstream(
        space.need(space.network, "lower"), board, model=space.name,
        folder=space.folder / f"board-{board.name}", output=output, options=options,
        seeds=tuple(range(1, n_seeds + 1)),
        tests=TestImages(data.name, data.test_images, data.test_labels),
        on_step=on_step, on_seed=on_seed,
    )  # fmt: skip
    watch(total, total)
    return manifest


def require_ladder(manifest: BoardManifest) -> None:
    """Raise if a rung failed.

    Raises
    ------
    ResultError
        Naming the rungs.
    """
    faults = [
        f"{name}: {found.evidence}"
        for name, found in manifest.ladder.items()
        if found.state == "failed"
    ]
    if faults:
        raise ResultError(
            f"bitstream: it must be the network's, but {'; '.join(faults)}; report this as a bug "
            "of Lutloom"
        )
