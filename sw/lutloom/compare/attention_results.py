"""What is known of a layer of attention after each step of its road: plain data, ready for JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from lutloom.compare.ladder import NOT_RUN, Rung
from lutloom.flow.results import TargetResult
from lutloom_sim.attention_result import AttentionSimulation

LoopExecutor = Literal["torch", "numpy", "onnxruntime", "verilog"]
AttentionKind = Literal["int8", "binary"]

ATTENTION_EXPLANATIONS = {
    "L1": "ONNX Runtime gives the integers of the integer model, on every row",
    "L2": "the engine equals the integer model in Amaranth's simulator, under stalls",
    "L3": "the Verilog, simulated by Verilator through cocotb, gives the same integers",
    "L4": "the netlist gives the same integers; parts without memory or multiplier are proven",
    "L5": "the bitstream, unpacked again, is what place and route wrote, and its hash is recorded",
}
"""What each rung means for attention, in one line."""


class AttentionLayerRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say which layer it is.

    Members
    -------
    kind : ``int8`` or ``binary`` (codes)
    block : of the model, counted from 0; None where it comes from elsewhere
    heads, head_size, context : sizes
    pattern, stride : the keys a query sees
    lanes, n_engines : of the engine
    digest : SHA-256 of its integers
    """

    kind: AttentionKind
    block: int | None
    heads: int
    head_size: int
    context: int
    pattern: str
    stride: int
    lanes: int
    n_engines: int
    digest: str


class LoopResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a model's perplexity with one executor of its attention.

    Members
    -------
    executor : what attended in every block
    perplexity : on held-out text
    change : against torch, a share; 0 for torch
    compared, differing : integers against the integer model; None for torch and numpy
    seconds : wall time
    """

    executor: LoopExecutor
    perplexity: float
    change: float
    compared: int | None = None
    differing: int | None = None
    seconds: float


class CyclePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the clocks of one run, measured in Verilog and by the formula.

    Members
    -------
    pattern, stride : the keys a query sees
    positions, head_size, lanes : sizes
    density : share of the causal triangle that is seen
    keys : keys seen by all queries together
    cycles : measured
    formula_cycles : what the engine's timing says, ports counted
    lane_use : useful multiplications a lane and clock; None without multipliers
    """

    kind: AttentionKind
    pattern: str
    stride: int
    positions: int
    head_size: int
    lanes: int
    density: float
    keys: int
    cycles: int
    formula_cycles: int
    lane_use: float | None = None


class AttentionMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold how much each query weighs each key in one head, as grey pictures.

    Members
    -------
    head : counted from 0
    positions : rows and columns
    floats, integers : uint8[positions, positions], row-major; row ``i`` is query ``i``; 255 is a
        weight of 1; by softmax of the model's floats, and by the engine's integers
    tokens : the text of each position
    """

    head: int
    positions: int
    floats: bytes
    integers: bytes
    tokens: tuple[str, ...]


class AttentionTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what one chip made of the layer.

    Members
    -------
    kind : of attention
    lanes, n_engines, features_per_beat : of the engine
    result : synthesis, proof, placement and routing
    netlist : the netlist simulated on the same vectors
    cycles_per_token : clocks of all heads for one token, averaged over a full context
    tokens_per_second : of this one block, at the median clock; None if nothing routed
    """

    kind: AttentionKind
    lanes: int
    n_engines: int
    features_per_beat: int
    result: TargetResult
    netlist: AttentionSimulation | None
    cycles_per_token: float
    tokens_per_second: float | None


class AttentionLadder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the rungs of the ladder that there are for attention."""

    L1: Rung = NOT_RUN
    L2: Rung = NOT_RUN
    L3: Rung = NOT_RUN
    L4: Rung = NOT_RUN
    L5: Rung = NOT_RUN


class AttentionReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold everything the page of a layer of attention shows.

    Members
    -------
    title : of the page
    text : the corpus
    model : what is known of the transformer, by name
    layer : which one it is
    ladder : rungs
    loop : perplexities
    simulations : of the Verilog
    cycles : over patterns
    maps : of some heads
    targets : chips
    seconds : wall time by step
    """

    title: str
    text: str
    model: dict[str, int | float | str]
    layer: AttentionLayerRecord
    ladder: AttentionLadder
    loop: tuple[LoopResult, ...]
    simulations: tuple[AttentionSimulation, ...]
    cycles: tuple[CyclePoint, ...]
    maps: tuple[AttentionMap, ...]
    targets: tuple[AttentionTarget, ...]
    seconds: dict[str, float]
