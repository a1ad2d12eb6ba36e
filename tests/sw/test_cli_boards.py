"""The commands about boards, as they are typed: what they print, and what they say of faults."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from board_folder import IMAGES, NETWORK, make_folder

from lutloom import ir
from lutloom.cli import main

EXPECTED = ir.classify(NETWORK, IMAGES)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("hx8k"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "some.npz"
    np.savez(path, images=IMAGES, labels=EXPECTED)
    return str(path)


def run(capsys, *words):
    status = main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_classify_on_the_twin(shipped, pictures, capsys):
    status, out, err = run(
        capsys, "classify", pictures, "--twin", "--bitstream", str(shipped), "--images", "12"
    )
    assert status == 0
    assert out.splitlines() == [f"some.npz[{k}]: {EXPECTED[k]}" for k in range(12)]
    assert "0 of 12 differ from the network" in err
    assert "100.00 % right" in err


def test_classify_as_json(shipped, pictures, capsys):
    status, out, _ = run(
        capsys, "classify", pictures, "--twin", "--bitstream", str(shipped), "--images", "3",
        "--json",
    )  # fmt: skip
    assert status == 0
    found = json.loads(out)
    assert found["classes"] == EXPECTED[:3].tolist()
    assert (found["mismatches"], found["accuracy"]) == (0, 1.0)
    assert found["board"] == ir.network_digest(NETWORK)[:8]


def test_answers_other_than_the_network_s_end_in_status_1(shipped, pictures, capsys, monkeypatch):
    monkeypatch.setattr(
        "lutloom.cli.classification.ir.classify", lambda _, images: np.zeros(len(images), int)
    )
    status, _, err = run(capsys, "classify", pictures, "--twin", "--bitstream", str(shipped))
    assert status == 1
    assert "every answer must be the network's, but" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "must have a board's --port NAME or --twin, and not both"),
        (("--twin", "--port", "/dev/null"), "and not both"),
        (("--twin",), "must have a model; name one with --bitstream DIR or --work DIR"),
        (("--port", "/dev/nothing"), "port /dev/nothing: must be a serial port"),
        (("--twin", "--bitstream", "/nowhere"), "must be a bitstream's folder"),
        (("--twin", "--work", "/nowhere"), "must exist; run first: lutloom lower"),
    ],
)
def test_what_is_typed_wrong_is_said_in_one_line(pictures, capsys, words, message):
    status, out, err = run(capsys, "classify", pictures, *words)
    assert status == 1
    assert out == ""
    (line,) = [line for line in err.splitlines() if "error" in line]
    assert message in line


def test_a_picture_that_is_not_there(shipped, capsys):
    status, _, err = run(
        capsys, "classify", "no.png", "--twin", "--bitstream", str(shipped)
    )  # fmt: skip
    assert status == 1
    assert "no.png" in err


def test_verify(shipped, capsys):
    status, out, _ = run(capsys, "verify", str(shipped))
    assert status == 0
    assert "bitstream.bin" in out
    assert "DIFFERS" not in out


def test_verify_finds_what_differs(shipped, tmp_path, capsys):
    folder = shutil.copytree(shipped, tmp_path / "copy")
    raw = json.loads((folder / "manifest.json").read_text())
    raw["inputs"]["pins.pcf"] = "1" * 64
    (folder / "manifest.json").write_text(json.dumps(raw))
    status, out, err = run(capsys, "verify", str(folder))
    assert status == 1
    assert "DIFFERS" in out
    assert "pins.pcf" in err


def test_program_without_a_board(shipped, capsys):
    status, out, err = run(
        capsys, "program", str(shipped), "--board", "hx8k", "--dry-run", "--json"
    )
    assert status == 0
    assert json.loads(out)["done"] is False
    assert "would run" in err
    status, _, err = run(capsys, "program", str(shipped), "--board", "ulx3s")
    assert status == 1
    assert "must be for ulx3s, not hx8k; nothing was programmed" in err


def test_an_unknown_board_is_named(shipped, capsys):
    status, _, err = run(capsys, "program", str(shipped), "--board", "arduino")
    assert status == 1
    assert "must be one of icebreaker, hx8k, ulx3s, orangecrab, not 'arduino'" in err


@pytest.mark.parametrize("command", ["bitstream", "classify", "program", "verify"])
def test_help_has_examples(command, capsys):
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert f"lutloom {command}" in out
    assert "Examples" in out
