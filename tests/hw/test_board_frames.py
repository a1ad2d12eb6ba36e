"""Frames in gates against frames in Python: two makings of one protocol."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from lutloom.host.frames import FrameDecoder, encode_frame
from lutloom_hw.board.frame_receiver import FrameReceiver
from lutloom_hw.board.frame_sender import FrameSender
from lutloom_hw.board.protocol import CRC_BYTES, ESCAPE, FLAG

LENGTH_MAX = 40
SPECIAL = (FLAG, ESCAPE, FLAG ^ 0x20, ESCAPE ^ 0x20, 0)


def receive(line):
    """Give (contents and CRC, intact, length) of every frame the gates find."""
    dut = FrameReceiver(LENGTH_MAX)
    frames, frame = [], bytearray()

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        for byte in line:
            ctx.set(dut.i.payload, byte)
            if ctx.get(dut.is_byte):
                assert ctx.get(dut.index) == min(len(frame), LENGTH_MAX + 1)
                frame.append(ctx.get(dut.byte))
            if ctx.get(dut.ended):
                frames.append((bytes(frame), ctx.get(dut.intact), ctx.get(dut.index)))
            if byte == FLAG:
                frame.clear()
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return frames


def random_contents(rng, n):
    """Draw bytes, many of them special."""
    return bytes(rng.choice(SPECIAL) if rng.random() < 0.3 else rng.integers(256) for _ in range(n))


def random_line(seed):
    """Draw whole, damaged and half frames with noise between."""
    rng = np.random.default_rng(seed)
    line = bytearray()
    for _ in range(25):
        frame = bytearray(encode_frame(random_contents(rng, int(rng.integers(0, LENGTH_MAX - 2)))))
        kind = rng.integers(5)
        if kind == 0:
            frame[int(rng.integers(len(frame)))] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del frame[int(rng.integers(len(frame))) :]
        elif kind == 2:
            line += random_contents(rng, int(rng.integers(1, 6)))
        line += frame
    return bytes(line)


@pytest.mark.parametrize("seed", range(8))
def test_gates_and_python_find_the_same_frames(seed):
    line = random_line(seed)
    decoder = FrameDecoder()
    expected = decoder.feed(line)
    frames = receive(line)
    assert [frame[:-CRC_BYTES] for frame, intact, _ in frames if intact] == expected
    assert sum(not intact for _, intact, _ in frames) == decoder.damaged
    assert expected
    assert decoder.damaged


def test_a_frame_longer_than_any_counts_as_one_more_than_the_longest():
    (frame,) = receive(encode_frame(bytes(100)))
    assert frame[1:] == (1, LENGTH_MAX + 1)


@pytest.mark.parametrize("byte", range(0, 256, 5))
def test_any_single_bit_turned_is_noticed(byte):
    whole = encode_frame(bytes([1, byte, 0]))
    for bit in range(8 * 1, 8 * (len(whole) - 1)):
        line = bytearray(whole)
        line[bit // 8] ^= 1 << bit % 8
        assert not any(frame == bytes([1, byte, 0]) for frame in FrameDecoder().feed(bytes(line)))


def send(frames, stall_seed=None):
    """Give the bytes that the gates put on the line for contents."""
    dut = FrameSender()
    line = bytearray()
    rng = np.random.default_rng(stall_seed)
    bytes_left = [(byte, k == len(f) - 1) for f in frames for k, byte in enumerate(f)]
    total = sum(len(encode_frame(frame)) for frame in frames)

    async def bench(ctx):
        at, offered = 0, False
        while len(line) < total:
            if at < len(bytes_left) and (offered or stall_seed is None or rng.random() < 0.5):
                ctx.set(dut.i.payload.byte, bytes_left[at][0])
                ctx.set(dut.i.payload.last, bytes_left[at][1])
                ctx.set(dut.i.valid, 1)
                offered = True
            else:
                ctx.set(dut.i.valid, 0)
            ctx.set(dut.o.ready, stall_seed is None or bool(rng.random() < 0.5))
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                line.append(ctx.get(dut.o.payload))
            if offered and ctx.get(dut.i.ready):
                at, offered = at + 1, False
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return bytes(line)


@pytest.mark.parametrize("stall_seed", [None, 1, 2])
def test_the_gates_send_what_python_would(stall_seed):
    rng = np.random.default_rng(3)
    frames = [random_contents(rng, int(rng.integers(1, 20))) for _ in range(12)]
    assert send(frames, stall_seed) == b"".join(encode_frame(frame) for frame in frames)
