"""The engine in simulation against the integer model, bit for bit."""

import itertools

import numpy as np
import pytest
from attention_engine import (
    Run,
    attend_in_hardware,
    drive,
    expected,
    make_engine,
    random_run,
    words_of,
)

from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention import divider
from lutloom_hw.attention import engine as engine_module
from lutloom_hw.attention.key_addresses import KeyAddresses

PATTERNS = ("causal", "local", "strided", "local_strided", "fixed")


def check(engine, runs, **options):
    answers = attend_in_hardware(engine, runs, **options)
    for number, (run, rows) in enumerate(zip(runs, answers, strict=True)):
        assert (rows == expected(engine, run)).all(), f"run {number}"


def extreme_runs(rng, head_size, n=5):
    """All numbers at an end of their range, all alike, one key, one feature."""
    ends = rng.choice(np.array([-127, 127], np.int8), (3, n, head_size))
    high = np.full((n, head_size), 127, np.int8)
    signs = np.where(np.arange(n) % 2, -127, 127).astype(np.int8)[:, None] + np.zeros_like(high)
    row = rng.integers(-127, 128, (1, head_size)).astype(np.int8)
    alike = np.repeat(row, n, axis=0)
    return [
        Run(*ends),
        Run(high, high, high),
        Run(high, signs, signs),
        Run(high, -signs, -high),
        Run(alike, alike, alike),
        Run(*np.zeros((3, n, head_size), np.int8)),
        Run(row, -row, row),
    ]


@pytest.mark.parametrize(
    ("lanes", "head_size", "mode"),
    [
        (1, 8, "causal"),
        (1, 16, "set"),
        (2, 8, "set"),
        (2, 16, "causal"),
        (8, 8, "causal"),
        (8, 8, "set"),
        (8, 16, "causal"),
        (8, 16, "set"),
        (16, 16, "causal"),
        (4, 24, "causal"),
    ],
)
def test_random_and_extreme_rows(lanes, head_size, mode):
    rng = np.random.default_rng(lanes * head_size)
    engine = make_engine(
        lanes=lanes, head_size=head_size, mode=mode, context=7,
        multiplier=(700, 1, 65535, 40), value_shift=(0, 7, 2, 1),
    )  # fmt: skip
    runs = extreme_runs(rng, head_size, n=2 if lanes == 1 else 4)
    for number, run in enumerate(runs):
        run.head = number % 4
    runs += [random_run(rng, n, head_size, head=n % 4) for n in (1, 7)]
    runs += [random_run(rng, 3, head_size, head=k, largest=9) for k in range(4)]
    check(engine, runs)


@pytest.mark.parametrize(("lanes", "stride"), [(8, 1), (8, 3), (8, 16), (2, 4)])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern(pattern, lanes, stride):
    rng = np.random.default_rng(lanes)
    engine = make_engine(
        lanes=lanes, pattern=pattern, stride=stride, multiplier=(90,), value_shift=(1,)
    )
    check(engine, [random_run(rng, n, 8) for n in (1, 9, 4)])


@pytest.mark.parametrize(("i_stall", "o_stall"), [(0.6, 0.0), (0.0, 0.9), (0.5, 0.5), (0.8, 0.3)])
@pytest.mark.parametrize(("lanes", "mode"), [(8, "causal"), (8, "set"), (2, "causal"), (1, "set")])
def test_stalls_on_both_sides_lose_and_change_nothing(lanes, mode, i_stall, o_stall):
    rng = np.random.default_rng(3)
    engine = make_engine(lanes=lanes, mode=mode, multiplier=(200, 90), value_shift=(0, 2))
    runs = [random_run(rng, n, 8, head=n % 2) for n in (3, 1, 1, 4)]
    check(engine, runs, i_stall=i_stall, o_stall=o_stall, seed=lanes)


@pytest.mark.parametrize(("i_stall", "o_stall"), [(0.0, 0.0), (0.6, 0.0), (0.0, 0.9), (0.5, 0.5)])
@pytest.mark.parametrize(
    ("lanes", "pattern", "mode"),
    [
        (8, "causal", "causal"),
        (4, "local", "causal"),
        (2, "strided", "causal"),
        (8, "fixed", "causal"),
        (4, "causal", "set"),
    ],
)
def test_rows_in_single_port_memory(lanes, pattern, mode, i_stall, o_stall):
    rng = np.random.default_rng(5)
    engine = make_engine(
        lanes=lanes, mode=mode, pattern=pattern, stride=3, head_size=8, row_memory="single_port",
        multiplier=(200, 90), value_shift=(0, 2),
    )  # fmt: skip
    runs = [random_run(rng, n, 8, head=n % 2) for n in (3, 1, 1, 9)]
    check(engine, runs, i_stall=i_stall, o_stall=o_stall, seed=lanes)


@pytest.mark.parametrize("reset_at", [1, 20, 60, 95])
def test_a_reset_with_single_port_memory_gives_a_clean_state(reset_at):
    rng = np.random.default_rng(reset_at)
    engine = make_engine(lanes=4, row_memory="single_port")
    check(engine, [random_run(rng, 5, 8), random_run(rng, 3, 8)], reset_at=reset_at, o_stall=0.5)


def test_a_read_in_a_clock_of_a_write_is_caught(monkeypatch):
    """An intake that never waits writes over the address of a read."""
    monkeypatch.setattr(engine_module, "ENTRY_RANK", 0)
    engine = make_engine(lanes=8, head_size=16, row_memory="single_port")
    with pytest.raises(AssertionError, match="run 0"):
        check(engine, [random_run(np.random.default_rng(1), 12, 16)])


def test_an_output_that_is_long_refused_loses_nothing():
    rng = np.random.default_rng(4)
    engine = make_engine(lanes=8, head_size=16, pattern="local", stride=2)
    check(engine, [random_run(rng, 16, 16)], o_stall=0.99)


@pytest.mark.parametrize("reset_at", [1, 9, 20, 33, 60, 95])
@pytest.mark.parametrize(
    ("mode", "lanes", "pattern"), [("causal", 8, "fixed"), ("set", 4, "causal")]
)
def test_a_reset_in_the_middle_gives_a_clean_state(reset_at, mode, lanes, pattern):
    rng = np.random.default_rng(reset_at)
    engine = make_engine(lanes=lanes, mode=mode, pattern=pattern, stride=3)
    runs = [random_run(rng, 5, 8), random_run(rng, 3, 8)]
    check(engine, runs, reset_at=reset_at, o_stall=0.5 if reset_at % 2 else 0.0)


def permuted(run, order):
    return Run(run.query[order], run.key[order], run.value[order])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_every_order_of_a_set_gives_every_slot_the_same_answer(n):
    engine = make_engine(lanes=8, mode="set", multiplier=(40,), value_shift=(2,))
    run = random_run(np.random.default_rng(n), n, 8)
    orders = [list(order) for order in itertools.permutations(range(n))]
    answers = attend_in_hardware(engine, [permuted(run, order) for order in orders])
    wanted = expected(engine, run)
    for order, rows in zip(orders, answers, strict=True):
        assert (rows == wanted[order]).all()


def test_a_random_order_of_64_slots():
    rng = np.random.default_rng(64)
    engine = make_engine(lanes=8, mode="set", context=64, multiplier=(40,), value_shift=(2,))
    run = random_run(rng, 64, 8)
    order = rng.permutation(64)
    (rows,) = attend_in_hardware(engine, [permuted(run, order)])
    assert (rows == expected(engine, run)[order]).all()


def test_keys_may_all_come_before_the_values():
    engine = make_engine(lanes=4, mode="set")
    run = random_run(np.random.default_rng(8), 5, 8)
    words = words_of(engine, run)
    words = sorted(words, key=lambda word: {"KEY": 0, "VALUE": 1, "QUERY": 2}[word["kind"].name])
    trace = drive(engine, words, 5 * engine.words)
    features = [list(word.features) for word in trace.words]
    assert np.reshape(features, (5, 8)).tolist() == expected(engine, run).tolist()


def clocks(engine, n, seed=0):
    """Measure a run from rest, and how soon after its first word the next run's is taken."""
    run = random_run(np.random.default_rng(seed), n, engine.layer.config.head_size)
    words = words_of(engine, run)
    trace = drive(engine, words * 2, 2 * n * engine.words)
    cycles = trace.given[n * engine.words - 1] - trace.taken[0] + 1
    return cycles, trace.taken[len(words)] - trace.taken[0]


@pytest.mark.parametrize(
    ("lanes", "head_size", "stride", "n"),
    [(1, 8, 2, 5), (2, 16, 3, 4), (8, 8, 3, 1), (8, 8, 3, 2), (8, 16, 4, 14), (16, 16, 1, 10)],
)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("row_memory", ["block", "single_port"])
def test_a_run_takes_exactly_the_clocks_of_the_formula(
    row_memory, pattern, lanes, head_size, stride, n
):
    engine = make_engine(
        lanes=lanes, head_size=head_size, pattern=pattern, stride=stride, row_memory=row_memory
    )
    assert clocks(engine, n) == (engine.timing.cycles(n), engine.timing.interval_cycles(n))


@pytest.mark.parametrize("row_memory", ["block", "single_port"])
@pytest.mark.parametrize(("lanes", "head_size"), [(2, 8), (8, 8), (8, 32)])
def test_a_set_takes_exactly_the_clocks_of_the_formula(lanes, head_size, row_memory):
    for n in (1, 2, 7):
        engine = make_engine(lanes=lanes, head_size=head_size, mode="set", row_memory=row_memory)
        timing = engine.timing
        assert clocks(engine, n) == (timing.cycles(n), timing.interval_cycles(n)), n


@pytest.mark.parametrize(
    ("least", "sizes"),
    [
        (0.999, {}),
        (0.99, {"pattern": "local", "stride": 16}),
        (0.99, {"pattern": "local_strided", "stride": 16}),
        (0.99, {"pattern": "fixed", "stride": 16}),
        (0.93, {"pattern": "strided", "stride": 16}),
        (0.99, {"mode": "set"}),
    ],
)
def test_the_lanes_are_in_use_at_256_positions(least, sizes):
    timing = make_engine(lanes=8, head_size=16, context=256, **sizes).timing
    assert least < timing.lane_use(256) <= 1


@pytest.mark.parametrize(("lanes", "head_size"), [(8, 16), (2, 64), (1, 64)])
def test_single_port_memory_leaves_the_lanes_in_use(lanes, head_size):
    sizes = {"lanes": lanes, "head_size": head_size, "context": 256}
    block = make_engine(**sizes).timing
    one_port = make_engine(**sizes, row_memory="single_port").timing
    assert 0.9 < one_port.lane_use(256) < block.lane_use(256)


def test_work_grows_with_the_keys_seen_and_a_constant_a_run():
    def constant(n, **sizes):
        timing = make_engine(lanes=8, head_size=16, context=256, **sizes).timing
        return timing.cycles(n) - timing.useful_slots(n)

    for sizes in ({}, {"pattern": "local", "stride": 8}, {"pattern": "local_strided", "stride": 8}):
        assert constant(256, **sizes) == constant(128, **sizes) == constant(32, **sizes)


def test_a_wrong_rounding_is_caught(monkeypatch):
    monkeypatch.setattr(divider, "_halve", lambda bits: bits >> 1)
    with pytest.raises(AssertionError, match="run 0"):
        check(make_engine(), [random_run(np.random.default_rng(1), 6, 8)])


def test_a_key_off_by_one_is_caught(monkeypatch):
    monkeypatch.setattr(KeyAddresses, "_ends", lambda self, row, step: row < self.stride + step - 1)
    engine = make_engine(pattern="strided", stride=3, multiplier=(20,))
    with pytest.raises(AssertionError, match="run 0"):
        check(engine, [random_run(np.random.default_rng(1), 12, 8)])


@pytest.mark.parametrize("lanes", [0, 3, 8, 32])
def test_lanes_that_do_not_fit_are_refused(lanes):
    with pytest.raises(InvalidRecipeError) as error:
        make_engine(lanes=lanes, head_size=12)
    assert str(error.value) == (
        "attention engine, lanes: must be a power of two from 1 to 16 that divides the head size "
        f"12, not {lanes}; correct it"
    )
