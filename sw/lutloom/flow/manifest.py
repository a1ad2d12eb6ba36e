"""What went in, what came out, and which tools made it: enough to make it again.

A manifest holds hashes, tool identities, flags and seeds; no paths, names or times of a host.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lutloom.files.atomic import write_json
from lutloom.flow.bitstream import sha256_of
from lutloom.flow.devices import Device
from lutloom.flow.place_route import Placement, place_arguments
from lutloom.flow.synth import FLAT_JSON, NETLIST_JSON, NETLIST_VERILOG, RTL, Synthesis
from lutloom.flow.tools import ToolIdentity

MANIFEST = "manifest.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Hold everything that decides a bitstream, and what came of it.

    Members
    -------
    network : SHA-256 of the integers of the network, or of the layer of attention
    inputs, products : SHA-256 by file name
    script : what Yosys was told
    arguments : what nextpnr was told
    """

    format: int = 1
    device: str
    network: str
    seed: int | None
    inputs: dict[str, str]
    products: dict[str, str]
    script: str
    arguments: tuple[str, ...]
    tools: tuple[ToolIdentity, ...]


def write_manifest(
    digest: str,
    synthesis: Synthesis,
    device: Device,
    placement: Placement,
    tools: tuple[ToolIdentity, ...],
    *,
    constraints: str | None = None,
) -> Path:
    """Write ``manifest.json`` beside the netlist.

    Parameters
    ----------
    digest : str
        SHA-256 of what the design computes.
    synthesis : Synthesis
    device : Device
    placement : Placement
    tools : tuple of ToolIdentity
    constraints : str or None
        File of pins and clocks beside the netlist, if a board fixes them.

    Returns
    -------
    Path
    """
    folder = synthesis.folder
    products = [NETLIST_JSON, NETLIST_VERILOG, FLAT_JSON]
    arguments: tuple[str, ...] = ()
    if placement.bitstream is not None and placement.best_seed is not None:
        arguments = place_arguments(device, placement.best_seed, constraints, synthesis.style)
        products.append(placement.bitstream.name)
    if placement.record is not None:
        products.append(placement.record.name)
    manifest = Manifest(
        device=device.name,
        network=digest,
        seed=placement.best_seed,
        inputs={name: sha256_of(folder / name) for name in (RTL, constraints) if name},
        products={name: sha256_of(folder / name) for name in products},
        script=synthesis.script,
        arguments=arguments,
        tools=tools,
    )
    write_json(folder / MANIFEST, manifest)
    return folder / MANIFEST
