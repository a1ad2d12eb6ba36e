"""Prove the parts that are not tables (vote, argmax, loader, ...) equal to their RTL.

Registers are matched by the names they keep through synthesis, and the whole of their equalities
is proven by one induction: they hold at the start, and if they hold in one clock they hold in the
next, for every input.  The netlist's cells are the minimal models of :mod:`lutloom.flow.cells`.

Example
-------
>>> prove_parts(synthesis)
"""

from __future__ import annotations

import re

from lutloom.files.atomic import write_text
from lutloom.flow.blocks import holds_blocks
from lutloom.flow.cells import cell_models
from lutloom.flow.equivalence import CELL_MODELS
from lutloom.flow.netlist import Bit, Module, Netlist, read_netlist
from lutloom.flow.pads import holds_pads
from lutloom.flow.results import PartProof
from lutloom.flow.style import is_layer
from lutloom.flow.synth import NETLIST, NETLIST_JSON, RTL, RTL_JSON, Synthesis
from lutloom.flow.toolchain import Command, Outcome, insist, run_each
from lutloom.flow.wiring import wiring_modules

_SCRIPT = r"""
read_rtlil {RTL}
hierarchy -top {top}
flatten {flattened}
delete t:$scopeinfo
expose -evert {module}/t:{top}.*
delete =* ={module} %d
rename {module} gold
proc
memory
opt_expr
opt_clean
splitnets
design -stash gold
read_rtlil {NETLIST}
expose -evert {module}/t:{top}.*
delete =* ={module} %d
rename {module} gate
read_verilog {CELL_MODELS}
hierarchy -check -top gate
proc
flatten
opt_clean
splitnets
design -stash gate
design -copy-from gate -as gate gate
design -copy-from gold -as gold gold
setundef -undriven -zero gold gate
equiv_make -blacklist {unread} -make_assert gold gate start
sat -verify -prove-asserts -set-init-zero -seq 1 start
equiv_make -blacklist {unread} gold gate equal
equiv_induct -seq 1 equal
equiv_status equal
"""

_TOTAL = re.compile(r"Found (\d+) \$equiv cells in")
_UNPROVEN = re.compile(r"Unproven \$equiv .*?: (\S+)")


def provable_modules(rtl: Netlist) -> list[str]:
    """Name the modules that are neither layers nor wiring, in the design's order."""
    wiring = set(wiring_modules(rtl))
    return [
        name
        for name, module in rtl.own_modules()
        if name not in wiring and not is_layer(name) and module.cells
    ]


def _unread(module: Module) -> list[str]:
    """Name register bits that synthesis dropped since nothing reads them: no wire to compare."""
    driven: set[Bit] = {"0", "1"}
    for port in module.ports.values():
        if port.direction == "input":
            driven.update(port.bits)
    for cell in module.cells.values():
        for name, bits in cell.connections.items():
            if cell.port_directions[name] == "output":
                driven.update(bits)
    return [
        f"{name}[{index}]" if len(net.bits) > 1 else name
        for name, net in module.netnames.items()
        for index, bit in enumerate(net.bits)
        if bit not in driven and name not in module.ports
    ]


def prove_parts(
    synthesis: Synthesis, *, parallel: int | None = None, time_limit_s: float = 1800.0
) -> tuple[PartProof, ...]:
    """Prove every part that is not a layer equal to its RTL.

    Parameters
    ----------
    synthesis : Synthesis
    parallel : int or None
        Yosys runs at a time; None: one a processor.
    time_limit_s : float
        Wall time of one part.

    Returns
    -------
    tuple of PartProof
        One a part, in the design's order.  One that is not proven says why: it holds a memory or
        multiplier, or some registers are open; these may still be equal, for induction needs the
        netlist to have kept their names.

    Raises
    ------
    ToolError
        If Yosys fails other than by leaving something open.
    """
    folder = synthesis.folder
    write_text(folder / CELL_MODELS, cell_models(synthesis.family))
    rtl, netlist = read_netlist(folder / RTL_JSON), read_netlist(folder / NETLIST_JSON)
    pads = [name for name in provable_modules(rtl) if holds_pads(netlist.modules[name])]
    modules = [name for name in provable_modules(rtl) if name not in pads]
    proofs = {}
    commands = {}
    for module in modules:
        part = part_name(module, synthesis.top)
        held = holds_blocks(netlist.modules[module])
        if held:
            proofs[module] = _leave(part, f"holds {held}, which SAT does not reach")
            continue
        name = f"prove-{part}"
        script = _SCRIPT.format(
            RTL=RTL, NETLIST=NETLIST, CELL_MODELS=CELL_MODELS,
            flattened=synthesis.style.flattened, top=synthesis.top, module=module,
            unread=f"{name}.unread",
        )  # fmt: skip
        unread = _unread(netlist.modules[module])
        write_text(folder / f"{name}.unread", "".join(f"\\{wire}\n" for wire in unread))
        write_text(folder / f"{name}.ys", script)
        arguments = ("-q", "-l", f"{name}.yosys.log", "-s", f"{name}.ys")
        command = Command("yosys", arguments, folder, f"{name}.log", time_limit_s=time_limit_s)
        commands[command.log] = (module, command)
    for outcome in run_each([command for _, command in commands.values()], parallel):
        module = commands[outcome.command.log][0]
        proofs[module] = _judge(outcome, part_name(module, synthesis.top))
    left = (_leave("pads", f"are pads, {len(pads)} of them, the chip's own"),) if pads else ()
    return (*(proofs[module] for module in modules), *left)


def part_name(module: str, top: str) -> str:
    """Name a part by its path, as far as that tells it from others of the same last name.

    Parameters
    ----------
    module : str
    top : str

    Returns
    -------
    str
        ``vote`` for ``lutloom_top.pipeline.vote``, ``lanes.multiplier0`` for
        ``lutloom_attention.engine.lanes.multiplier0``.
    """
    path = module.removeprefix(f"{top}.")
    return path.removeprefix("pipeline.").removeprefix("engine.")


def _leave(part: str, reason: str) -> PartProof:
    return PartProof(
        part=part, against="RTL", outputs=0, proven=False, method="none", cpu_s=0.0, reason=reason
    )


def _judge(outcome: Outcome, part: str) -> PartProof:
    reason, compared = "", 0
    name = f"prove-{part}.yosys.log"
    if outcome.timed_out:
        reason = f"stopped after {outcome.command.time_limit_s:g} s"
    elif outcome.exit_status and "proof did fail" in outcome.last_words():
        reason = f"it does not start equal; counterexample in {name}"
    else:
        insist(outcome)
        log = (outcome.command.folder / name).read_text(errors="replace")
        status = log[log.rindex("Executing EQUIV_STATUS pass") :]
        compared = int(_TOTAL.findall(status)[0])
        unproven = _UNPROVEN.findall(status)
        if unproven:
            reason = (
                f"{len(unproven)} registers or outputs are open, first {unproven[0]}; see {name}"
            )
    return PartProof(
        part=part,
        against="RTL",
        outputs=compared,
        proven=not reason,
        method="none" if reason else "induction",
        cpu_s=round(outcome.cpu_s, 1),
        reason=reason,
    )
