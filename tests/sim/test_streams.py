from __future__ import annotations

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator, SimulatorContext

from lutloom.errors import InvalidRecipeError, MismatchError, ToolError
from lutloom_sim.streams import Stalls, stream_get, stream_put

PAYLOADS = [(7 * k + 3) % 256 for k in range(60)]


class Queue(wiring.Component):
    """Pass payloads on; ``fault`` names what goes wrong."""

    def __init__(self, fault: str = "", always: bool = False) -> None:
        self.fault = fault
        signature = stream.Signature(unsigned(8), always_ready=always)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        if self.i.signature.always_ready:
            m.d.sync += [self.o.payload.eq(self.i.payload), self.o.valid.eq(self.i.valid)]
            return m
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=8, depth=4)
        blink = Signal()
        m.d.sync += blink.eq(~blink)
        wiring.connect(m, wiring.flipped(self.i), fifo.w_stream)
        m.d.comb += [
            self.o.payload.eq(fifo.r_data ^ ((self.fault == "changes") & blink)),
            self.o.valid.eq(fifo.r_rdy & ~((self.fault == "withdraws") & blink)),
            fifo.r_en.eq(self.o.ready & self.o.valid),
        ]
        if self.fault == "hangs":
            m.d.comb += [self.o.valid.eq(0), fifo.r_en.eq(0)]
        return m


def _run(
    queue: Queue, *, i_stall: float = 0.0, o_stall: float = 0.0, count: int = len(PAYLOADS)
) -> tuple[list[int], int]:
    taken: list[int] = []
    clocks = 0

    async def source(ctx: SimulatorContext) -> None:
        await stream_put(
            ctx, queue.i, PAYLOADS, stall_probability=i_stall, rng=np.random.default_rng(1),
            idle_limit_cycles=200,
        )  # fmt: skip

    async def sink(ctx: SimulatorContext) -> None:
        taken.extend(
            await stream_get(
                ctx, queue.o, count, stall_probability=o_stall, rng=np.random.default_rng(2),
                idle_limit_cycles=300,
            )
        )  # fmt: skip

    async def clock(ctx: SimulatorContext) -> None:
        nonlocal clocks
        async for _ in ctx.tick():
            clocks += 1

    simulator = Simulator(queue)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.add_testbench(clock, background=True)
    simulator.run()
    return taken, clocks


@pytest.mark.parametrize("i_stall", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("o_stall", [0.0, 0.5, 0.9])
def test_payloads_arrive_in_order_under_any_stalls(i_stall: float, o_stall: float) -> None:
    taken, _ = _run(Queue(), i_stall=i_stall, o_stall=o_stall)
    assert taken == PAYLOADS


def test_without_stalls_one_payload_moves_each_clock() -> None:
    _, clocks = _run(Queue())
    assert clocks <= len(PAYLOADS) + 4


def test_stalls_do_slow_both_sides_down() -> None:
    _, free = _run(Queue())
    assert _run(Queue(), i_stall=0.5)[1] > 1.5 * free
    assert _run(Queue(), o_stall=0.5)[1] > 1.5 * free


def test_streams_that_are_always_ready_are_driven_too() -> None:
    taken, _ = _run(Queue(always=True), i_stall=0.5)
    assert taken == PAYLOADS


@pytest.mark.parametrize("fault", ["changes", "withdraws"])
def test_a_payload_that_does_not_stay_is_a_mismatch(fault: str) -> None:
    with pytest.raises(MismatchError, match=r"must stay .* until it is taken"):
        _run(Queue(fault), o_stall=0.5)


def test_a_component_that_never_answers_is_reported() -> None:
    with pytest.raises(ToolError, match=r"(ready must rise|must come) within [23]00 clocks"):
        _run(Queue("hangs"))


def test_a_component_that_loses_payloads_is_reported() -> None:
    with pytest.raises(ToolError, match="payload 60 of 61 must come within 300 clocks"):
        _run(Queue(), count=len(PAYLOADS) + 1)


def test_stalls_are_seeded_and_as_frequent_as_asked() -> None:
    one, two = (Stalls(0.3, np.random.default_rng(5)) for _ in range(2))
    draws = [one.now() for _ in range(4000)]
    assert draws == [two.now() for _ in range(4000)]
    assert 0.27 < np.mean(draws) < 0.33
    assert not any(Stalls(0.0).now() for _ in range(10))


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_a_probability_out_of_range_is_refused(probability: float) -> None:
    with pytest.raises(InvalidRecipeError, match="must be 0 to below 1"):
        Stalls(probability)
