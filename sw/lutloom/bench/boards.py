"""The shipped bitstreams built again, a board's twin asked, and the fast clock measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lutloom import ir
from lutloom.boards.manifest import NETWORK, read_manifest
from lutloom.boards.verification import verify_bitstream
from lutloom.data import load
from lutloom.emit import emit_design
from lutloom.files.network_onnx import read_network
from lutloom.flow.devices import find_device
from lutloom.flow.synth import FLAT_JSON
from lutloom.flow.target import synthesise_and_route
from lutloom.host import Board, open_port
from lutloom.lower import lower
from lutloom.recipe import load_recipe
from lutloom.train import train
from lutloom_hw.board.boards import find_board
from lutloom_hw.options import PipelineOptions
from lutloom_hw.top import Top
from lutloom_sim.netlist_run import simulate_netlist
from lutloom_sim.twin import Twin

BITSTREAMS = Path("bitstreams")
TWIN = BITSTREAMS / "hx8k" / "hx8k_board"
TWIN_IMAGES = 1000
FAST = "fast25k"
_TWIN_TIMEOUT_S = 60.0


def measure(n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Verify every shipped bitstream, classify on the twin, place and route the fast clock.

    Parameters
    ----------
    n_seeds : int
        Of place and route, for the fast clock.
    say : callable

    Returns
    -------
    dict
    """
    return {
        "bitstreams": [_verify(path.parent, say) for path in sorted(BITSTREAMS.glob("*/*/*.json"))],
        "twin": _classify(TWIN, say),
        "fast_clock": _route(FAST, n_seeds, say),
    }


def _verify(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    manifest = read_manifest(folder)
    checks = verify_bitstream(folder)
    equal = sum(check.equal for check in checks)
    say(f"{folder}: {equal} of {len(checks)} files equal")
    accuracy = manifest.accuracy
    return {
        "board": manifest.board,
        "model": manifest.model,
        "chip": manifest.title,
        "accuracy": accuracy.right / accuracy.images if accuracy else None,
        "resources": manifest.resources,
        "fmax_mhz": manifest.fmax_mhz,
        "clock_hz": manifest.clock_hz,
        "latency_cycles": manifest.latency_cycles,
        "latency_ns": 1e9 * manifest.latency_cycles / manifest.clock_hz,
        "ladder": manifest.ladder,
        "files_built_again": len(checks),
        "files_equal": equal,
    }


def _classify(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Send test images through frames over a pseudo-terminal, and compare every answer."""
    manifest = read_manifest(folder)
    network, kind = read_network(folder / NETWORK), find_board(manifest.board)
    data = load("mnist")
    images, labels = data.test_images[:TWIN_IMAGES], data.test_labels[:TWIN_IMAGES]
    design = emit_design(network, kind, manifest.pipeline_options())
    with Twin(design, kind.clock_hz) as twin:
        port = open_port(twin.port_name)
        began_s = time.monotonic()
        found = list(Board(port, timeout_s=_TWIN_TIMEOUT_S).classify(images))
        seconds = time.monotonic() - began_s
        clocks = twin.clocks
        port.close()
    classes = np.array([answer.class_index for answer in found])
    differ = int((classes != ir.classify(network, images)).sum())
    say(f"twin: {differ} of {len(images)} differ, {len(images) / seconds:.1f} images/s")
    return {
        "bitstream": str(folder),
        "images": len(images),
        "differing": differ,
        "accuracy": float((classes == labels).mean()),
        "latency_cycles": sorted({answer.clocks for answer in found}),
        "seconds": seconds,
        "clocks_simulated": clocks,
    }


def _route(name: str, n_seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train, lower, prove, place, route and simulate the recipe of the fast clock."""
    recipe, data = load_recipe(name), load("mnist")
    network = lower(train(recipe, data).state, data.test_images).network
    hardware = recipe.hardware
    chip = replace(find_device(hardware.device), clock_target_hz=hardware.clock_mhz * 1_000_000)
    options = PipelineOptions(
        family=chip.family,
        class_groups=hardware.class_groups,
        pixels_per_beat=hardware.pixels_per_beat,
    )
    with TemporaryDirectory(prefix="lutloom-bench-") as folder:
        result = synthesise_and_route(
            network, chip, seeds=range(1, n_seeds + 1),
            folder=Path(folder), options=options,
            on_seed=lambda seed: say(f"{name}, seed {seed.seed}: {seed.fmax_mhz} MHz"),
        )  # fmt: skip
        simulated = simulate_netlist(
            Path(folder) / FLAT_JSON, network, data.test_images,
            labels=data.test_labels, pixels_per_beat=options.pixels_per_beat,
        )  # fmt: skip
    return {
        "recipe": name,
        "chip": result.title,
        "accuracy": simulated.accuracy,
        "netlist_differing": simulated.mismatches,
        "images": simulated.images,
        "neurons": network.n_neurons,
        "lut4": result.lut4,
        "ff": result.ff,
        "fmax_mhz": result.fmax_mhz,
        "critical_paths": {seed.seed: seed.critical_path for seed in result.seeds},
        "latency_cycles": Top(network, options).pipeline.latency_cycles,
        "parts_proven": sum(proof.proven for proof in result.proofs),
        "parts": len(result.proofs),
        "conditions": "with I/O, pins chosen by the router; encoder, loader, argmax counted",
    }
