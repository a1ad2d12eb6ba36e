"""The stage contract kit: what every block between two streams must hold, checked in simulation.

In order, no loss, no duplicate, exact latency, one item a clock, stall-safe, reset-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from lutloom import ir
from lutloom_hw.credit import CreditGate
from lutloom_hw.stage import Block, Stage, pack_rows, unpack_rows

STALLS = (0.0, 0.25, 0.5, 0.75)


class Shell(Block):
    """Give a free-running stage full streams, so that it can be stalled."""

    def __init__(self, stage: Stage, gate: CreditGate | None = None) -> None:
        self.stage = stage
        i_width, o_width = len(stage.i.payload), len(stage.o.payload)
        self.gate = gate or CreditGate(width=o_width, stages_latency_cycles=stage.latency_cycles)
        self.latency_cycles = self.gate.latency_cycles
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(i_width))),
                "o": Out(stream.Signature(unsigned(o_width))),
            }
        )

    def _build(self, m: Module) -> None:
        m.submodules.stage, m.submodules.gate = self.stage, self.gate
        m.d.comb += [
            self.stage.i.payload.eq(self.i.payload),
            self.stage.i.valid.eq(self.gate.accepted),
            self.gate.i_valid.eq(self.i.valid),
            self.i.ready.eq(self.gate.i_ready),
        ]
        wiring.connect(m, self.stage.o, self.gate.answer)
        wiring.connect(m, self.gate.o, wiring.flipped(self.o))


@dataclass
class Phase:
    """Send items (each of one or more words) with random stalls; perhaps reset on the way."""

    items: Sequence[Sequence[int]]
    i_stall: float = 0.0
    o_stall: float = 0.0
    reset_at: int | None = None


@dataclass
class Trace:
    """What a phase saw since its last reset; cycles are counted from the start of the run."""

    answers: list[int] = field(default_factory=list)
    sent_cycles: list[int] = field(default_factory=list)
    answer_cycles: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def run(dut: Any, phases: Sequence[Phase], *, seed: int, drain_cycles: int) -> list[Trace]:
    """Run phases one after the other on one device, never letting it settle by a reset."""
    rng = np.random.default_rng(seed)
    rst = Signal()
    traces = []

    async def bench(ctx: Any) -> None:
        cycle = 0
        for phase in phases:
            words = [word for item in phase.items for word in item]
            last_words = set(np.cumsum([len(item) for item in phase.items]) - 1)
            trace, sent, quiet, held, began = Trace(), 0, 0, None, cycle
            offering = False
            limit = 60 * (len(words) + 4 * drain_cycles)
            while quiet < drain_cycles and cycle - began < limit:
                resetting = cycle - began == phase.reset_at
                offering = sent < len(words) and (offering or rng.random() >= phase.i_stall)
                offering = offering and not resetting
                # Nothing is known of a payload that is not valid: make it random.
                noise = int.from_bytes(rng.bytes(-(-len(dut.i.payload) // 8)), "little")
                noise &= (1 << len(dut.i.payload)) - 1
                ctx.set(rst, resetting)
                ctx.set(dut.i.valid, offering)
                ctx.set(dut.i.payload, words[sent] if offering else noise)
                ctx.set(dut.o.ready, rng.random() >= phase.o_stall)
                valid, ready = ctx.get(dut.o.valid), ctx.get(dut.o.ready)
                payload = ctx.get(dut.o.payload)
                if held is not None and (not valid or payload != held):
                    trace.faults.append(f"cycle {cycle}: an offered answer changed")
                held = payload if valid and not ready else None
                quiet = quiet + 1 if sent == len(words) and not valid else 0
                if resetting:
                    trace, sent, held = Trace(), 0, None
                else:
                    if valid and ready:
                        trace.answers.append(payload)
                        trace.answer_cycles.append(cycle)
                    if offering and ctx.get(dut.i.ready):
                        if sent in last_words:
                            trace.sent_cycles.append(cycle)
                        sent, offering = sent + 1, False
                await ctx.tick()
                cycle += 1
            if sent < len(words):
                trace.faults.append(f"only {sent} of {len(words)} words were taken")
            traces.append(trace)

    simulator = Simulator(ResetInserter(rst)(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return traces


@dataclass
class Contract:
    """Check a device with full streams against the answers expected of it."""

    dut: Any
    latency_cycles: int
    clocks_per_item: int = 1

    def _run(self, phases: Sequence[Phase], seed: int) -> list[Trace]:
        drain_cycles = self.latency_cycles + 2 * self.clocks_per_item + 8
        return run(self.dut, phases, seed=seed, drain_cycles=drain_cycles)

    def check(
        self, items: Sequence[Sequence[int]], expected: Sequence[int], *, seed: int = 1
    ) -> None:
        """Raise AssertionError where the device breaks the contract."""
        expected = list(expected)
        assert len(items) == len(expected) > 0
        free = Phase(items)
        stalled = [Phase(items, i, o) for i in STALLS for o in STALLS if i or o]
        resets = [
            Phase(items, i, o, reset_at=at)
            for i, o in ((0.0, 0.0), (0.5, 0.25), (0.0, 0.75))
            for at in (1, self.latency_cycles, 2 * self.clocks_per_item + 3)
        ]
        traces = self._run([free, *stalled, *resets, free], seed)
        for trace in (traces[0], traces[-1]):
            self._check_timing(trace)
        for number, trace in enumerate(traces):
            assert not trace.faults, f"phase {number}: {trace.faults[0]}"
            assert len(trace.answers) == len(expected), (
                f"phase {number}: {len(expected)} answers expected, {len(trace.answers)} came"
            )
            wrong = [
                k for k, (a, b) in enumerate(zip(trace.answers, expected, strict=True)) if a != b
            ]
            assert not wrong, f"phase {number}: {len(wrong)} wrong answers, the first at {wrong[0]}"

    def _check_timing(self, trace: Trace) -> None:
        latencies = {
            answer - sent
            for sent, answer in zip(trace.sent_cycles, trace.answer_cycles, strict=False)
        }
        assert latencies == {self.latency_cycles}, (
            f"latency must be {self.latency_cycles} clocks, not {sorted(latencies)}"
        )
        intervals = set(np.diff(trace.sent_cycles).tolist()) or {self.clocks_per_item}
        assert intervals == {self.clocks_per_item}, (
            f"an item must enter every {self.clocks_per_item} clocks, not {sorted(intervals)}"
        )


@pytest.fixture
def check_stage() -> Callable[..., None]:
    """Check a free-running stage against a model, its own unless another is given."""

    def check(stage: Stage, rows: np.ndarray, *, golden: Stage | None = None) -> None:
        expected = np.asarray((golden or stage).model(rows)).reshape(len(rows), -1)
        shell = Shell(stage)
        items = [[word] for word in pack_rows(rows, stage.i_width)]
        Contract(shell, shell.latency_cycles).check(items, pack_rows(expected, stage.o_width))
        _check_raw_latency(stage, items, pack_rows(expected, stage.o_width))

    return check


def _check_raw_latency(stage: Stage, items: list[list[int]], expected: list[int]) -> None:
    """Drive the stage itself: ``valid`` must come after ``latency_cycles``, with its own data."""
    rng = np.random.default_rng(7)
    valids = [bool(rng.random() < 0.6) for _ in range(2 * len(items))]
    seen = []

    async def bench(ctx: Any) -> None:
        for valid in valids + [False] * stage.latency_cycles:
            ctx.set(stage.i.valid, valid)
            ctx.set(stage.i.payload, items[len(sent) % len(items)][0] if valid else 0)
            if valid:
                sent.append(expected[len(sent) % len(items)])
            seen.append(ctx.get(stage.o.payload) if ctx.get(stage.o.valid) else None)
            await ctx.tick()

    sent: list[int] = []
    simulator = Simulator(stage)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    answers = iter(sent)
    wanted = [next(answers) if valid else None for valid in valids]
    assert seen[: stage.latency_cycles] == [None] * stage.latency_cycles
    assert seen[stage.latency_cycles :] == wanted


@pytest.fixture
def check_streams() -> Callable[..., None]:
    """Check a device that has full streams itself (Pipeline, Top, loader)."""

    def check(
        dut: Any,
        items: Sequence[Sequence[int]],
        expected: Sequence[int],
        *,
        latency_cycles: int | None = None,
        clocks_per_item: int = 1,
    ) -> None:
        latency = dut.latency_cycles if latency_cycles is None else latency_cycles
        Contract(dut, latency, clocks_per_item).check(items, expected)

    return check


@pytest.fixture
def make_shell() -> type[Shell]:
    return Shell


@pytest.fixture
def settle() -> Callable[[Stage, np.ndarray], np.ndarray]:
    """Run rows through a free-running stage back to back and give its answers."""

    def settle(stage: Stage, rows: np.ndarray) -> np.ndarray:
        answers: list[int] = []

        async def bench(ctx: Any) -> None:
            for word in pack_rows(rows, stage.i_width) + [0] * stage.latency_cycles:
                ctx.set(stage.i.payload, word)
                answers.append(ctx.get(stage.o.payload))
                await ctx.tick()

        simulator = Simulator(stage)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()
        return unpack_rows(answers[stage.latency_cycles :], stage.o_fields, stage.o_width)

    return settle


def random_layer(rng: np.random.Generator, n_neurons: int, n_inputs: int, k: int) -> ir.LutLayer:
    """Make a layer whose neurons have every fan-in from 0 to ``k``."""
    fan_in = np.full((n_neurons, k), ir.UNUSED)
    table = np.zeros(n_neurons, dtype=np.uint64)
    for j in range(n_neurons):
        count = min(j % (k + 1), n_inputs)
        fan_in[j, :count] = rng.choice(n_inputs, count, replace=False)
        bits = rng.integers(0, 2, 1 << count)
        table[j] = sum(int(bit) << a for a, bit in enumerate(bits))
    return ir.LutLayer(fan_in=fan_in, table=table, origin=np.arange(n_neurons))


def make_random_network(
    rng: np.random.Generator,
    *,
    height: int = 3,
    width: int = 4,
    thresholds: Sequence[int] = (60, 128, 200),
    layers: Sequence[tuple[int, int]] = ((24, 4), (18, 6)),
    n_classes: int = 3,
    bias: Sequence[int] | None = None,
) -> ir.Network:
    """Make a network with random tables and wiring; each class has about as many votes."""
    encoder = ir.ThermometerEncoder(height, width, np.array(thresholds))
    n_inputs = encoder.n_bits
    made = []
    for n_neurons, k in layers:
        made.append(random_layer(rng, n_neurons, n_inputs, k))
        n_inputs = n_neurons
    source = np.arange(n_inputs)
    head = ir.VoteHead(
        source=source,
        class_index=source * n_classes // n_inputs,
        bias=np.zeros(n_classes) if bias is None else np.array(bias),
    )
    return ir.verify(ir.Network(encoder, tuple(made), head))


@pytest.fixture
def random_network() -> Callable[..., ir.Network]:
    return make_random_network


@pytest.fixture
def make_random_layer() -> Callable[..., ir.LutLayer]:
    return random_layer
