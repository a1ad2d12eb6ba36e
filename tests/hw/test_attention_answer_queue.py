"""Words under way, counted and queued: none lost however long the output waits."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from lutloom_hw.attention.answer_queue import AnswerQueue

DELAY = 7
"""Clocks from a word's start to its arrival, as of a pipeline that never stops."""


def run(queue, *, refuse, count=60, clocks=6000, spacing=2, overdraw=0, seed=0):
    """Start a word wherever there is room; give what came out, and when words were shown."""
    taken, started, arrived, shown = [], [], [], []

    async def bench(ctx):
        rng = np.random.default_rng(seed)
        due = {}
        last = -spacing
        for clock in range(clocks):
            ready = int(rng.random() >= refuse)
            room = ctx.get(queue.room) or len(started) - len(taken) < queue.depth + overdraw
            starts = bool(room and clock - last >= spacing and len(started) < count)
            if starts:
                due[clock + DELAY] = len(started) + 1
                started.append(clock)
                last = clock
            ctx.set(queue.starts, starts and bool(ctx.get(queue.room)))
            ctx.set(queue.i.valid, clock in due)
            ctx.set(queue.i.payload, due.get(clock, 0x1FF))
            if clock in due:
                arrived.append(clock)
            ctx.set(queue.o.ready, ready)
            if ctx.get(queue.o.valid):
                if len(shown) == len(taken):
                    shown.append(clock)
                if ready:
                    taken.append(ctx.get(queue.o.payload))
            await ctx.tick()
            if len(taken) == count:
                break

    simulator = Simulator(queue)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return taken, arrived, shown


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("refuse", [0.0, 0.5, 0.95])
def test_words_come_out_in_order_however_long_they_wait(depth, refuse):
    taken, _, _ = run(AnswerQueue(width=9, depth=depth), refuse=refuse)
    assert taken == list(range(1, 61))


def test_a_word_takes_a_clock_a_place():
    queue = AnswerQueue(width=9, depth=4)
    _, arrived, shown = run(queue, refuse=0.0, spacing=8)
    assert np.subtract(shown, arrived).tolist() == [queue.latency_cycles] * 60


def test_one_word_too_many_is_lost_and_caught():
    taken, _, _ = run(AnswerQueue(width=9, depth=2), refuse=0.95, overdraw=2)
    assert taken != list(range(1, 61))
