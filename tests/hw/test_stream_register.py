"""The register in a stream: nothing lost, nothing late, and no path through it."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import Module, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from attention_engine import drive

from lutloom.errors import MismatchError, ToolError
from lutloom_hw.stage import Block
from lutloom_hw.stream_register import StreamRegister

WORDS = np.random.default_rng(0).integers(0, 1 << 16, 200).tolist()


def make_register():
    return StreamRegister(unsigned(16))


def simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def check_no_path(dut, held):
    """Turn each input's wire and look at the outputs before the next clock."""

    def outputs(ctx):
        return ctx.get(dut.i.ready), ctx.get(dut.o.valid), ctx.get(dut.o.payload)

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        for _ in range(held):
            await ctx.tick()
        ctx.set(dut.i.valid, 0)
        before = outputs(ctx)
        assert before[:2] == (held < 2, held > 0)
        for valid, ready, payload in itertools.product((0, 1), (0, 1), (0, 0xFFFF)):
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.o.ready, ready)
            ctx.set(dut.i.payload, payload)
            assert outputs(ctx) == before

    simulate(dut, bench)


@pytest.mark.parametrize("i_stall", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("o_stall", [0.0, 0.3, 0.9])
def test_every_payload_comes_out_in_order_and_stays_while_it_waits(i_stall, o_stall):
    for seed in range(3):
        trace = drive(
            make_register(), WORDS, len(WORDS), i_stall=i_stall, o_stall=o_stall, seed=seed
        )
        assert trace.words == WORDS


def test_one_word_a_clock_after_one_clock():
    trace = drive(make_register(), WORDS, len(WORDS))
    first = trace.taken[0]
    assert trace.taken == list(range(first, first + len(WORDS)))
    assert trace.given == [clock + StreamRegister.latency_cycles for clock in trace.taken]


@pytest.mark.parametrize("held", [0, 1, 2])
def test_no_path_leads_through_it_in_either_direction(held):
    check_no_path(make_register(), held)


def test_two_words_wait_and_a_third_is_refused():
    dut = make_register()
    seen = []

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        for word in (7, 8, 9, 9):
            ctx.set(dut.i.payload, word)
            await ctx.tick()
            seen.append((ctx.get(dut.i.ready), ctx.get(dut.o.payload)))

    simulate(dut, bench)
    assert seen == [(1, 7), (0, 7), (0, 7), (0, 7)]


@pytest.mark.parametrize("reset_at", [1, 2, 5, 8])
@pytest.mark.parametrize("o_stall", [0.0, 0.7, 0.95])
def test_a_reset_empties_it(reset_at, o_stall):
    trace = drive(make_register(), WORDS, len(WORDS), reset_at=reset_at, o_stall=o_stall)
    assert trace.words == WORDS


class OneRegister(Block):
    """Be a single register: its input must know whether its output moves."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def _build(self, m: Module) -> None:
        m.d.comb += self.i.ready.eq(self.o.ready | ~self.o.valid)
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid), self.o.payload.eq(self.i.payload)]


class AlwaysReady(OneRegister):
    """Take a word whether or not the one before has left."""

    def _build(self, m: Module) -> None:
        m.d.comb += self.i.ready.eq(1)
        m.d.sync += [self.o.valid.eq(self.i.valid), self.o.payload.eq(self.i.payload)]


def test_a_path_is_caught():
    with pytest.raises(AssertionError):
        check_no_path(OneRegister(unsigned(16)), 1)


def test_a_lost_word_is_caught():
    with pytest.raises((MismatchError, ToolError)):
        drive(AlwaysReady(unsigned(16)), WORDS, len(WORDS), o_stall=0.3)
