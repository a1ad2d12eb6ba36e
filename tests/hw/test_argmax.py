import itertools

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from lutloom_hw import argmax
from lutloom_hw.argmax import Argmax, greater


@pytest.mark.parametrize("clocks", [1, 2])
@pytest.mark.parametrize("n_classes", [2, 3, 4, 5])
def test_all_small_scores(settle, n_classes, clocks):
    stage = Argmax(n_classes=n_classes, score_width=2, clocks_per_round=clocks)
    rows = np.array(list(itertools.product(range(4), repeat=n_classes)))
    wanted = [row.tolist().index(max(row)) for row in rows]  # the first of the highest
    assert settle(stage, rows)[:, 0].tolist() == wanted
    assert stage.model(rows)[:, 0].tolist() == wanted


@pytest.mark.parametrize("clocks", [1, 2])
@pytest.mark.parametrize("n_classes", [2, 3, 10, 17, 100])
def test_contract(check_stage, n_classes, clocks):
    rng = np.random.default_rng(n_classes)
    rows = rng.integers(0, 6, (12, n_classes))  # many ties
    rows[0] = 0
    rows[1] = 5
    rows[2] = np.arange(n_classes) == n_classes - 1
    stage = Argmax(n_classes=n_classes, score_width=3, clocks_per_round=clocks)
    assert stage.latency_cycles == clocks * int(np.ceil(np.log2(n_classes)))
    check_stage(stage, rows)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_greater_exhaustively(width):
    high, low = Signal(width), Signal(width)
    answers = {}

    async def bench(ctx):
        for a, b in itertools.product(range(1 << width), repeat=2):
            ctx.set(high, a)
            ctx.set(low, b)
            answers[a, b] = ctx.get(greater(high, low))

    simulator = Simulator(Module())
    simulator.add_testbench(bench)
    simulator.run()
    assert answers == {(a, b): int(a > b) for a, b in answers}
    assert len(answers) == 4**width


def test_a_wrong_tie_rule_is_caught(check_stage, monkeypatch):
    rows = np.array(list(itertools.product(range(3), repeat=3)))
    check_stage(Argmax(n_classes=3, score_width=2), rows)
    monkeypatch.setattr(argmax, "greater", lambda high, low: high >= low)
    with pytest.raises(AssertionError, match="wrong answers"):
        check_stage(Argmax(n_classes=3, score_width=2), rows)
