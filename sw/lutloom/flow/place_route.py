"""Place and route with nextpnr from several seeds, pack the best, and judge by its reports.

A seed that does not route in time is recorded as such and the others count.  nextpnr's exit status
says only whether the clock target was met, so the verdict comes from what it made: the routed text
and the report of this very run.

Example
-------
>>> placement = place_and_route(synthesis, find_device("hx8k"), seeds=(1, 2, 3))
>>> placement.fmax.median if placement.fmax else "not routed"
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lutloom.errors import InvalidRecipeError, ToolError
from lutloom.flow.bitstream import pack, placed_name, routed_names, sha256_of, unpacks
from lutloom.flow.devices import Device, larger_devices
from lutloom.flow.results import Fmax, SeedResult
from lutloom.flow.style import PIPELINE, Style
from lutloom.flow.synth import FLAT_JSON, Synthesis
from lutloom.flow.toolchain import Command, Outcome, log_lines, run_each
from lutloom.flow.unpack.placement import record_placement

SEED_TIME_LIMIT_S = 600.0
"""Wall time a seed may take before it counts as not routed."""

_UTILISATION = re.compile(r"Info:\s+(\S+):\s+(\d+)/\s*(\d+)\s+\d+%")
_LOGIC = ("ICESTORM_LC", "TRELLIS_COMB", "TRELLIS_FF")


class _Clock(msgspec.Struct, frozen=True):
    achieved: float
    constraint: float


class _Use(msgspec.Struct, frozen=True):
    used: int
    available: int


class _Report(msgspec.Struct, frozen=True):
    """Hold what we read of nextpnr's ``--report``."""

    fmax: dict[str, _Clock]
    utilization: dict[str, _Use]
    critical_paths: list[dict[str, Any]] = []


@dataclass(frozen=True, slots=True)
class Placement:
    """Hold the runs of all seeds and the bitstream that was kept.

    Parameters
    ----------
    seeds : tuple of SeedResult
    best_seed : int or None
        The fastest's, the lowest among equals; None if none routed.
    bitstream : Path or None
        The best seed's.
    record : Path or None
        Where the best seed's pins and drivers are, from :mod:`lutloom.flow.unpack.placement`.
    bitstream_unpacked : bool or None
        Whether unpacking it gives the text nextpnr wrote.
    cpu_s : float
    """

    seeds: tuple[SeedResult, ...]
    best_seed: int | None
    bitstream: Path | None
    record: Path | None
    bitstream_unpacked: bool | None
    cpu_s: float

    @property
    def fmax(self) -> Fmax | None:
        """The clock over the seeds that routed."""
        routed = {s.seed: s.fmax_mhz for s in self.seeds if s.fmax_mhz is not None}
        if not routed:
            return None
        return Fmax(
            min=min(routed.values()), median=statistics.median(routed.values()), seeds=routed
        )


def check_fit(synthesis: Synthesis, device: Device) -> None:
    """Refuse a netlist that cannot fit, before any time is spent on placing it.

    Parameters
    ----------
    synthesis : Synthesis
    device : Device

    Raises
    ------
    InvalidRecipeError
        Naming what is needed, what there is, and what to do.
    """
    if synthesis.family != device.family:
        raise InvalidRecipeError(
            f"device {device.name}: the netlist must be for {device.family}, "
            f"not {synthesis.family}; synthesise for this device"
        )
    need = synthesis.resources
    for what, needed, there in (
        ("LUT4s", need.lut4, device.lut4),
        ("flip-flops", need.ff, device.ff),
    ):
        if needed > there:
            raise _too_large(synthesis.style, device, what, needed, there, need.lut4, need.ff)
    for what, needed, there in (
        ("multipliers", need.dsp, device.dsp),
        ("block memories", need.bram, device.bram),
        ("large memories", need.spram, device.spram),
    ):
        if needed > there:
            raise InvalidRecipeError(
                f"device {device.name}: the design needs {needed} {what}, {device.name} has "
                f"{there}; lower '{synthesis.style.smaller}' or the context, or choose a larger "
                "device"
            )
    if synthesis.pins > device.pins:
        raise InvalidRecipeError(
            f"device {device.name}: the design must have at most {device.pins} pins, "
            f"not {synthesis.pins}; lower '{synthesis.style.narrower}'"
        )


def _too_large(
    style: Style, device: Device, what: str, needed: int, there: int, lut4: int, ff: int
) -> InvalidRecipeError:
    others = larger_devices(device, max(lut4, needed), max(ff, needed))
    remedy = f" or choose {others[0]}" if others else ""
    return InvalidRecipeError(
        f"device {device.name}: the design needs {needed:,} {what}, {device.name} has {there:,}; "
        f"lower '{style.smaller}'{remedy}"
    )


def place_arguments(
    device: Device, seed: int, constraints: str | None = None, style: Style = PIPELINE
) -> tuple[str, ...]:
    """Say what nextpnr is told for one seed, with file names of its working directory.

    Parameters
    ----------
    device : Device
    seed : int
    constraints : str or None
        File of pins and clocks; None: nextpnr chooses pins.
    style : Style

    Returns
    -------
    tuple of str
    """
    routed, report = routed_names(device.family, seed)
    ice40 = device.family == "ice40"
    return (
        *device.arguments,
        *("--json", FLAT_JSON),
        *("--asc" if ice40 else "--textcfg", routed),
        *("--report", report),
        *("--write", placed_name(seed)),
        *("--seed", str(seed)),
        *("--freq", f"{device.clock_target_hz / 1e6:g}"),
        *style.placement,
        "--timing-allow-fail",
        *_pins(ice40, constraints),
    )


def _pins(ice40: bool, constraints: str | None) -> tuple[str, ...]:
    kind = "--pcf" if ice40 else "--lpf"
    return (f"{kind}-allow-unconstrained",) if constraints is None else (kind, constraints)


def _command(
    synthesis: Synthesis, device: Device, seed: int, time_limit_s: float, constraints: str | None
) -> Command:
    return Command(
        device.place_and_route,
        place_arguments(device, seed, constraints, synthesis.style),
        synthesis.folder,
        f"nextpnr-{seed}.log",
        products=(*routed_names(device.family, seed), placed_name(seed)),
        time_limit_s=time_limit_s,
    )


def _read_report(path: Path) -> _Report:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Report)
    except msgspec.DecodeError as error:
        raise ToolError(
            f"{path}: must be a whole report of nextpnr's ({error}); "
            "free some space on the disk and run again"
        ) from None


def _describe_path(report: _Report) -> str:
    """Say in one line how the slowest path between registers of one clock spends its time."""
    slowest, words = 0.0, ""
    for path in report.critical_paths:
        if path.get("from") != path.get("to"):
            continue
        by_type: dict[str, float] = {}
        for step in path["path"]:
            by_type[step["type"]] = by_type.get(step["type"], 0.0) + step["delay"]
        total = sum(by_type.values())
        if total > slowest:
            nets = [step["net"] for step in path["path"] if "net" in step]
            last = path["path"][-1]["to"]["cell"]
            routing = by_type.get("routing", 0.0)
            slowest = total
            words = (
                f"{total:.2f} ns ({total - routing:.2f} logic, {routing:.2f} routing) "
                f"from {' by '.join(nets[:1] + nets[1:][-1:])} to {last}"
            )
    return words


def _judge(outcome: Outcome, device: Device, seed: int, style: Style = PIPELINE) -> SeedResult:
    """Turn one run into a result; raise for a fault that no seed would cure."""
    cpu_s = round(outcome.cpu_s, 1)
    log = log_lines(outcome.command.log_path)
    if outcome.timed_out:
        limit = outcome.command.time_limit_s
        return SeedResult(
            seed=seed,
            routed=False,
            cpu_s=cpu_s,
            reason=f"stopped after {limit:g} s: {outcome.last_words('Info')}",
        )
    if not outcome.missing:
        report = _read_report(outcome.command.folder / routed_names(device.family, seed)[1])
        return SeedResult(
            seed=seed,
            routed=True,
            cpu_s=cpu_s,
            fmax_mhz=round(min((c.achieved for c in report.fmax.values()), default=0.0), 2),
            utilisation={k: u.used for k, u in sorted(report.utilization.items()) if u.used},
            critical_path=_describe_path(report),
        )
    used = {m[1]: (int(m[2]), int(m[3])) for line in log if (m := _UTILISATION.match(line))}
    for name in _LOGIC:
        needed, there = used.get(name, (0, 1))
        if needed > there:
            what = "flip-flops" if name == "TRELLIS_FF" else "logic cells"
            raise _too_large(style, device, what, needed, there, needed, 0)
    reason = outcome.last_words()
    if outcome.exit_status < 0 or not re.search(r"rout|place", reason, re.IGNORECASE):
        raise ToolError(
            f"{outcome.command.tool}, seed {seed}: must make a routed design, not end with status "
            f"{outcome.exit_status} ({reason}); see {outcome.command.log_path}"
        )
    return SeedResult(seed=seed, routed=False, cpu_s=cpu_s, reason=reason)


def place_and_route(
    synthesis: Synthesis,
    device: Device,
    seeds: Sequence[int] = (1, 2, 3),
    *,
    parallel: int | None = None,
    time_limit_s: float = SEED_TIME_LIMIT_S,
    constraints: str | None = None,
    user_code: int = 0,
    on_seed: Callable[[SeedResult], None] | None = None,
) -> Placement:
    """Place and route from each seed and pack the fastest.

    Parameters
    ----------
    synthesis : Synthesis
    device : Device
    seeds : sequence of int
        nextpnr's, each different.
    constraints : str or None
        File in the netlist's folder of pins and clocks; None: nextpnr chooses pins.
    user_code : int
        32 bits that an ECP5 tells over its programming cable; iCE40 has none.
    parallel : int or None
        Runs at a time; None: one a processor.
    time_limit_s : float
        Wall time of one seed.
    on_seed : callable or None
        Told of each seed as it ends.

    Returns
    -------
    Placement

    Raises
    ------
    InvalidRecipeError
        If the design does not fit the device.
    ToolError
        If nextpnr fails for a reason no other seed would cure, or the bitstream cannot be packed.
    """
    check_fit(synthesis, device)
    commands = {
        seed: _command(synthesis, device, seed, time_limit_s, constraints) for seed in seeds
    }
    by_log = {command.log: seed for seed, command in commands.items()}
    results: dict[int, SeedResult] = {}
    for outcome in run_each(list(commands.values()), parallel):
        seed = by_log[outcome.command.log]
        results[seed] = _judge(outcome, device, seed, synthesis.style)
        if on_seed is not None:
            on_seed(results[seed])
    ordered = [results[seed] for seed in commands]
    cpu_s = sum(result.cpu_s for result in ordered)
    routed = [result for result in ordered if result.routed]
    if not routed:
        return Placement(tuple(ordered), None, None, None, None, cpu_s)
    best = max(routed, key=lambda result: (result.fmax_mhz or 0.0, -result.seed))
    bitstream = pack(synthesis.folder, device.family, best.seed, user_code)
    packed = msgspec.structs.replace(best, bitstream_sha256=sha256_of(bitstream))
    ordered[ordered.index(best)] = packed
    unpacked = unpacks(synthesis.folder, device.family, best.seed, bitstream, user_code)
    record = record_placement(synthesis.folder / placed_name(best.seed), device)
    for seed in seeds:
        (synthesis.folder / placed_name(seed)).unlink(missing_ok=True)
    return Placement(tuple(ordered), best.seed, bitstream, record, unpacked, round(cpu_s, 1))
