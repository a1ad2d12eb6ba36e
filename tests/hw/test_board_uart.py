"""Bytes over wires: every byte, at rates that are a little off, and nothing out of noise."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out
from amaranth.sim import Simulator
from serial_line import talk

from lutloom_hw.board.uart import CLOCKS_PER_BIT_MIN, UartReceiver, UartTransmitter

EVERY_BYTE = bytes(np.random.default_rng(0).permutation(256).astype(np.uint8))


class Echo(Component):
    """Send back what comes, through a register, so that a byte may wait for the line."""

    def __init__(self, clocks_per_bit):
        self.clocks_per_bit = clocks_per_bit
        super().__init__({"rx": In(1), "tx": Out(1)})

    def elaborate(self, _):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self.clocks_per_bit)
        m.submodules.transmitter = transmitter = UartTransmitter(self.clocks_per_bit)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        with m.If(receiver.o.valid):
            m.d.sync += [
                transmitter.i.payload.eq(receiver.o.payload),
                transmitter.i.valid.eq(1),
            ]
        with m.Elif(transmitter.i.ready):
            m.d.sync += transmitter.i.valid.eq(0)
        return m


@pytest.mark.parametrize("clocks_per_bit", [CLOCKS_PER_BIT_MIN, 5, 12])
def test_every_byte_comes_back(clocks_per_bit):
    said = talk(Echo(clocks_per_bit), EVERY_BYTE, clocks_per_bit=clocks_per_bit)
    assert said == EVERY_BYTE


@pytest.mark.parametrize("percent", [-3, 3])
def test_a_sender_may_be_a_few_percent_off(percent):
    """Bits of 25 clocks last 24.25 or 25.75 on average."""
    whole = 25
    ends = [round(n * whole * (1 + percent / 100)) for n in range(64 * 10 + 1)]
    receiver_sees = talk(
        Echo(whole),
        EVERY_BYTE[:64],
        clocks_per_bit=whole,
        # Our own echo is slower than a fast sender: leave it out of the comparison by a long rest.
        bit_clocks=lambda n: ends[n + 1] - ends[n] + (40 if n % 10 == 9 else 0),
    )
    assert receiver_sees == EVERY_BYTE[:64]


def test_a_sender_far_off_is_not_understood():
    said = talk(Echo(20), EVERY_BYTE[:20], clocks_per_bit=20, bit_clocks=lambda _: 26)
    assert said != EVERY_BYTE[:20]


def run_line(levels, clocks_per_bit=8):
    """Give the bytes a receiver makes of (level, clocks) on its line."""
    dut = UartReceiver(clocks_per_bit)
    received = []

    async def line(ctx):
        for level, clocks in levels:
            ctx.set(dut.rx, level)
            for _ in range(clocks):
                await ctx.tick()
                if ctx.get(dut.o.valid):
                    received.append(ctx.get(dut.o.payload))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(line)
    simulator.run()
    return received


def test_a_short_dip_is_no_start_bit():
    assert run_line([(1, 20), (0, 2), (1, 200)]) == []


def test_a_byte_without_a_stop_bit_is_dropped_and_the_next_one_heard():
    zeros = [(0, 8 * 10), (1, 30)]  # a break: start, eight zeros, and no stop bit
    five = [(0, 8), (1, 8), (0, 8), (1, 8), (0, 8 * 5), (1, 60)]
    assert run_line([(1, 20), *zeros, *five]) == [5]


def test_a_stream_of_bytes_leaves_without_gaps():
    dut = UartTransmitter(6)
    taken = []

    async def bench(ctx):
        ctx.set(dut.i.payload, 0x55)
        ctx.set(dut.i.valid, 1)
        for clock in range(200):
            if ctx.get(dut.i.ready):
                taken.append(clock)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert np.diff(taken).tolist() == [60] * (len(taken) - 1)
    assert len(taken) == 4
