from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from lutloom.errors import InvalidRecipeError, ToolError
from lutloom.flow import check_fit, find_device, place_and_route
from lutloom.flow.bitstream import sha256_of, unpacks
from lutloom.flow.place_route import _judge
from lutloom.flow.results import Resources, SeedResult
from lutloom.flow.toolchain import Command, Outcome

DEVICE = {"ice40": "hx8k", "ecp5": "25k"}


def test_two_seeds_give_clocks_and_a_bitstream(planted: Any) -> None:
    heard: list[SeedResult] = []
    device = find_device(DEVICE[planted.options.family])
    placement = place_and_route(planted.synthesis, device, (7, 8), on_seed=heard.append)
    assert [seed.seed for seed in placement.seeds] == [7, 8]
    assert sorted(result.seed for result in heard) == [7, 8]
    assert placement.fmax is not None
    assert placement.fmax.min == min(placement.fmax.seeds.values()) > 20.0
    assert placement.fmax.min <= placement.fmax.median <= max(placement.fmax.seeds.values())
    best = next(seed for seed in placement.seeds if seed.seed == placement.best_seed)
    assert best.fmax_mhz == max(placement.fmax.seeds.values())
    assert best.utilisation
    assert " ns (" in best.critical_path
    assert placement.bitstream is not None
    assert best.bitstream_sha256 == sha256_of(placement.bitstream)
    assert placement.bitstream_unpacked is True

    data = bytearray(placement.bitstream.read_bytes())
    data[len(data) // 2] ^= 1  # a fault the unpacked text must show
    placement.bitstream.write_bytes(bytes(data))
    try:
        same = unpacks(planted.synthesis.folder, device.family, best.seed, placement.bitstream)
    except ToolError:
        same = False
    assert not same


def test_a_seed_that_takes_too_long_is_not_routed(planted: Any) -> None:
    device = find_device(DEVICE[planted.options.family])
    placement = place_and_route(planted.synthesis, device, (1,), time_limit_s=0.3)
    assert placement.fmax is None
    assert placement.best_seed is None
    assert placement.bitstream is None
    (seed,) = placement.seeds
    assert not seed.routed
    assert seed.reason.startswith("stopped after 0.3 s")


@pytest.mark.parametrize(
    ("used", "pins", "message"),
    [
        (Resources(lut4=9100, ff=100), 10, "needs 9,100 LUT4s, hx8k has 7,680.*choose 25k"),
        (Resources(lut4=100, ff=30_000), 10, "needs 30,000 flip-flops, hx8k has 7,680.*choose 45k"),
        (Resources(lut4=100, ff=100), 300, "at most 206 pins, not 300; lower 'pixels_per_beat'"),
    ],
)
def test_a_design_that_cannot_fit(small: Any, used: Resources, pins: int, message: str) -> None:
    synthesis = dataclasses.replace(
        small.synthesis, family="ice40", by_part={"layers": used}, pins=pins
    )
    with pytest.raises(InvalidRecipeError, match=message):
        check_fit(synthesis, find_device("hx8k"))


def test_nothing_larger_to_choose(small: Any) -> None:
    used = {"layers": Resources(lut4=99_999)}
    synthesis = dataclasses.replace(small.synthesis, family="ecp5", by_part=used)
    with pytest.raises(InvalidRecipeError, match=r"lower 'widths'$"):
        check_fit(synthesis, find_device("85k"))


def test_a_netlist_of_another_family(small: Any) -> None:
    other = find_device("25k" if small.options.family == "ice40" else "hx8k")
    with pytest.raises(InvalidRecipeError, match=f"the netlist must be for {other.family}, not"):
        check_fit(small.synthesis, other)


def outcome(folder: Path, log: str, status: int) -> Outcome:
    (folder / "log").write_text(log)
    command = Command("nextpnr-ice40", (), folder, "log", ("routed-1.asc", "nextpnr-1.json"))
    return Outcome(command, status, False, 1.0, 1.0, 1)


def test_nextpnr_says_it_does_not_fit(tmp_path: Path) -> None:
    log = "Info: \t         ICESTORM_LC:    9100/   7680   118%\nERROR: Unable to place cell 'x'\n"
    message = "needs 9,100 logic cells, hx8k has 7,680; lower 'widths' or choose 25k"
    with pytest.raises(InvalidRecipeError, match=message):
        _judge(outcome(tmp_path, log, 1), find_device("hx8k"), 1)


def test_a_placement_that_fails_is_the_seeds_fault(tmp_path: Path) -> None:
    log = "Info: \t         ICESTORM_LC:    7600/   7680    98%\nERROR: Unable to place cell 'x'\n"
    result = _judge(outcome(tmp_path, log, 1), find_device("hx8k"), 1)
    assert not result.routed
    assert result.reason == "ERROR: Unable to place cell 'x'"


def test_any_other_failure_is_the_tools(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"status 1 \(ERROR: no top module\); see .*log"):
        _judge(outcome(tmp_path, "ERROR: no top module\n", 1), find_device("hx8k"), 1)


def test_a_torn_report_is_the_tools_fault(tmp_path: Path) -> None:
    (tmp_path / "routed-1.asc").write_text(".device 8k\n")
    (tmp_path / "nextpnr-1.json").write_text('{"fmax": {"clk"')
    with pytest.raises(ToolError, match="must be a whole report"):
        _judge(outcome(tmp_path, "", 0), find_device("hx8k"), 1)


def test_a_missed_clock_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "routed-1.asc").write_text(".device 8k\n")
    (tmp_path / "nextpnr-1.json").write_text(
        '{"fmax": {"clk": {"achieved": 61.25, "constraint": 150.0}}, "critical_paths": [],'
        ' "utilization": {"ICESTORM_LC": {"used": 10, "available": 7680}}}'
    )
    result = _judge(outcome(tmp_path, "ERROR: Max frequency\n", 1), find_device("hx8k"), 1)
    assert (result.routed, result.fmax_mhz) == (True, 61.25)
    assert result.utilisation == {"ICESTORM_LC": 10}
