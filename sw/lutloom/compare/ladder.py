"""The verification ladder: every rung from results that exist, never from hope."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lutloom.compare.results import Comparison, RungState

EXPLANATIONS = {
    "L0": "every lowering pass left a network that obeys the rules of the representation",
    "L1": "torch, ONNX Runtime and the integer interpreter give the same class for every image",
    "L2": "every hardware stage equals its integer model in Amaranth's simulator, under stalls",
    "L3": "the Verilog, simulated by Verilator through cocotb, answers every image like the model",
    "L4": "every layer of the synthesised netlist is proven equal to its truth tables by SAT",
    "L5": "a netlist rebuilt from the bitstream alone answers every image like the model,"
    " and holds every table bit for bit",
    "L6": "the same network answers its self-test on a board",
}
"""What each rung means, in one line."""


class Rung(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one rung: its state and the evidence in words."""

    state: RungState
    evidence: str = ""


NOT_RUN = Rung(state="not run")


def rung(checks: Iterable[bool | None], evidence: str = "") -> Rung:
    """Join checks to one rung.

    Parameters
    ----------
    checks : iterable of bool or None
        True passed, False failed, None did not run.
    evidence : str

    Returns
    -------
    Rung
        Failed if any check failed; passed only if there is a check and all passed.
    """
    states = list(checks)
    if any(state is False for state in states):
        return Rung(state="failed", evidence=evidence)
    if states and all(states):
        return Rung(state="passed", evidence=evidence)
    return Rung(state="not run", evidence=evidence)


def agreement(comparison: Comparison | None) -> Rung:
    """Judge rung L1 from a comparison: torch and ONNX Runtime against the IR, on every image."""
    if comparison is None:
        return NOT_RUN
    checks: list[bool | None] = []
    parts = []
    for name in ("torch_cpu", "torch_cuda", "onnxruntime"):
        found = comparison.executor(name)
        if found is None or found.mismatches is None:
            if name != "torch_cuda":  # where there is no GPU, two executors and the IR suffice
                checks.append(None)
            continue
        checks.append(found.mismatches == 0 and found.images == comparison.images)
        parts.append(f"{found.title} {found.mismatches:,} of {found.images:,} differ")
    return rung(checks, "; ".join(parts))
