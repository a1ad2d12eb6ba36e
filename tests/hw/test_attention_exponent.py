import numpy as np
import pytest
from amaranth.sim import Simulator

from lutloom_hw.attention import exponent
from lutloom_hw.attention.exponent import WeightStage


def weigh(stage, scores, highest, multiplier):
    weights = []

    async def bench(ctx):
        ctx.set(stage.multiplier, multiplier)
        for score, high in zip(scores.tolist(), highest.tolist(), strict=True):
            ctx.set(stage.score, score)
            ctx.set(stage.highest, high)
            weights.append(ctx.get(stage.weight))
            await ctx.tick()
        for _ in range(stage.latency_cycles):
            weights.append(ctx.get(stage.weight))
            await ctx.tick()

    simulator = Simulator(stage)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return weights[stage.latency_cycles :]


def formula(score, high, multiplier):
    """Two to the power of minus the exponent, a fraction bit at a time."""
    scaled = (high - score) * multiplier >> 16
    whole, fraction = scaled >> 8, scaled & 255
    return round(2.0 ** (15 - fraction / 256)) >> whole if whole < 16 else 0


@pytest.mark.parametrize("multiplier", [1, 15, 300, 4096, 65535])
@pytest.mark.parametrize("head_size", [8, 16, 64])
def test_scores_at_random_and_at_the_ends(multiplier, head_size):
    bound = head_size * 127**2
    stage = WeightStage(score_width=bound.bit_length() + 1)
    rng = np.random.default_rng(multiplier + head_size)
    highest = rng.integers(-bound, bound + 1, 150)
    scores = np.maximum(highest - rng.integers(0, 1 << rng.integers(1, 21, 150)), -bound)
    scores = np.append(scores, [bound, -bound, -bound])
    highest = np.append(highest, [bound, bound, -bound])
    wanted = [formula(int(s), int(h), multiplier) for s, h in zip(scores, highest, strict=True)]
    assert weigh(stage, scores, highest, multiplier) == wanted
    assert stage.model(scores, highest, multiplier).tolist() == wanted


def test_every_fraction_and_every_shift():
    stage = WeightStage(score_width=18)
    behind = np.arange(0, 17 * 256, 5)
    wanted = [formula(-int(b), 0, 65535) for b in behind]
    assert weigh(stage, -behind, np.zeros_like(behind), 65535) == wanted
    assert {w.bit_length() for w in wanted} == set(range(17))


def test_a_table_off_by_one_is_caught(monkeypatch):
    monkeypatch.setattr(exponent, "POWERS", np.roll(exponent.POWERS, 1))
    stage = WeightStage(score_width=18)
    assert weigh(stage, np.array([-9]), np.array([0]), 40000) != [formula(-9, 0, 40000)]
