"""The binary engine in simulation against its specification, bit for bit and clock for clock."""

import itertools
import re

import numpy as np
import pytest
from amaranth.back import rtlil
from attention_binary import (
    attend_in_hardware,
    expected,
    make_layer,
    random_run,
    words_of,
)
from attention_engine import drive
from attention_engine import make_engine as make_int8_engine

from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention import divider
from lutloom_hw.attention.key_addresses import KeyAddresses
from lutloom_hw.attention_binary import candidates as candidates_module
from lutloom_hw.attention_binary.engine import BinaryAttentionEngine

PATTERNS = ("causal", "local", "strided", "local_strided", "fixed")


def make_engine(*, lanes=8, clocks_per_lane=None, **layer):
    return BinaryAttentionEngine(make_layer(**layer), lanes=lanes, clocks_per_lane=clocks_per_lane)


def check(engine, runs, **options):
    answers = attend_in_hardware(engine, runs, **options)
    for number, (run, rows) in enumerate(zip(runs, answers, strict=True)):
        assert (rows == expected(engine, run)).all(), f"run {number}"


def extreme_runs(rng, layer, n=5):
    """Codes all equal, all opposite, in turns, and one key alone; values at an end."""
    runs = [random_run(rng, layer, n) for _ in range(4)] + [random_run(rng, layer, 1)]
    ones = np.uint64((1 << layer.code_bits) - 1)
    for run, opposite in zip(runs, (0, 1, np.arange(n) % 2, np.arange(n) == 0, 1), strict=True):
        run.query[:] = run.query[0]
        run.key[:] = run.query ^ (ones * np.asarray(opposite, np.uint64))
        run.value[:] = run.value.max() if layer.codebook is not None else 127
    runs[2].value[:] = 0 if layer.codebook is not None else -127
    return runs


@pytest.mark.parametrize(
    ("lanes", "head_size", "group_size", "mode", "code_bits"),
    [
        (1, 8, 0, "causal", 16),
        (2, 8, 4, "set", 8),
        (4, 24, 3, "set", 16),
        (8, 8, 1, "causal", 33),
        (8, 16, 2, "causal", 32),
        (16, 16, 0, "set", 32),
        (16, 16, 4, "causal", 64),
    ],
)
def test_random_and_extreme_rows(lanes, head_size, group_size, mode, code_bits):
    rng = np.random.default_rng(lanes * head_size)
    engine = make_engine(
        lanes=lanes, head_size=head_size, group_size=group_size, mode=mode, code_bits=code_bits,
        context=7, n_kept=(4, 0, 1, 8), slopes=(0.5, 1.0, 0.0, 2.0), value_shift=(0, 7, 2, 1),
    )  # fmt: skip
    runs = extreme_runs(rng, engine.layer, n=3)
    for number, run in enumerate(runs):
        run.head = number % 4
    runs += [random_run(rng, engine.layer, n, head=n % 4) for n in (1, 7)]
    runs += [random_run(rng, engine.layer, 5, head=k, distinct=3) for k in range(4)]
    check(engine, runs)


@pytest.mark.parametrize("n_kept", [0, 1, 4])
def test_every_number_of_keys_kept_with_many_ties(n_kept):
    rng = np.random.default_rng(n_kept)
    engine = make_engine(lanes=4, code_bits=8, n_kept=(n_kept,), slopes=(0.3,), context=24)
    check(engine, [random_run(rng, engine.layer, 24, distinct=d) for d in (0, 2, 5)])


def test_keys_beyond_the_level_table_weigh_nothing():
    engine = make_engine(code_bits=64, n_kept=(0,), slopes=(0.0,), context=4, mode="set")
    run = random_run(np.random.default_rng(0), engine.layer, 4)
    run.query[:] = 0
    run.key[:] = [0, (1 << 31) - 1, (1 << 32) - 1, (1 << 63) - 1]  # 0, 31, 32 and 63 behind
    check(engine, [run])
    mean = (run.value[:2].sum(axis=0, dtype=int)) / 2
    assert (np.abs(expected(engine, run) - mean) <= 0.5).all()


@pytest.mark.parametrize(("lanes", "stride"), [(8, 1), (4, 3)])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern(pattern, lanes, stride):
    rng = np.random.default_rng(lanes)
    engine = make_engine(
        lanes=lanes, pattern=pattern, stride=stride, group_size=2, value_shift=(1,)
    )
    check(engine, [random_run(rng, engine.layer, n) for n in (1, 11, 4)])


@pytest.mark.parametrize(("i_stall", "o_stall"), [(0.6, 0.0), (0.0, 0.9), (0.7, 0.4)])
@pytest.mark.parametrize(("lanes", "mode"), [(8, "causal"), (2, "set")])
def test_stalls_on_both_sides_lose_and_change_nothing(lanes, mode, i_stall, o_stall):
    rng = np.random.default_rng(3)
    engine = make_engine(lanes=lanes, mode=mode, n_kept=(4, 1), group_size=2, value_shift=(0, 2))
    runs = [random_run(rng, engine.layer, n, head=n % 2) for n in (3, 1, 1, 6, 2)]
    check(engine, runs, i_stall=i_stall, o_stall=o_stall, seed=lanes)


@pytest.mark.parametrize("clocks_per_lane", [1, 3, 16])
def test_an_output_that_is_long_refused_loses_nothing(clocks_per_lane):
    rng = np.random.default_rng(4)
    engine = make_engine(
        lanes=8, head_size=16, pattern="local", stride=2, clocks_per_lane=clocks_per_lane
    )
    check(engine, [random_run(rng, engine.layer, 12)], o_stall=0.95)


@pytest.mark.parametrize("reset_at", [1, 9, 20, 33, 50])
@pytest.mark.parametrize(
    ("mode", "lanes", "pattern"), [("causal", 8, "fixed"), ("set", 4, "causal")]
)
def test_a_reset_in_the_middle_gives_a_clean_state(reset_at, mode, lanes, pattern):
    rng = np.random.default_rng(reset_at)
    engine = make_engine(lanes=lanes, mode=mode, pattern=pattern, stride=3, group_size=2)
    runs = [random_run(rng, engine.layer, 5), random_run(rng, engine.layer, 3)]
    check(engine, runs, reset_at=reset_at, o_stall=0.5 if reset_at % 2 else 0.0)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("n_kept", [0, 2])
def test_every_order_of_a_set_gives_every_slot_the_same_answer(n, n_kept):
    engine = make_engine(lanes=8, mode="set", code_bits=8, n_kept=(n_kept,), value_shift=(1,))
    rng = np.random.default_rng(n)
    wanted, sent = [], []
    for distinct in (0, 1, 2):  # all different, all tie, some tie
        run = random_run(rng, engine.layer, n, distinct=distinct)
        answers = expected(engine, run)
        for order in map(list, itertools.permutations(range(n))):
            sent.append(run.permuted(order))
            wanted.append(answers[order])
    for rows, answers in zip(attend_in_hardware(engine, sent), wanted, strict=True):
        assert (rows == answers).all()


def clocks(engine, n, distinct):
    """Measure a run from rest, and how soon after its first word the next run's is taken."""
    run = random_run(np.random.default_rng(n), engine.layer, n, distinct=distinct)
    words = words_of(engine, run)
    trace = drive(engine, words * 2, 2 * n * engine.words)
    cycles = trace.given[n * engine.words - 1] - trace.taken[0] + 1
    wanted = engine.timing.candidates(run.query, run.key)
    measured = cycles, trace.taken[len(words)] - trace.taken[0]
    return measured, (engine.timing.cycles(wanted), engine.timing.interval_cycles(wanted))


@pytest.mark.parametrize(
    ("lanes", "head_size", "stride", "n", "clocks_per_lane"),
    [(2, 8, 3, 4, 4), (8, 16, 4, 14, None)],
)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_run_takes_exactly_the_clocks_of_the_formula(
    pattern, lanes, head_size, stride, n, clocks_per_lane
):
    engine = make_engine(
        lanes=lanes, head_size=head_size, pattern=pattern, stride=stride, n_kept=(2,),
        clocks_per_lane=clocks_per_lane, group_size=2 * (n % 2),
    )  # fmt: skip
    for distinct in (0, 2):
        measured, wanted = clocks(engine, n, distinct)
        assert measured == wanted


@pytest.mark.parametrize(("lanes", "n_kept", "code_bits"), [(1, 1, 8), (8, 4, 32), (4, 0, 64)])
def test_a_set_takes_exactly_the_clocks_of_the_formula(lanes, n_kept, code_bits):
    for n in (1, 7):
        engine = make_engine(
            lanes=lanes, n_kept=(n_kept,), code_bits=code_bits, mode="set", slopes=(1.5,)
        )
        measured, wanted = clocks(engine, n, 0)
        assert measured == wanted, n


def multipliers(engine):
    """Count cells that multiply two numbers neither of which is a constant."""
    cells = re.findall(r"cell \$mul .*?\bend\b", rtlil.convert(engine, name="top"), re.DOTALL)
    return sum(not re.search(r"connect \\[AB] \d+'[01]+\s", cell) for cell in cells)


def test_there_is_no_multiplier():
    assert multipliers(make_engine(lanes=4, n_kept=(4, 0), group_size=2)) == 0
    assert multipliers(make_engine(lanes=4, n_kept=(4, 0))) == 0
    assert multipliers(make_int8_engine(lanes=4)) == 4 + 2  # lanes, and halves of an exponent


def test_few_keys_are_candidates_where_codes_are_random():
    engine = make_engine(lanes=4, head_size=16, code_bits=32, context=256, slopes=(1.0,))
    run = random_run(np.random.default_rng(0), engine.layer, 256)
    counts = engine.timing.candidates(run.query, run.key)
    assert 4 < np.mean(counts) < 32
    seen = 256 * 257 // 2
    assert engine.timing.cycles(counts) < 1.25 * seen


def test_a_candidate_too_few_is_caught(monkeypatch):
    monkeypatch.setattr(candidates_module, "reaches", lambda layer: [2] * len(layer.level))
    engine = make_engine(code_bits=8, n_kept=(8,), slopes=(0.25,))
    with pytest.raises(AssertionError, match="run 0"):
        check(engine, [random_run(np.random.default_rng(1), engine.layer, 12)])


def test_a_wrong_rounding_is_caught(monkeypatch):
    monkeypatch.setattr(divider, "_halve", lambda bits: bits >> 1)
    engine = make_engine()
    with pytest.raises(AssertionError, match="run 0"):
        check(engine, [random_run(np.random.default_rng(1), engine.layer, 6)])


def test_a_key_off_by_one_is_caught(monkeypatch):
    monkeypatch.setattr(KeyAddresses, "_ends", lambda self, row, step: row < self.stride + step - 1)
    engine = make_engine(pattern="strided", stride=3)
    with pytest.raises(AssertionError, match="run 0"):
        check(engine, [random_run(np.random.default_rng(1), engine.layer, 12)])


@pytest.mark.parametrize("lanes", [0, 3, 8, 32])
def test_lanes_that_do_not_fit_are_refused(lanes):
    with pytest.raises(InvalidRecipeError) as error:
        make_engine(lanes=lanes, head_size=12)
    assert str(error.value) == (
        "binary attention engine, lanes: must be a power of two from 1 to 16 that divides the head "
        f"size 12, not {lanes}; correct it"
    )


@pytest.mark.parametrize("clocks_per_lane", [0, 17])
def test_a_divider_that_does_not_fit_is_refused(clocks_per_lane):
    with pytest.raises(InvalidRecipeError, match=r"clocks_per_lane: must be 1..16, not "):
        make_engine(clocks_per_lane=clocks_per_lane)
