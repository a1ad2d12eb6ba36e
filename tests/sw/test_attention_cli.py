"""``lutloom attention emit | simulate | synth`` on a small layer: files, records, refusals."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from attention_rows import make_calibrated, make_config
from synthetic_attention_report import make_target

from lutloom.attention.batch import random_batch
from lutloom.cli import main
from lutloom.compare import attention_targets
from lutloom.compare.attention_results import AttentionTarget
from lutloom.files.attention_onnx import write_attention
from lutloom.files.attention_rows import write_attention_rows
from lutloom_sim import attention as simulation

CALIBRATED = make_calibrated(make_config(pattern="local", stride=5), [300, 500], [0, 1])


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    capsys.readouterr()
    status = main(["attention", *map(str, words), "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out), err


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    path = tmp_path / "head.onnx"
    write_attention(CALIBRATED, path)
    write_attention_rows(random_batch(CALIBRATED.layer.config, 3), tmp_path / "head.npz")
    return path


def test_emit_leaves_verilog_and_rtlil(layer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, record, err = run(capsys, "emit", layer, "--lanes", 4)
    folder = layer.with_suffix("")
    assert (status, record["folder"]) == (0, str(folder))
    for name, digest in record["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "module lutloom_attention(" in (folder / "lutloom_attention.v").read_text()
    assert f"{record['cycles']:,} clocks" in err
    assert 0 < record["lane_use"] < 1
    again = run(capsys, "emit", layer, "--lanes", 4, "-o", layer.parent / "again")[1]
    assert again["sha256"] == record["sha256"]
    narrow = run(capsys, "emit", layer, "--lanes", 4, "--features-per-beat", 1)[1]
    assert narrow["sha256"] != record["sha256"]


def test_simulate_compares_the_rows_beside_the_layer(
    layer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("simulate", layer, "--lanes", 4, "--stalls", 0.25, "--waves")
    status, (in_amaranth, in_cocotb), err = run(capsys, *words)
    assert status == 0
    assert (in_amaranth["query_rows"], in_cocotb["query_rows"]) == (2 * 16, 3 * 2 * 16)
    assert in_amaranth["stall_probability"] == 0.5
    assert in_cocotb["stall_probability"] == 0.25
    assert in_amaranth["differing"] == in_cocotb["differing"] == 0
    assert len(in_cocotb["tests"]) == 3
    assert "random rows" not in err
    folder = layer.with_suffix("")
    assert json.loads((folder / "simulate.json").read_bytes())[1] == in_cocotb
    assert b"i__payload" in (folder / "waves.vcd").read_bytes()


def test_simulate_draws_rows_where_there_are_none(
    layer: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lutloom.cli.attention.layer.QUERY_ROWS", 64)
    monkeypatch.setitem(sys.modules, "torch", None)
    layer.with_suffix(".npz").unlink()
    status, (_, in_cocotb), err = run(capsys, "simulate", layer, "--lanes", 2, "--engines", 2)
    assert (status, in_cocotb["query_rows"]) == (0, 64)
    assert "head.npz is not there: random rows instead" in err


def test_simulate_fails_where_an_integer_differs(
    layer: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_calibrated(CALIBRATED.layer.config, [300, 499], [0, 1])
    true_emit = simulation.emit_attention_verilog
    monkeypatch.setattr(
        simulation, "emit_attention_verilog", lambda _, options: true_emit(other.layer, options)
    )
    status, record, err = run(capsys, "simulate", layer, "--lanes", 8)
    assert status == 1
    assert record[1]["differing"] > 0
    assert "the verilog must give the model's integers, but" in err
    assert "head 1, position" in err


REFUSED: list[tuple[tuple[object, ...], str]] = [
    (("--lanes", 3), "lanes: must be 1, 2, 4, 8 or 16, not 3"),
    (("--lanes", 16), "that divides the head size 8, not 16"),
    (("--lanes", 8, "--features-per-beat", 3), "must divide the engine's row of 8 features, not 3"),
    (("--engines", 3), "n_engines: must be 1..2, one a head at most, not 3"),
    (("--rows", "none.npz"), "none.npz: must exist"),
    (("--rows", "{layer}"), "must be an npz file with the arrays query, key and value"),
    (("--rows", "{other}"), "query: must be int8[1.., 2, 1..16, 8], all three alike"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_what_does_not_fit_is_refused(
    layer: Path, capsys: pytest.CaptureFixture[str], words: tuple[object, ...], message: str
) -> None:
    other = layer.parent / "other.npz"
    write_attention_rows(random_batch(make_config(head_size=16), 1), other)
    given = [str(word).format(layer=layer, other=other) for word in words]
    status, out, err = run(capsys, "simulate", layer, *given)
    assert status == 1
    assert message in out["error"]["message"]
    assert err.count("\n") == 1
    assert not layer.with_suffix("").exists()


@pytest.mark.parametrize("command", ["emit", "simulate", "synth"])
def test_a_file_that_is_no_layer_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = tmp_path / "head.onnx"
    status, out, _ = run(capsys, command, path)
    assert (status, "must exist" in out["error"]["message"]) == (1, True)
    path.write_bytes(b"\x08\x09")
    status, out, _ = run(capsys, command, path)
    assert (status, "head.onnx" in out["error"]["message"]) == (1, True)


@pytest.fixture
def chips(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Instead of synthesis: what it was asked for, and whether something is planted."""
    asked: list[dict[str, Any]] = [{}]

    def judge(layer: Any, batch: Any, device: str, **options: Any) -> AttentionTarget:
        asked.append({"layer": layer, "batch": batch, "device": device, **options})
        return make_target(device, **asked[0])

    monkeypatch.setattr(attention_targets, "judge_target", judge)
    return asked


def test_synth_says_what_a_chip_made_of_it(
    layer: Path, capsys: pytest.CaptureFixture[str], chips: list[dict[str, Any]]
) -> None:
    status, record, err = run(capsys, "synth", layer, "--device", "up5k", "--seeds", 2)
    assert status == 0
    asked = chips[1]
    assert (asked["device"], list(asked["seeds"])) == ("up5k", [1, 2])
    assert (asked["options"].lanes, asked["options"].features_per_beat) == (2, 1)
    assert asked["folder"] == layer.with_suffix("") / "synth-up5k"
    assert len(asked["batch"]) == 3
    assert record["tokens_per_second"] == 1_015_000.0
    assert json.loads((layer.with_suffix("") / "synth-up5k.json").read_bytes()) == record
    for words in ("1,015,000", "101.5", "1 of 2", "holds a multiplier", "simulated", "induction"):
        assert words in err
    run(capsys, "synth", layer)
    assert (chips[2]["options"].lanes, chips[2]["options"].features_per_beat) == (8, None)


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        ({"routed": False, "fmax_mhz": None, "bitstream_unpacked": None},
         "at least one run must route, but seed 1"),
        ({"bitstream_unpacked": False}, "the bitstream must unpack to what was routed"),
        ({"netlist": "differs"}, "the netlist must give the model's integers, but 4 of 768"),
    ],
)  # fmt: skip
def test_synth_fails_where_a_chip_does(
    layer: Path,
    capsys: pytest.CaptureFixture[str],
    chips: list[dict[str, Any]],
    planted: dict[str, Any],
    message: str,
) -> None:
    if planted.get("netlist"):
        netlist = make_target("25k").netlist
        assert netlist is not None
        planted = {"netlist": msgspec.structs.replace(netlist, differing=4)}
    chips[0].update(planted)
    status, _, err = run(capsys, "synth", layer)
    assert status == 1
    assert message in err


def test_synth_refuses_a_chip_there_is_not(
    layer: Path, capsys: pytest.CaptureFixture[str], chips: list[dict[str, Any]]
) -> None:
    status, out, _ = run(capsys, "synth", layer, "--device", "hx4k")
    assert status == 1
    assert (
        "device: must be one of hx8k, up5k, 25k, 45k, 85k, 25k-csfbga285, not 'hx4k'"
        in out["error"]["message"]
    )
    assert len(chips) == 1


def test_a_ladder_from_what_there_is() -> None:
    ladder = attention_targets.attention_ladder(targets=[make_target("25k")])
    assert ladder.L1.state == ladder.L2.state == ladder.L3.state == "not run"
    assert (ladder.L4.state, ladder.L5.state) == ("passed", "passed")
    assert "proven: intake; only simulated: lanes; 0 of 768 integers differ" in ladder.L4.evidence
    target = make_target("25k", bitstream_unpacked=False)
    netlist = target.netlist
    assert netlist is not None
    wrong = msgspec.structs.replace(netlist, marks_differing=1)
    ladder = attention_targets.attention_ladder(
        simulations=[wrong], targets=[msgspec.structs.replace(target, netlist=wrong)]
    )
    assert (ladder.L4.state, ladder.L5.state, ladder.L3.state) == ("failed", "failed", "not run")
    unrouted = make_target("25k", routed=False, bitstream_unpacked=None, netlist=None)
    ladder = attention_targets.attention_ladder(targets=[unrouted])
    assert (ladder.L4.state, ladder.L5.state) == ("not run", "not run")
    assert np.isclose(make_target("25k").cycles_per_token, 100)
