"""A board's design in simulation behind a pseudo-terminal, as host code sees it."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from lutloom import ir
from lutloom.emit import emit_design
from lutloom.errors import BoardError, ToolError
from lutloom.host import Board, open_port
from lutloom.host.frames import encode_frame
from lutloom.lower.random_network import random_network
from lutloom_hw.board.boards import find_board
from lutloom_hw.board.protocol import Design, Kind
from lutloom_hw.options import PipelineOptions
from lutloom_hw.top import Top
from lutloom_sim.twin import Twin

NETWORK = random_network(1, (40, 20), image=(6, 7))
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 6, 7), dtype=np.uint8)
EXPECTED = ir.classify(NETWORK, IMAGES).tolist()
KIND = find_board("hx8k")
OPTIONS = PipelineOptions(family="ice40")


@pytest.fixture(scope="module")
def verilog():
    return emit_design(NETWORK, KIND, OPTIONS)


@pytest.fixture
def twin(verilog):
    with Twin(verilog, KIND.clock_hz) as twin:
        yield twin


@pytest.fixture
def port(twin):
    port = open_port(twin.port_name)
    yield port
    port.close()


def classes(port, images=IMAGES):
    return [answer.class_index for answer in Board(port, timeout_s=20).classify(images)]


def test_it_says_what_it_is(port):
    identity = Board(port, timeout_s=20).identify()
    assert identity.design is Design.CLASSIFIER
    assert identity.model == ir.network_digest(NETWORK)[:8]
    assert (identity.height, identity.width, identity.n_classes) == (6, 7, 10)
    assert identity.clock_hz == KIND.clock_hz


def test_every_answer_is_the_network_s_and_as_late_as_stated(port):
    answers = list(Board(port, timeout_s=20).classify(IMAGES))
    assert [answer.class_index for answer in answers] == EXPECTED
    assert len(set(EXPECTED)) > 2
    latency = Top(NETWORK, PipelineOptions(family="ice40", pixels_per_beat=1)).latency_cycles
    assert {answer.clocks for answer in answers} == {latency}


def test_it_shows_the_last_class(twin, port):
    assert twin.digit is None
    classes(port)
    assert twin.digit == EXPECTED[-1]


def test_garbage_half_frames_and_wrong_requests_leave_it_usable(port):
    whole = encode_frame(bytes([Kind.CLASSIFY, 1]) + IMAGES[0].tobytes())
    noise = np.random.default_rng(1).integers(0, 256, 300, dtype=np.uint8).tobytes()
    for line in (noise, whole[:20], encode_frame(b"\x44hello"), whole[:-3], b"\x7d\x7e\x7e"):
        port.write(line)
        assert classes(port, IMAGES[:3]) == EXPECTED[:3]


def test_another_network_is_told_by_its_answers(port):
    other = random_network(2, (40, 20), image=(6, 7))
    assert classes(port) != ir.classify(other, IMAGES).tolist()


def test_it_rests_when_nobody_speaks(twin, port):
    classes(port, IMAGES[:1])
    deadline = time.monotonic() + 20
    before = -1
    while before != twin.clocks and time.monotonic() < deadline:
        before = twin.clocks
        time.sleep(0.3)
    assert before == twin.clocks


def test_the_port_goes_with_the_twin(verilog):
    with Twin(verilog, KIND.clock_hz) as twin:
        name = twin.port_name
        port = open_port(name)
        board = Board(port, timeout_s=0.2)
        assert os.path.exists(name)  # noqa: PTH110, a device's name
    with pytest.raises((BoardError, OSError)):
        board.identify()
    port.close()
    twin.close()


def test_verilog_without_a_serial_line_is_refused():
    with pytest.raises(ToolError):
        Twin("module lutloom_design(input clk); endmodule\n", KIND.clock_hz)
