"""A board's whole design through the tools: proven but for pads and memory, pins as asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lutloom import ir
from lutloom.errors import InvalidRecipeError
from lutloom.flow.board_target import CONSTRAINTS, synthesise_board
from lutloom.flow.devices import find_device
from lutloom.flow.manifest import Manifest
from lutloom.flow.results import TargetResult
from lutloom.lower.random_network import random_network
from lutloom.schema import read_json
from lutloom_hw.board.boards import BOARDS, find_board
from lutloom_hw.board.protocol import BAUD
from lutloom_hw.board.uart import CLOCKS_PER_BIT_MIN

NETWORK = random_network(1, (40, 20), image=(6, 6))


@pytest.fixture(scope="module", params=["icebreaker", "orangecrab"])
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, TargetResult]:
    folder = tmp_path_factory.mktemp(request.param)
    board = find_board(request.param)
    return request.param, folder, synthesise_board(NETWORK, board, folder=folder, seeds=(1,))


def test_all_but_pads_and_the_frame_buffer_is_proven(
    built: tuple[str, Path, TargetResult],
) -> None:
    _, _, result = built
    left = {proof.part: proof.reason for proof in result.proofs if not proof.proven}
    assert set(left) == {"pads", "design.frame_buffer.pixels"}
    assert "the chip's own" in left["pads"]
    assert result.layers_proven


def test_it_routes_faster_than_the_board_s_oscillator(
    built: tuple[str, Path, TargetResult],
) -> None:
    name, _, result = built
    assert result.pins_constrained
    assert result.bitstream_unpacked
    assert result.fmax_mhz is not None
    assert result.fmax_mhz.min * 1e6 > find_board(name).clock_hz
    assert result.bram == 1


def test_pins_are_inputs_of_the_manifest(built: tuple[str, Path, TargetResult]) -> None:
    name, folder, _ = built
    manifest = read_json(folder / "manifest.json", Manifest)
    constraints = CONSTRAINTS[find_device(find_board(name).device).family]
    assert constraints in manifest.inputs
    assert constraints in manifest.arguments


def test_the_chip_tells_the_model_over_its_programming_cable(
    built: tuple[str, Path, TargetResult],
) -> None:
    name, folder, _ = built
    if find_device(find_board(name).device).family != "ecp5":
        return
    code = bytes.fromhex(ir.network_digest(NETWORK)[:8])
    assert b"\xc2\x80\x00\x00" + code in (folder / "bitstream.bit").read_bytes()


def test_every_board_can_make_the_baud_rate_and_has_a_chip() -> None:
    for board in BOARDS.values():
        assert board.clock_hz % BAUD == 0
        assert board.clock_hz // BAUD >= CLOCKS_PER_BIT_MIN
        assert find_device(board.device).name == board.device
        platform = board.platform()
        assert platform.default_clk_frequency == board.clock_hz


def test_an_unknown_board() -> None:
    with pytest.raises(InvalidRecipeError, match=r"must be one of icebreaker, .* not 'icestick'"):
        find_board("icestick")


def test_a_network_too_large_for_a_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(find_device("up5k"), lut4=300)
    monkeypatch.setattr("lutloom.flow.board_target.find_device", lambda _: small)
    with pytest.raises(InvalidRecipeError, match=r"device up5k: the design needs \d+ LUT4s"):
        synthesise_board(NETWORK, find_board("icebreaker"), folder=tmp_path, seeds=(1,))
