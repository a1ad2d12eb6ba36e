"""From a network to a folder that can be flashed: bitstream, manifest and what made them.

Example
-------
>>> manifest = build_bitstream(network, find_board("hx8k"), folder=folder, ...)  # doctest: +SKIP
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutloom import ir
from lutloom.boards.manifest import (
    BITSTREAM,
    MANIFEST,
    NETWORK,
    Accuracy,
    BoardManifest,
    store_options,
)
from lutloom.compare.ladder import NOT_RUN, Rung, rung
from lutloom.errors import InvalidRecipeError
from lutloom.files.atomic import write_json
from lutloom.files.network_onnx import read_network, write_network
from lutloom.files.onnxruntime_session import classify_onnxruntime
from lutloom.flow.bitstream import sha256_of
from lutloom.flow.board_target import synthesise_board
from lutloom.flow.devices import find_device
from lutloom.flow.manifest import Manifest
from lutloom.flow.results import Resources, SeedResult, TargetResult
from lutloom.schema import read_json
from lutloom_hw.board.boards import BoardKind
from lutloom_hw.board.protocol import BAUD
from lutloom_hw.options import PipelineOptions
from lutloom_hw.top import Top
from lutloom_sim.simulate import simulate


@dataclass(frozen=True, slots=True, eq=False)
class TestImages:
    """Hold the images every executor of a network is compared on.

    Parameters
    ----------
    data : str
        What the data set is called.
    images : uint8[n, height, width]
    labels : int64[n]
    """

    __test__ = False

    data: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def build_bitstream(
    network_path: Path,
    board: BoardKind,
    *,
    model: str,
    folder: Path,
    output: Path,
    options: PipelineOptions | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    tests: TestImages | None = None,
    on_step: Callable[[str], None] | None = None,
    on_seed: Callable[[SeedResult], None] | None = None,
) -> BoardManifest:
    """Build a board's bitstream, compare its executors on test images, and write its folder.

    Parameters
    ----------
    network_path : Path
        ``network.onnx``.
    board : BoardKind
    model : str
        What the network is called.
    folder : Path
        For everything the tools make.
    output : Path
        Gets the bitstream, ``network.onnx`` and ``manifest.json``.
    options : PipelineOptions or None
        None: the family's defaults.
    seeds : sequence of int
        nextpnr's.
    tests : TestImages or None
        None: rungs that need images are not run.
    on_step, on_seed : callable or None
        Told what begins, and of each seed as it ends.

    Returns
    -------
    BoardManifest

    Raises
    ------
    InvalidFileError
        If the network cannot be read.
    InvalidRecipeError
        If the design does not fit the board's chip, or no seed routes.
    MissingExtraError, ToolError, MismatchError
        If a tool is missing or fails, or the netlist is not the network's.
    """
    say = on_step or (lambda _: None)
    network = read_network(network_path)
    family = find_device(board.device).family
    options = replace(options or PipelineOptions(family=family), pixels_per_beat=1)
    result = synthesise_board(
        network, board, folder=folder, options=options, seeds=seeds,
        on_step=on_step, on_seed=on_seed,
    )  # fmt: skip
    if result.fmax_mhz is None or result.seed is None:
        raise InvalidRecipeError(
            f"board {board.name}: at least one seed must route, but none did "
            f"({'; '.join(seed.reason for seed in result.seeds)}); lower 'widths' or try more "
            "--seeds"
        )
    ladder = {"L0": Rung(state="passed", evidence="network.onnx, verified as it was read")}
    ladder |= _compare(network_path, network, options, tests, say)
    ladder |= {"L4": _proof_rung(result), "L5": _bitstream_rung(result), "L6": NOT_RUN}
    manifest = _manifest(network, board, model, options, result, tests, folder, ladder)
    output.mkdir(parents=True, exist_ok=True)
    write_network(network, output / NETWORK)
    bitstream = BITSTREAM[family]
    shutil.copyfile(folder / bitstream, output / bitstream)
    manifest.inputs[NETWORK] = sha256_of(output / NETWORK)
    write_json(output / MANIFEST, manifest)
    return manifest


def _compare(
    path: Path,
    network: ir.Network,
    options: PipelineOptions,
    tests: TestImages | None,
    say: Callable[[str], None],
) -> dict[str, Rung]:
    if tests is None:
        return {"L1": NOT_RUN, "L3": NOT_RUN}
    say("ONNX Runtime")
    expected = ir.classify(network, tests.images)
    differ = int((classify_onnxruntime(path, tests.images) != expected).sum())
    n = len(expected)
    say("Verilog, pixels in")
    verilog = simulate(network, tests.images, expected, engine="bulk", top="top", options=options)
    return {
        "L1": rung([differ == 0], f"ONNX Runtime against IR: {differ} of {n:,} images differ"),
        "L3": rung(
            [verilog.mismatches == 0],
            f"classifier, pixels in, against IR: {verilog.mismatches} of {n:,} images differ",
        ),
    }


def _proof_rung(result: TargetResult) -> Rung:
    """Pass if all that can be proven is: memories and pads are left out, and said so."""
    proven = [proof for proof in result.proofs if proof.proven]
    apart = [proof.part for proof in result.proofs if not proof.proven and _is_apart(proof.reason)]
    faults = [
        f"{proof.part}: {proof.reason}"
        for proof in result.proofs
        if not proof.proven and not _is_apart(proof.reason)
    ]
    bits = sum(proof.outputs for proof in proven)
    return rung(
        [not faults],
        "; ".join(faults) or f"{len(proven)} parts, {bits:,} bits; not proven: {', '.join(apart)}",
    )


def _is_apart(reason: str) -> bool:
    return reason.startswith(("holds a memory", "are pads"))


def _bitstream_rung(result: TargetResult) -> Rung:
    """Say what is known; the netlist it configures is not simulated, so the rung is not reached."""
    if not result.bitstream_unpacked:
        return Rung(state="failed", evidence="unpacked, it is not what place and route wrote")
    return Rung(
        state="not run",
        evidence=f"seed {result.seed}: unpacked, it is what place and route wrote; not simulated",
    )


def _manifest(
    network: ir.Network,
    board: BoardKind,
    model: str,
    options: PipelineOptions,
    result: TargetResult,
    tests: TestImages | None,
    folder: Path,
    ladder: dict[str, Rung],
) -> BoardManifest:
    made = read_json(folder / "manifest.json", Manifest)
    assert result.fmax_mhz is not None
    assert result.seed is not None
    return BoardManifest(
        board=board.name,
        device=result.device,
        title=result.title,
        design="classifier",
        model=model,
        network=ir.network_digest(network),
        clock_hz=board.clock_hz,
        baud=BAUD,
        options=store_options(options),
        seed=result.seed,
        fmax_mhz=result.fmax_mhz,
        latency_cycles=Top(network, options).latency_cycles,
        resources=Resources(
            lut4=result.lut4, ff=result.ff, carry=result.carry, bram=result.bram,
            dsp=result.dsp, spram=result.spram,
        ),
        resources_by_part={
            part: Resources(lut4=lut4, ff=result.ff_by_part[part])
            for part, lut4 in result.lut4_by_part.items()
        },
        accuracy=_accuracy(network, tests),
        inputs=dict(made.inputs),
        products=made.products,
        script=made.script,
        arguments=made.arguments,
        proofs=result.proofs,
        ladder=ladder,
        tools=made.tools,
    )  # fmt: skip


def _accuracy(network: ir.Network, tests: TestImages | None) -> Accuracy | None:
    if tests is None:
        return None
    right = int((ir.classify(network, tests.images) == tests.labels).sum())
    return Accuracy(data=tests.data, right=right, images=len(tests.images))
