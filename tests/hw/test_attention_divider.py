from fractions import Fraction
from math import floor

import numpy as np
import pytest
from amaranth.sim import Simulator

from lutloom_hw.attention import divider
from lutloom_hw.attention.divider import Divider

TOTAL_WIDTH, SUM_WIDTH = 20, 28


def normalise(dut, sums, totals, head=0):
    """Send words as fast as they may come and give answers, and the clock of the first."""
    answers, clocks = [], []

    async def bench(ctx):
        for index in range(len(sums) + 1 + dut.latency_cycles // dut.clocks_per_word):
            for clock in range(dut.clocks_per_word):
                sent = clock == 0 and index < len(sums)
                ctx.set(dut.i.valid, sent)
                if sent:
                    ctx.set(
                        dut.i.payload,
                        {
                            "sums": sums[index].tolist(), "total": int(totals[index]),
                            "head": head, "last": index % 2,
                        },
                    )  # fmt: skip
                if ctx.get(dut.o.valid):
                    clocks.append(index * dut.clocks_per_word + clock)
                    word = ctx.get(dut.o.payload)
                    assert (word.head, word.last) == (head, len(answers) % 2)
                    answers.append(list(word.features))
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert clocks[0] == dut.latency_cycles
    assert set(np.diff(clocks)) <= {dut.clocks_per_word}
    return answers


def rounded(numerator, total, shift):
    """Half away from zero, in fractions."""
    mean = Fraction(abs(numerator) << shift, total)
    return (1 if numerator >= 0 else -1) * min(127, floor(mean + Fraction(1, 2)))


def cases(rng, lanes, n=60):
    totals = rng.integers(1, 1 << rng.integers(1, TOTAL_WIDTH, n))
    sums = rng.integers(-127 * totals[:, None], 127 * totals[:, None] + 1, (n, lanes))
    # Exact halves, whole numbers and the largest mean of all.
    totals[:20] = 2 * np.maximum(totals[:20] // 2, 1)
    sums[:20] = np.resize(np.arange(-253, 254, 11), (20, lanes)) * (totals[:20, None] // 2)
    sums[-1], totals[-1] = 127 * ((1 << TOTAL_WIDTH) - 1), (1 << TOTAL_WIDTH) - 1
    sums[-2], totals[-2] = -127 * ((1 << TOTAL_WIDTH) - 1), (1 << TOTAL_WIDTH) - 1
    return sums, totals


@pytest.mark.parametrize("shifts", [(0,), (3, 7, 0), (7,)])
@pytest.mark.parametrize(("lanes", "clocks"), [(1, None), (2, None), (8, None), (16, 1), (2, 3)])
def test_exact_normalisation(lanes, clocks, shifts):
    dut = Divider(
        lanes=lanes, sum_width=SUM_WIDTH, total_width=TOTAL_WIDTH, value_shift=shifts,
        clocks_per_lane=clocks,
    )  # fmt: skip
    sums, totals = cases(np.random.default_rng(lanes), lanes)
    for head, shift in enumerate(shifts):
        wanted = [
            [rounded(int(a), int(total), shift) for a in word]
            for word, total in zip(sums, totals, strict=True)
        ]
        assert normalise(dut, sums, totals, head) == wanted
        assert dut.model(sums, totals, head).tolist() == wanted


def test_rounding_down_is_caught(monkeypatch):
    monkeypatch.setattr(divider, "_halve", lambda bits: bits >> 1)
    dut = Divider(lanes=2, sum_width=SUM_WIDTH, total_width=TOTAL_WIDTH, value_shift=(0,))
    sums, totals = cases(np.random.default_rng(1), 2)
    assert normalise(dut, sums, totals) != dut.model(sums, totals).tolist()


@pytest.mark.parametrize(("lanes", "interval"), [(1, 8), (2, 8), (4, 8), (8, 8), (16, 16)])
def test_a_word_in_eight_clocks_or_in_as_many_as_it_has_lanes(lanes, interval):
    dut = Divider(lanes=lanes, sum_width=SUM_WIDTH, total_width=TOTAL_WIDTH, value_shift=(0,))
    assert dut.clocks_per_word == interval
