"""An attention report with every part in it, made up; what a chip could have made of a layer."""

from __future__ import annotations

from typing import Any

import msgspec

from lutloom.compare.attention_results import (
    AttentionLadder,
    AttentionLayerRecord,
    AttentionMap,
    AttentionReport,
    AttentionTarget,
    CyclePoint,
    LoopResult,
)
from lutloom.compare.ladder import Rung
from lutloom.flow.results import Fmax, PartProof, Seconds, SeedResult, TargetResult
from lutloom.flow.tools import ToolIdentity
from lutloom_sim.attention_result import AttentionSimulation

TOOL = ToolIdentity(name="yosys", kind="yowasp", version="0.70", sha256="01" * 32)


def make_target(device: str, **changes: Any) -> AttentionTarget:
    """What a chip could have made of the layer."""
    seeds = (SeedResult(seed=1, routed=True, cpu_s=9.0, fmax_mhz=101.5),
             SeedResult(seed=2, routed=False, cpu_s=9.0, reason="stopped after 600 s"))  # fmt: skip
    result = TargetResult(
        device=device, title="LFE5U-25F-6CABGA256", lut4=1400, lut4_by_part={"lanes": 1400},
        ff=1500, ff_by_part={"lanes": 1500}, carry=100, bram=6, dsp=10, routed=True,
        fmax_mhz=Fmax(min=101.5, median=101.5, seeds={1: 101.5}), seed=1,
        bitstream_sha256="ab" * 32, bitstream_unpacked=True, netlist_sha256="cd" * 32,
        proofs=(
            PartProof(part="intake", against="RTL", outputs=40, proven=True, method="induction",
                      cpu_s=1.0),
            PartProof(part="lanes", against="RTL", outputs=0, proven=False, method="none",
                      cpu_s=0.0, reason="holds a multiplier"),
        ),
        seeds=seeds, pins_constrained=False,
        seconds=Seconds(synthesis=1, proof=2, place_and_route=3), tools=(TOOL,),
    )  # fmt: skip
    netlist = AttentionSimulation(
        engine="bulk", design="netlist", sequences=3, positions=16, heads=2, query_rows=96,
        compared=768, differing=0, first_differing="", marks_differing=0, cycles=4800,
        stall_probability=0.0, seed=0, seconds=1.0, build_seconds=1.0, build_cached=False,
    )  # fmt: skip
    target = AttentionTarget(
        kind="int8", lanes=8, n_engines=1, features_per_beat=8, result=result, netlist=netlist,
        cycles_per_token=100.0, tokens_per_second=1_015_000.0,
    )  # fmt: skip
    changed = {k: v for k, v in changes.items() if k in ("netlist", "tokens_per_second")}
    of_result = {k: v for k, v in changes.items() if k not in changed}
    result = msgspec.structs.replace(result, **of_result)
    return msgspec.structs.replace(target, result=result, **changed)


def make_report(**changes: Any) -> AttentionReport:
    """A report in which everything ran and agrees, but for what is changed."""
    maps = tuple(
        AttentionMap(
            head=head, positions=2, floats=bytes([255, 0, 100, 155]),
            integers=bytes([255, 0, 98, 157]), tokens=("In the ", "<script>"),
        )
        for head in range(2)
    )  # fmt: skip
    patterns = (("causal", 1, 32896), ("local", 16, 3976), ("local_strided", 16, 5896))
    cycles = tuple(
        CyclePoint(
            kind="int8", pattern=pattern, stride=stride, positions=256, head_size=16, lanes=8,
            density=keys / 32896, keys=keys, cycles=4 * keys + 86, formula_cycles=4 * keys + 86,
            lane_use=4 * keys / (4 * keys + 86),
        )
        for pattern, stride, keys in patterns
    )  # fmt: skip
    loop = (
        LoopResult(executor="torch", perplexity=35.9, change=0.0, seconds=1.0),
        LoopResult(executor="numpy", perplexity=35.901, change=2.8e-5, seconds=1.0),
        LoopResult(executor="onnxruntime", perplexity=35.901, change=2.8e-5, compared=4096,
                   differing=0, seconds=1.0),
        LoopResult(executor="verilog", perplexity=35.901, change=2.8e-5, compared=4096,
                   differing=0, seconds=9.0),
    )  # fmt: skip
    netlist = make_target("25k").netlist
    assert netlist is not None
    simulation = msgspec.structs.replace(
        netlist, engine="cocotb", design="verilog",
        tests=("every_answer", "stalls_change_no_answer", "reset_leaves_nothing"),
    )  # fmt: skip
    report = AttentionReport(
        title="Attention of block 1, in gates",
        text="kjv",
        model={"blocks": 3, "test perplexity": 35.9},
        layer=AttentionLayerRecord(
            kind="int8", block=1, heads=2, head_size=16, context=256, pattern="local_strided",
            stride=16, lanes=8, n_engines=1, digest="ef" * 32,
        ),
        ladder=AttentionLadder(L1=Rung(state="passed", evidence="0 of 4,096 integers differ")),
        loop=loop,
        simulations=(simulation,),
        cycles=cycles,
        maps=maps,
        targets=(make_target("25k"), make_target("up5k")),
        seconds={"train": 60.0, "chips": 200.0},
    )  # fmt: skip
    return msgspec.structs.replace(report, **changes)
