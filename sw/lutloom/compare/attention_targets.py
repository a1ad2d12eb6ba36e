"""A layer of attention on a chip: synthesised, proven as far as SAT goes, and simulated as netlist.

Example
-------
>>> target = judge_target(layer, batch, "25k", options=options, folder=folder)   # doctest: +SKIP
>>> target.result.fmax_mhz, target.netlist.differing                 # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lutloom.attention.batch import AttentionBatch
from lutloom.attention.binary import BinaryAttention
from lutloom.attention.config import IntegerAttention
from lutloom.compare.attention_results import AttentionLadder, AttentionTarget, LoopResult
from lutloom.compare.ladder import NOT_RUN, Rung, rung
from lutloom.flow import DEVICES, SeedResult
from lutloom.flow.attention_target import attention_netlist, synthesise_attention
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.attention_top import AttentionTop
from lutloom_sim.attention import simulate_attention
from lutloom_sim.attention_result import AttentionSimulation

Watch = Callable[[float, float, str], None]

_LANES = {"ice40": 2, "ecp5": 8}
_FEATURES_PER_BEAT_MAX = 8
"""On ECP5, where wider beats need more pins than there are."""


def options_for(
    device: str,
    *,
    lanes: int | None = None,
    n_engines: int = 1,
    features_per_beat: int | None = None,
    single_port: bool = False,
) -> AttentionOptions:
    """Fill in what suits a chip: its multipliers, and its pins.

    Parameters
    ----------
    device : str
    lanes : int, optional
        2 on iCE40, 8 on ECP5.
    n_engines : int
    features_per_beat : int, optional
        1 on iCE40, which has few pins; on ECP5 a whole word up to eight.
    single_port : bool
        Keys and values in single-port memory.

    Returns
    -------
    AttentionOptions
    """
    family = DEVICES[device].family if device in DEVICES else "ecp5"
    lanes = _LANES[family] if lanes is None else lanes
    if features_per_beat is None and family == "ice40":
        features_per_beat = 1
    elif features_per_beat is None and lanes > _FEATURES_PER_BEAT_MAX:
        features_per_beat = _FEATURES_PER_BEAT_MAX
    return AttentionOptions(
        lanes=lanes,
        n_engines=n_engines,
        features_per_beat=features_per_beat,
        row_memory="single_port" if single_port else "block",
    )


def judge_target(
    layer: IntegerAttention | BinaryAttention,
    batch: AttentionBatch,
    device: str,
    *,
    options: AttentionOptions,
    folder: Path,
    seeds: Sequence[int] = (1, 2, 3),
    seed_time_limit_s: float = 600.0,
    parallel: int | None = None,
    watch: Watch | None = None,
) -> AttentionTarget:
    """Synthesise, prove, place and route a layer, and simulate its netlist on a batch.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention
    batch : AttentionBatch
    device : str
    options : AttentionOptions
    folder : Path
        Where everything is put.
    seeds : sequence of int
        Of placement and routing.
    seed_time_limit_s : float
        Wall time after which a seed counts as not routed.
    parallel : int or None
        Tools at a time; None: one a processor.
    watch : callable, optional

    Returns
    -------
    AttentionTarget
        Differing integers are counted, not raised.

    Raises
    ------
    InvalidRecipeError
        If there is no such chip or the design does not fit it.
    MissingExtraError, ToolError, MismatchError
        If a tool is missing or fails.
    """
    total, done = len(seeds) + 4, 0

    def on_step(what: str) -> None:
        nonlocal done
        if watch is not None:
            watch(done, total, what)
        done += 1

    def on_seed(found: SeedResult) -> None:
        on_step(f"seed {found.seed}: {found.fmax_mhz or found.reason}")

    result = synthesise_attention(
        layer, device, options=options, seeds=seeds, folder=folder,
        parallel=parallel, seed_time_limit_s=seed_time_limit_s, on_step=on_step, on_seed=on_seed,
    )  # fmt: skip
    on_step("netlist, simulated")
    netlist = simulate_attention(
        layer, batch, options=options, engine="bulk", optimise="quick",
        sources=(attention_netlist(folder, device),),
    )  # fmt: skip
    if watch is not None:
        watch(total, total, "")
    tokens = netlist.sequences * netlist.positions
    clock_mhz = result.fmax_mhz.median if result.fmax_mhz else None
    cycles_per_token = netlist.cycles / tokens
    return AttentionTarget(
        kind="binary" if isinstance(layer, BinaryAttention) else "int8",
        lanes=options.lanes,
        n_engines=options.n_engines,
        features_per_beat=AttentionTop(layer, options).features_per_beat,
        result=result,
        netlist=netlist,
        cycles_per_token=cycles_per_token,
        tokens_per_second=None if clock_mhz is None else 1e6 * clock_mhz / cycles_per_token,
    )


def attention_ladder(
    *,
    loop: Sequence[LoopResult] = (),
    simulations: Sequence[AttentionSimulation] = (),
    targets: Sequence[AttentionTarget] = (),
) -> AttentionLadder:
    """Judge every rung from results that exist.

    Parameters
    ----------
    loop : sequence of LoopResult
    simulations : sequence of AttentionSimulation
        Of components and of emitted Verilog.
    targets : sequence of AttentionTarget

    Returns
    -------
    AttentionLadder
    """
    onnx = [found for found in loop if found.executor == "onnxruntime"]
    return AttentionLadder(
        L1=rung(
            [found.differing == 0 for found in onnx],
            "; ".join(f"{f.differing:,} of {f.compared:,} integers differ" for f in onnx),
        ),
        L2=_simulated([s for s in simulations if s.design == "amaranth"]),
        L3=_simulated([s for s in simulations if s.engine == "cocotb"]),
        L4=_netlists(targets),
        L5=rung(
            [target.result.bitstream_unpacked for target in targets],
            "; ".join(
                f"{target.result.device}: seed {target.result.seed}"
                if target.result.routed
                else f"{target.result.device}: not routed"
                for target in targets
            ),
        ),
    )


def _simulated(found: Sequence[AttentionSimulation]) -> Rung:
    words = [
        f"{s.differing:,} of {s.compared:,} integers differ over {s.query_rows:,} rows"
        for s in found
    ]
    return rung([s.agrees for s in found], "; ".join(words))


def _netlists(targets: Sequence[AttentionTarget]) -> Rung:
    """Say what is proven of each netlist and what is only simulated."""
    if not targets:
        return NOT_RUN
    checks: list[bool | None] = []
    words = []
    for target in targets:
        proofs = target.result.proofs
        proven = [proof.part for proof in proofs if proof.proven]
        open_parts = [proof.part for proof in proofs if not proof.proven]
        netlist = target.netlist
        checks.append(None if netlist is None else netlist.agrees)
        simulated = "not simulated"
        if netlist is not None:
            simulated = (
                f"{netlist.differing:,} of {netlist.compared:,} integers differ over "
                f"{netlist.query_rows:,} rows"
            )
        words.append(
            f"{target.result.device}: proven: {', '.join(proven) or 'nothing'}; only simulated: "
            f"{', '.join(open_parts) or 'nothing'}; {simulated}"
        )
    return rung(checks, "; ".join(words))
