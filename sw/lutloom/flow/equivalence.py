"""Prove each LUT layer of a netlist equal to its truth tables, by SAT.

The netlist's cells are the minimal models of :mod:`lutloom.flow.cells`; the tables are written
straight from the network (:mod:`lutloom.flow.gold`).  A miter of both is proven by temporal
induction, some neurons at a time: it holds from the first clock on and for ever.  Cells that are
the same on both sides are merged first, which leaves SAT only what synthesis really changed.

Example
-------
>>> for proof in prove_layers(network, synthesis):
...     proof.part, proof.outputs, proof.proven
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lutloom import ir
from lutloom.errors import MismatchError
from lutloom.files.atomic import write_text
from lutloom.flow.cells import cell_models
from lutloom.flow.gold import gold_layer
from lutloom.flow.netlist import Netlist, read_netlist
from lutloom.flow.results import PartProof
from lutloom.flow.synth import NETLIST, RTL_JSON, Synthesis
from lutloom.flow.toolchain import Command, Outcome, insist, run_each
from lutloom.flow.wiring import LayerPorts, layer_ports
from lutloom_hw.class_groups import split_classes

CELL_MODELS = "cells.v"
"""The minimal models' file beside the netlist."""

_NEURONS_PER_QUESTION = 128
_NEURONS_PER_RUN = 2560
"""Measured: 128 a question is 3 times faster than all at once; a run reads the whole layer."""

_READ = """
read_rtlil {netlist}
read_verilog {cells} {gate}
hierarchy -check -top gate
proc
flatten
opt_clean
design -stash gate
read_verilog {gold}
hierarchy -check -top gold
proc
opt_clean
design -stash gold
design -copy-from gate -as gate gate
design -copy-from gold -as gold gold
miter -equiv -make_outcmp -flatten gold gate miter
hierarchy -top miter
simplemap t:$dff t:$eqx
opt_merge -share_all
opt_expr
opt_clean
cd miter
"""
_QUESTION = """
select -set cone w:cmp_{port} %ci*
log question {port}
sat -verify -tempinduct -prove cmp_{port} 1 @cone
"""


@dataclass(frozen=True, slots=True)
class _Job:
    """Hold some neurons of one layer, proven by one run of Yosys."""

    network: ir.Network
    layer: int
    part: str
    module: str
    neurons: range
    name: str


def escape(name: str) -> str:
    """Write any name as a Verilog identifier."""
    return f"\\{name} "


def _gate(
    ports: LayerPorts, job: _Job, netlist: Netlist, chunks: list[range], n: int, m: int
) -> str:
    """Write a module ``gate`` with gold's ports around the netlist's layer."""
    pins = []
    for name, port in netlist.modules[job.module].ports.items():
        bits = []
        for index in range(len(port.bits)):
            where = (name, index)
            if where in ports.inputs:
                bits.append(f"i[{ports.inputs[where]}]")
            elif where in ports.outputs:
                bits.append(f"o[{ports.outputs[where]}]")
            else:
                bits.append({ports.i_valid: "i_valid", ports.o_valid: "o_valid"}.get(where, name))
        pins.append(f".{escape(name)}({{{', '.join(reversed(bits))}}})")
    heads = [f"output [{len(c) - 1}:0] o{p}" for p, c in enumerate(chunks)]
    picks = [
        f"  assign o{p} = {{{', '.join(f'o[{job.neurons[k]}]' for k in reversed(c))}}};"
        for p, c in enumerate(chunks)
    ]
    return "\n".join(
        [
            f"module gate (input clk, input rst, input i_valid, input [{n - 1}:0] i,",
            f"  output o_valid, {', '.join(heads)});",
            f"  wire [{m - 1}:0] o;",
            f"  {escape(job.module)} u ({', '.join(pins)});",
            *picks,
            "endmodule",
            "",
        ]
    )


def _jobs(network: ir.Network, rtl: Netlist, class_groups: int) -> list[_Job]:
    """Share the layers out to runs; where classes are in groups, each has layers of its own."""
    names = [name for name, _ in rtl.own_modules()]
    whole = [("", network)]
    groups = (
        [(f"group{g}.", part) for g, part in enumerate(split_classes(network, class_groups))]
        if class_groups
        else whole
    )
    jobs = []
    for prefix, part_network in groups:
        for index, layer in enumerate(part_network.layers):
            part = f"{prefix}layer{index + 1}"
            module = next((name for name in names if name.endswith(f".{part}")), None)
            if module is None:
                raise MismatchError(
                    f"RTL: must have a module {part} as the network has {len(network.layers)} "
                    "layers; emit this network again"
                )
            for start in range(0, layer.n_neurons, _NEURONS_PER_RUN):
                neurons = range(start, min(start + _NEURONS_PER_RUN, layer.n_neurons))
                jobs.append(
                    _Job(part_network, index, part, module, neurons, f"prove-{part}-{start}")
                )
    return jobs


def prove_layers(
    network: ir.Network,
    synthesis: Synthesis,
    *,
    class_groups: int = 0,
    parallel: int | None = None,
    time_limit_s: float = 1800.0,
) -> tuple[PartProof, ...]:
    """Prove every LUT layer of a netlist equal to its truth tables.

    Parameters
    ----------
    network : ir.Network
        What the netlist must be.
    synthesis : Synthesis
    class_groups : int
        As in the ``PipelineOptions`` of the emission.
    parallel : int or None
        Yosys runs at a time; None: one a processor.
    time_limit_s : float
        Wall time of one run.

    Returns
    -------
    tuple of PartProof
        One a layer, in order; one that fails says which neurons and the log of the counterexample.

    Raises
    ------
    ToolError
        If Yosys fails other than by finding a difference.
    MismatchError
        If the design is not of this network's shape.
    """
    folder = synthesis.folder
    rtl = read_netlist(folder / RTL_JSON)
    netlist = read_netlist(folder / "netlist.json")
    write_text(folder / CELL_MODELS, cell_models(synthesis.family))
    jobs = _jobs(network, rtl, class_groups)
    commands = [_write(job, rtl, netlist, folder, time_limit_s) for job in jobs]
    by_log = {command.log: job for command, job in zip(commands, jobs, strict=True)}
    found: dict[str, list[tuple[_Job, float, str]]] = {job.part: [] for job in jobs}
    for outcome in run_each(commands, parallel or os.cpu_count()):
        job = by_log[outcome.command.log]
        found[job.part].append((job, outcome.cpu_s, _verdict(outcome, job)))
    return tuple(_sum_up(part, results) for part, results in found.items())


def _write(job: _Job, rtl: Netlist, netlist: Netlist, folder: Path, limit_s: float) -> Command:
    layer = job.network.layers[job.layer]
    n_inputs = (
        len(rtl.modules[job.module].netnames["i__payload"].bits)
        if job.layer == 0
        else job.network.layer_input_size(job.layer)
    )
    gold, chunks = gold_layer(layer, n_inputs, job.neurons, _NEURONS_PER_QUESTION)
    gate = _gate(layer_ports(rtl, job.module), job, netlist, chunks, n_inputs, layer.n_neurons)
    write_text(folder / f"{job.name}.gold.v", gold)
    write_text(folder / f"{job.name}.gate.v", gate)
    script = _READ.format(
        netlist=NETLIST, cells=CELL_MODELS, gate=f"{job.name}.gate.v", gold=f"{job.name}.gold.v"
    )
    for port in ("o_valid", *(f"o{p}" for p in range(len(chunks)))):
        script += _QUESTION.format(port=port)
    write_text(folder / f"{job.name}.ys", script)
    arguments = ("-q", "-l", f"{job.name}.yosys.log", "-s", f"{job.name}.ys")
    return Command("yosys", arguments, folder, f"{job.name}.log", time_limit_s=limit_s)


def _verdict(outcome: Outcome, job: _Job) -> str:
    """Give the reason why neurons are not proven; empty if they are."""
    if outcome.timed_out:
        return f"stopped after {outcome.command.time_limit_s:g} s"
    if outcome.exit_status == 0:
        return ""
    if "proof did fail" not in outcome.last_words():
        insist(outcome)
    log = (outcome.command.folder / f"{job.name}.yosys.log").read_text(errors="replace")
    port = re.findall(r"question (\S+)", log)[-1]
    where = "valid"
    if port != "o_valid":
        first = job.neurons[int(port[1:]) * _NEURONS_PER_QUESTION]
        last = min(first + _NEURONS_PER_QUESTION, job.neurons.stop) - 1
        where = f"one of neurons {first}..{last}"
    return f"{where} differs; counterexample in {job.name}.yosys.log"


def _sum_up(part: str, results: Sequence[tuple[_Job, float, str]]) -> PartProof:
    reasons = sorted(reason for _, _, reason in results if reason)
    return PartProof(
        part=part,
        against="truth tables",
        outputs=sum(len(job.neurons) for job, _, _ in results) + 1,
        proven=not reasons,
        method="sat",
        cpu_s=round(sum(cpu_s for _, cpu_s, _ in results), 1),
        reason="; ".join(reasons),
    )


def require_proven(proofs: Iterable[PartProof]) -> None:
    """Insist that every proof succeeded.

    Parameters
    ----------
    proofs : iterable of PartProof

    Raises
    ------
    MismatchError
        Naming the first part that is not proven.
    """
    for proof in proofs:
        if not proof.proven:
            raise MismatchError(
                f"netlist, {proof.part}: must equal its {proof.against}, but {proof.reason}"
            )
