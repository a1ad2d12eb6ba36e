"""A report of attention with invented figures and every feature of the page."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

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
from lutloom.language.masks import Pattern, attention_mask
from lutloom_sim.attention_result import AttentionSimulation

HEADS, HEAD_SIZE, CONTEXT, LANES = 2, 16, 64, 8
PATTERNS: tuple[tuple[Pattern, int], ...] = (
    ("causal", 1), ("local", 4), ("local", 8), ("local", 16), ("local", 32), ("strided", 4),
    ("strided", 8), ("local_strided", 8), ("local_strided", 16), ("fixed", 8), ("fixed", 16),
)  # fmt: skip
WORDS = ("In", " the", " beginning", " God", " created", " the", " heaven", " and", "\n")


def cycle_points() -> tuple[CyclePoint, ...]:
    """Give points of both engines; the formula is off in the last."""
    points = []
    for kind in ("int8", "binary"):
        for pattern, stride in PATTERNS:
            seen = attention_mask(pattern, CONTEXT, stride)
            keys = int(seen.sum())
            useful = 2 * (HEAD_SIZE // LANES) * keys
            cycles = useful + 310 if kind == "int8" else keys + 21 * CONTEXT
            points.append(
                CyclePoint(
                    kind=kind, pattern=pattern, stride=stride, positions=CONTEXT,
                    head_size=HEAD_SIZE, lanes=LANES, density=2 * keys / (CONTEXT * (CONTEXT + 1)),
                    keys=keys, cycles=cycles, formula_cycles=cycles,
                    lane_use=useful / cycles if kind == "int8" else None,
                )
            )  # type: ignore[arg-type]  # fmt: skip
    return (*points[:-1], msgspec.structs.replace(points[-1], formula_cycles=1900))


def attention_map(head: int, tokens: tuple[str, ...]) -> AttentionMap:
    """Give a map whose integers differ from its floats by three grey steps at most."""
    rng = np.random.default_rng(head)
    scores = rng.normal(0, 2, (CONTEXT, CONTEXT))
    weights = np.where(attention_mask("local_strided", CONTEXT, 8), np.exp(scores), 0.0)
    shares = 255 * weights / weights.sum(axis=1, keepdims=True)
    floats = np.rint(shares).astype(np.int64)
    integers = np.where((floats > 3) & (rng.random(floats.shape) < 0.3), floats - 1, floats)
    integers[0, 0] = floats[0, 0] - 3
    return AttentionMap(
        head=head, positions=CONTEXT, floats=floats.astype(np.uint8).tobytes(),
        integers=integers.astype(np.uint8).tobytes(), tokens=tokens,
    )  # fmt: skip


def simulation(engine: str, design: str, **changes: object) -> AttentionSimulation:
    """Give a simulation in which nothing differs."""
    facts: dict[str, object] = {
        "engine": engine, "design": design, "sequences": 80, "positions": CONTEXT, "heads": HEADS,
        "query_rows": 80 * CONTEXT * HEADS, "compared": 80 * CONTEXT * HEADS * HEAD_SIZE,
        "differing": 0, "first_differing": "", "marks_differing": 0, "cycles": 1_403_221,
        "stall_probability": 0.0, "seed": 0, "seconds": 4.2, "build_seconds": 31.0,
        "build_cached": False,
    }  # fmt: skip
    return AttentionSimulation(**(facts | changes))  # type: ignore[arg-type]


def proof(part: str, reason: str = "", **changes: object) -> PartProof:
    """Give the proof of a part; with a reason it is none."""
    facts: dict[str, object] = {
        "part": part, "against": "RTL", "outputs": 0 if reason else 148, "proven": not reason,
        "method": "none" if reason else "induction", "cpu_s": 0.0 if reason else 7.5,
        "reason": reason,
    }  # fmt: skip
    return PartProof(**(facts | changes))  # type: ignore[arg-type]


PROOFS = (
    proof("intake"),
    proof("sequencer", outputs=402),
    proof("divider"),
    proof("lanes.multiplier0", "holds a multiplier"),
    proof("keys.memory", "holds a memory"),
    proof("wiring", against="RTL", outputs=2_911, method="structure"),
    proof("cells", against="vendor library", outputs=96, method="sat"),
)
TOOLS = (
    ToolIdentity(name="yosys", kind="yowasp", version="0.70.0.0.post1259", sha256="a1" * 32),
    ToolIdentity(name="nextpnr-ecp5", kind="yowasp", version="0.11.1.0.post826", sha256="b2" * 32),
)


def make_target(device: str, **changes: Any) -> AttentionTarget:
    """Give what a chip could have made of the layer: one of two seeds routed, two parts open.

    Parameters
    ----------
    device : str
        Any name.
    changes : object
        Of the target's ``kind``, ``netlist`` or ``tokens_per_second``, or of its result.
    """
    result = TargetResult(
        device=device, title=f"Lattice {device}", lut4=3_412,
        lut4_by_part={"ports": 210, "engine": 180, "intake": 190, "sequencer": 520, "lanes": 900,
                      "weight": 640, "divider": 610, "scores": 162},
        ff=2_251,
        ff_by_part={"ports": 150, "engine": 90, "intake": 130, "sequencer": 310, "lanes": 760,
                    "weight": 300, "divider": 400, "scores": 111},
        carry=310, bram=12, dsp=8, spram=2, routed=True,
        fmax_mhz=Fmax(min=101.5, median=101.5, seeds={1: 101.5}), seed=1,
        bitstream_sha256="3f" * 32, bitstream_unpacked=True, netlist_sha256="9c" * 32,
        proofs=(proof("intake"), proof("lanes", "holds a multiplier")),
        seeds=(
            SeedResult(seed=1, routed=True, cpu_s=61.0, fmax_mhz=101.5, bitstream_sha256="3f" * 32),
            SeedResult(seed=2, routed=False, cpu_s=600.0, reason="stopped after 600 s"),
        ),
        pins_constrained=False, seconds=Seconds(synthesis=55.1, proof=63.2, place_and_route=661.0),
        tools=TOOLS,
    )  # fmt: skip
    target = AttentionTarget(
        kind="int8", lanes=LANES, n_engines=1, features_per_beat=LANES, result=result,
        netlist=simulation("bulk", "netlist", sequences=3, positions=16, query_rows=96,
                           compared=768, cycles=4_800), cycles_per_token=100.0,
        tokens_per_second=1_015_000.0,
    )  # fmt: skip
    of_target = {k: v for k, v in changes.items() if k in target.__struct_fields__}
    of_result = {k: v for k, v in changes.items() if k not in of_target}
    result = msgspec.structs.replace(result, **of_result)
    return msgspec.structs.replace(target, **{"result": result, **of_target})


def make_report(**changes: Any) -> AttentionReport:
    """Give a report in which everything ran and agrees, but for what is changed."""
    tokens = tuple(WORDS[i % len(WORDS)] for i in range(CONTEXT))
    report = AttentionReport(
        title="Attention of block 1, in gates",
        text="kjv",
        model={"blocks": 3, "width": 32, "parameters": 151_232, "5-gram test perplexity": 41.27},
        layer=AttentionLayerRecord(
            kind="int8", block=1, heads=HEADS, head_size=HEAD_SIZE, context=CONTEXT,
            pattern="local_strided", stride=8, lanes=LANES, n_engines=1, digest="7d" * 32,
        ),
        ladder=AttentionLadder(
            L1=Rung(state="passed", evidence="0 of 262,144 integers differ"),
            L2=Rung(state="passed", evidence="0 of 512 integers differ over 32 rows"),
            L3=Rung(state="passed", evidence="0 of 163,840 integers differ over 10,240 rows"),
            L4=Rung(state="passed", evidence="LFE5U-25F: proven: intake, sequencer, divider"),
            L5=Rung(state="passed", evidence="LFE5U-25F: seed 2; iCE40UP5K: seed 2"),
        ),
        loop=(
            LoopResult(executor="torch", perplexity=30.112, change=0.0, seconds=1.9),
            LoopResult(executor="numpy", perplexity=30.118, change=0.000199, seconds=3.4),
            LoopResult(executor="onnxruntime", perplexity=30.118, change=0.000199,
                       compared=262_144, differing=0, seconds=4.4),
            LoopResult(executor="verilog", perplexity=30.118, change=0.000199,
                       compared=262_144, differing=0, seconds=39.2),
        ),
        simulations=(
            simulation("amaranth", "amaranth", sequences=1, positions=16, query_rows=32,
                       compared=512, cycles=4_021, stall_probability=0.5),
            simulation("cocotb", "verilog", tests=("every_answer_is_the_models",
                       "stalls_change_no_answer", "reset_in_mid_stream_leaves_nothing_behind")),
        ),
        cycles=cycle_points(),
        maps=tuple(attention_map(head, tokens) for head in range(HEADS)),
        targets=(make_target("25k", proofs=PROOFS), make_target("up5k", kind="binary")),
        seconds={"train": 61.0, "lower": 3.2, "loop": 48.9, "simulate": 55.0, "chips": 913.4},
    )  # fmt: skip
    return msgspec.structs.replace(report, **changes)


def empty_report() -> AttentionReport:
    """Give a report in which nothing ran."""
    return make_report(
        model={}, ladder=AttentionLadder(), loop=(), simulations=(), cycles=(), maps=(),
        targets=(), seconds={},
    )  # fmt: skip
