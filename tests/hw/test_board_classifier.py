"""A board's whole design on its serial line: right answers, and one refusal for every fault."""

import numpy as np
import pytest
from amaranth.sim import Simulator
from serial_line import talk

from lutloom import ir
from lutloom.host.frames import FrameDecoder, encode_frame
from lutloom.lower.random_network import random_network
from lutloom_hw.board.classifier import ClassifierBoard
from lutloom_hw.board.frame_buffer import FrameBuffer
from lutloom_hw.board.protocol import BAUD, Design, Kind, Refusal
from lutloom_hw.options import PipelineOptions
from lutloom_hw.top import Top

CLOCKS_PER_BIT = 4
NETWORK = random_network(1, (40, 20), image=(5, 6))
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 6), dtype=np.uint8)
IMAGES[0, 0, :3] = 0x7E, 0x7D, 0x7E
EXPECTED = ir.classify(NETWORK, IMAGES)


def make_board(network=NETWORK):
    top = Top(network, PipelineOptions(pixels_per_beat=1))
    return ClassifierBoard(top, clock_hz=CLOCKS_PER_BIT * BAUD)


def request(sequence, image=IMAGES[0]):
    return bytes([Kind.CLASSIFY, sequence]) + image.tobytes()


def ask(line, **options):
    dut = make_board()
    decoder = FrameDecoder()
    frames = decoder.feed(talk(dut, line, clocks_per_bit=CLOCKS_PER_BIT, after=3000, **options))
    assert decoder.damaged == 0
    return frames


def refusal(reason):
    return bytes([Kind.REFUSAL, reason])


def test_images_one_after_the_other():
    line = b"".join(encode_frame(request(k, image)) for k, image in enumerate(IMAGES))
    frames = ask(line)
    assert len(set(EXPECTED.tolist())) > 1
    assert [frame[:3] for frame in frames] == [
        bytes([Kind.CLASS, k, answer]) for k, answer in enumerate(EXPECTED)
    ]
    latency = make_board().classifier.latency_cycles
    assert {int.from_bytes(frame[3:], "big") for frame in frames} == {latency}


def test_identity():
    (frame,) = ask(encode_frame(bytes([Kind.IDENTIFY])))
    digest = ir.network_digest(NETWORK)
    assert frame == (
        bytes([Kind.IDENTITY, 1, Design.CLASSIFIER])
        + bytes.fromhex(digest[:8])
        + bytes([5, 6, 10, 1])
        + (CLOCKS_PER_BIT * BAUD).to_bytes(4, "big")
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"noise", None),
        (encode_frame(b"\x07"), Refusal.UNKNOWN),
        (encode_frame(request(9)[:-1]), Refusal.LENGTH),
        (encode_frame(request(9) + b"\x00"), Refusal.LENGTH),
        (encode_frame(request(9) + bytes(50)), Refusal.LENGTH),
        (encode_frame(b"\x01\x00"), Refusal.LENGTH),
        (encode_frame(request(9))[:-9] + b"\x7e", Refusal.DAMAGED),
        (encode_frame(request(9))[:-9] + b"\x7d\x7e", Refusal.DAMAGED),
        (b"\x7e\x00\x7e", Refusal.DAMAGED),
    ],
)
def test_a_fault_is_refused_and_the_next_image_classified(line, reason):
    frames = ask(line + encode_frame(request(3)))
    refusals = [] if reason is None else [refusal(reason)]
    assert frames[-1][:3] == bytes([Kind.CLASS, 3, EXPECTED[0]])
    assert frames[:-1] in (refusals, [refusal(Refusal.DAMAGED)])
    assert reason is None or frames[:-1] == refusals


def test_a_bit_turned_anywhere_is_never_a_wrong_answer():
    whole = bytearray(encode_frame(request(3)))
    rng = np.random.default_rng(5)
    line = bytearray()
    for _ in range(12):
        damaged = bytearray(whole)
        damaged[int(rng.integers(1, len(whole) - 1))] ^= 1 << int(rng.integers(8))
        line += damaged
    frames = ask(bytes(line + whole))
    assert [frame[:3] for frame in frames if frame[0] == Kind.CLASS] == [
        bytes([Kind.CLASS, 3, EXPECTED[0]])
    ]


def test_a_request_while_one_is_at_work_is_refused_as_busy():
    dut = make_board()
    dut.classifier = Blocked()
    line = encode_frame(request(1)) + encode_frame(request(2))
    frames = FrameDecoder().feed(talk(dut, line, clocks_per_bit=CLOCKS_PER_BIT, after=3000))
    assert frames == [refusal(Refusal.BUSY)]


class Blocked(Top):
    """Take pixels and never answer."""

    def __init__(self):
        super().__init__(NETWORK, PipelineOptions(pixels_per_beat=1))

    def _build(self, m):
        m.d.comb += self.i.ready.eq(1)


def test_the_frame_buffer_refuses_only_what_waits():
    dut = FrameBuffer(8)
    seen = []

    async def bench(ctx):
        for k in range(8):
            ctx.set(dut.write, 1)
            ctx.set(dut.address, k)
            ctx.set(dut.pixel, 10 + k)
            assert ctx.get(dut.free)
            await ctx.tick()
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.pixel, 99)
        ctx.set(dut.o.ready, 1)
        while ctx.get(dut.streams):
            if ctx.get(dut.o.valid):
                seen.append(ctx.get(dut.o.payload))
            for k in range(8):  # write over all of it, all the time: only what has left may change
                ctx.set(dut.address, k)
                assert ctx.get(dut.free) == (k < len(seen) - ctx.get(dut.o.valid))
            ctx.set(dut.address, 7)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == list(range(10, 18))
