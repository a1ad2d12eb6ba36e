"""What ``lutloom synth`` does, apart from printing."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from lutloom import ir
from lutloom.cli.console import Advance, ResultError
from lutloom.cli.hardware import pipeline_options
from lutloom.cli.simulation import executor_result
from lutloom.cli.workspace import Workspace
from lutloom.compare.ladder import Rung, rung
from lutloom.files.atomic import write_json
from lutloom.flow import SeedResult, TargetResult, find_device, synthesise_and_route
from lutloom.flow.bitstream import bitstream_name
from lutloom.flow.netlist import read_netlist
from lutloom.flow.synth import FLAT_JSON
from lutloom.flow.unpack import unpack_netlist
from lutloom.flow.unpack.placement import PLACEMENT, read_placement
from lutloom.report.records import SynthesisRecord
from lutloom_sim.bitstream_tables import TableComparison, compare_tables
from lutloom_sim.netlist_run import simulate_bitstream, simulate_netlist
from lutloom_sim.result import SimulationResult


def synthesise_network(
    space: Workspace, *, device: str | None, seeds: int | None, watch: Advance
) -> SynthesisRecord:
    """Synthesise, prove, place and route a folder's network, and simulate its netlist.

    Parameters
    ----------
    space : Workspace
    device, seeds : optional
        In place of the recipe's.
    watch : callable

    Returns
    -------
    SynthesisRecord
        Also written to ``synth-DEVICE.json``.
    """
    hardware = space.recipe.hardware
    hardware = msgspec.structs.replace(
        hardware, device=device or hardware.device, seeds=seeds or hardware.seeds
    )
    chip = find_device(hardware.device)
    if hardware.clock_mhz:
        chip = replace(chip, clock_target_hz=hardware.clock_mhz * 1_000_000)
    network = space.read_network()
    data = space.load_data()
    options = pipeline_options(hardware)
    folder = space.folder / f"synth-{chip.name}"
    total = hardware.seeds + 4
    done = 0

    def on_step(what: str) -> None:
        nonlocal done
        watch(done, total, what)
        done += 1

    def on_seed(found: SeedResult) -> None:
        on_step(f"seed {found.seed}: {found.fmax_mhz or found.reason}")

    result = synthesise_and_route(
        network, chip, seeds=tuple(range(1, hardware.seeds + 1)), folder=folder, options=options,
        on_step=on_step, on_seed=on_seed,
    )  # fmt: skip
    on_step("netlist, pixels in")
    simulated = simulate_netlist(
        folder / FLAT_JSON, network, data.test_images,
        labels=data.test_labels, pixels_per_beat=options.pixels_per_beat,
    )  # fmt: skip
    unpacked = tables = None
    if result.routed:
        on_step("bitstream, pixels in")
        placed = read_placement(folder / PLACEMENT)
        rebuilt = unpack_netlist(folder / bitstream_name(chip.family), chip)
        unpacked = simulate_bitstream(
            rebuilt, placed.pins, network, data.test_images,
            labels=data.test_labels, pixels_per_beat=options.pixels_per_beat,
        )  # fmt: skip
        tables = compare_tables(
            network, read_netlist(folder / FLAT_JSON), rebuilt, placed.drivers,
            class_groups=options.class_groups,
        )  # fmt: skip
    watch(total, total)
    record = SynthesisRecord(
        network_digest=ir.network_digest(network),
        result=result,
        netlist=executor_result("netlist", "netlist as placed, pixels in", simulated),
        proof=_proof_rung(result),
        bitstream=_bitstream_rung(result, unpacked, tables),
        unpacked=None
        if unpacked is None
        else executor_result("bitstream", "unpacked bitstream, pixels in", unpacked),
    )
    write_json(space.record(f"synth-{chip.name}"), record)
    return record


def require_agreement(record: SynthesisRecord) -> None:
    """Raise if the netlist is not proven, not the network, or was never routed.

    Raises
    ------
    ResultError
        Naming what failed.
    """
    if not record.result.routed:
        raise ResultError(
            f"synth: at least one seed must route, but {record.bitstream.evidence};"
            " lower 'widths', set 'grouped', or try more --seeds"
        )
    faults = []
    if record.netlist.mismatches:
        faults.append(f"netlist: {record.netlist.mismatches} of {record.netlist.images} differ")
    for name, found in (("L4", record.proof), ("L5", record.bitstream)):
        if found.state == "failed":
            faults.append(f"{name}: {found.evidence}")
    if faults:
        raise ResultError(
            f"synth: netlist and bitstream must be the network's, but {'; '.join(faults)};"
            " report this as a bug of Lutloom"
        )


def _proof_rung(result: TargetResult) -> Rung:
    faults = [f"{proof.part}: {proof.reason}" for proof in result.proofs if not proof.proven]
    tables = [proof for proof in result.proofs if proof.against == "truth tables"]
    bits = sum(proof.outputs for proof in result.proofs)
    return rung(
        [proof.proven for proof in result.proofs],
        "; ".join(faults)
        or f"{len(tables)} layers against their tables, all other parts against the RTL,"
        f" {bits:,} bits",
    )


def _bitstream_rung(
    result: TargetResult, unpacked: SimulationResult | None, tables: TableComparison | None
) -> Rung:
    if unpacked is None or tables is None:
        reasons = "; ".join(f"seed {s.seed}: {s.reason}" for s in result.seeds)
        return Rung(state="not run", evidence=reasons)
    evidence = [
        f"unpacked bitstream = model: {unpacked.images:,} images, {unpacked.mismatches:,} differ",
        f"{tables.tables:,} tables of {tables.entries:,} bits, {tables.differ:,} differ",
        *tables.faults[:1],
        f"seed {result.seed}, its hash in the manifest",
    ]
    return rung(
        [result.bitstream_unpacked, unpacked.mismatches == 0, tables.differ == 0],
        "; ".join(evidence),
    )
