"""What is emitted, with registers and beats at its ports, against the specification."""

import attention_binary
import attention_engine
import numpy as np
import pytest
from amaranth.hdl import Cat
from attention_engine import drive, random_run

from lutloom.attention.binary import attend_binary
from lutloom.attention.integer import attend
from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention import words
from lutloom_hw.attention.messages import answer_rows, run_words
from lutloom_hw.attention_binary.messages import run_rows
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.attention_top import AttentionTop

STALLS = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.8), (0.4, 0.4)]
N = 6


def make_int8(mode="causal"):
    pattern = "local_strided" if mode == "causal" else "causal"
    return attention_engine.make_layer(
        multiplier=(300, 90, 700), value_shift=(0, 2, 1), mode=mode, pattern=pattern, stride=2
    )


def make_binary():
    return attention_binary.make_layer(
        n_kept=(4, 1), code_bits=12, group_size=2, value_shift=(0, 1), pattern="fixed", stride=3
    )


def cut(sent, per_beat):
    """Words as beats: the run's mark in the last one only."""
    beats = []
    for word in sent:
        features = list(word["features"])
        starts = range(0, len(features), per_beat)
        own = [{**word, "features": features[k : k + per_beat], "last": 0} for k in starts]
        own[-1]["last"] = word["last"]
        beats += own
    return beats


def answers_of(trace, layer, head):
    own = [word for word in trace.words if word.head == head]
    assert [word.last for word in own] == [0] * (len(own) - 1) + [1]
    return answer_rows(own, head_size=layer.config.head_size)


def check_int8(options, *, mode="causal", **stalls):
    """Send a run of each head, one after the other, and compare with ``attend``."""
    layer = make_int8(mode=mode)
    top = AttentionTop(layer, options)
    rng = np.random.default_rng(options.lanes)
    query, key, value = rng.integers(-127, 128, (3, 3, N, 8)).astype(np.int8)
    sent = [
        word
        for head in range(3)
        for word in run_words(
            query[head], key[head], value[head], mode=mode, lanes=options.lanes, head=head
        )
    ]
    count = 3 * N * 8 // top.features_per_answer
    trace = drive(top, cut(sent, top.features_per_beat), count, **stalls)
    wanted = attend(layer, query, key, value)
    for head in range(3):
        assert (answers_of(trace, layer, head) == wanted[head]).all(), head


@pytest.mark.parametrize(("i_stall", "o_stall"), STALLS)
@pytest.mark.parametrize(
    ("lanes", "features_per_beat", "n_engines", "row_memory"),
    [
        (8, None, 1, "block"),
        (4, 4, 1, "single_port"),
        (4, 2, 1, "block"),
        (2, 1, 1, "single_port"),
        (4, None, 2, "block"),
        (4, 1, 2, "single_port"),
    ],
)
def test_int8_attention(lanes, features_per_beat, n_engines, row_memory, i_stall, o_stall):
    options = AttentionOptions(lanes, n_engines, features_per_beat, row_memory)
    check_int8(options, i_stall=i_stall, o_stall=o_stall)


def test_sets_and_a_reset_in_the_middle():
    check_int8(AttentionOptions(lanes=4, features_per_beat=2), mode="set", o_stall=0.3)
    for reset_at in (1, 17, 60):
        check_int8(AttentionOptions(lanes=4, features_per_beat=2), reset_at=reset_at, o_stall=0.3)


@pytest.mark.parametrize(("i_stall", "o_stall"), STALLS)
@pytest.mark.parametrize(("lanes", "features_per_beat"), [(4, None), (4, 1), (2, 2)])
def test_attention_by_codes(lanes, features_per_beat, i_stall, o_stall):
    layer = make_binary()
    top = AttentionTop(layer, AttentionOptions(lanes=lanes, features_per_beat=features_per_beat))
    rng = np.random.default_rng(lanes)
    runs = [attention_binary.random_run(rng, layer, N, head=head) for head in range(2)]
    sent = [
        word
        for run in runs
        for word in run_rows(layer, run.query, run.key, run.value, head=run.head)
    ]
    count = 2 * N * 8 // top.features_per_answer
    trace = drive(top, cut(sent, top.features_per_beat), count, i_stall=i_stall, o_stall=o_stall)
    wanted = attend_binary(
        layer, *(np.stack([getattr(run, k) for run in runs]) for k in ("query", "key", "value"))
    )
    for head in range(2):
        assert (answers_of(trace, layer, head) == wanted[head]).all(), head


@pytest.mark.parametrize("row_memory", ["block", "single_port"])
@pytest.mark.parametrize(("lanes", "n"), [(8, 9), (2, 5), (4, 1)])
def test_clocks_are_the_engines_and_those_of_the_ports(lanes, n, row_memory):
    layer = attention_engine.make_layer()
    top = AttentionTop(layer, AttentionOptions(lanes=lanes, row_memory=row_memory))
    run = random_run(np.random.default_rng(n), n, 8)
    sent = run_words(run.query, run.key, run.value, mode="causal", lanes=lanes)
    trace = drive(top, sent, n * 8 // lanes)
    measured = trace.given[-1] - trace.taken[0] + 1
    assert measured == top.cycles(n) == top.engine.timing.cycles(n) + top.port_latency_cycles


def test_parallel_heads_have_one_engines_timing():
    layer = make_int8()
    one, two = (AttentionTop(layer, AttentionOptions(lanes=4, n_engines=n)) for n in (1, 2))
    assert one.timing == two.timing


def test_the_example_is_true():
    layer = attention_engine.make_layer(head_size=16, context=256)
    assert AttentionTop(layer, AttentionOptions(lanes=8)).cycles(256) == 131670


def test_beats_in_the_wrong_order_are_caught(monkeypatch):
    monkeypatch.setattr(words, "Cat", lambda held, beat: Cat(beat, held))
    with pytest.raises(AssertionError):
        check_int8(AttentionOptions(lanes=4, features_per_beat=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lanes": 3}, "lanes: must be 1, 2, 4, 8 or 16, not 3"),
        ({"lanes": True}, "lanes: must be 1, 2, 4, 8 or 16, not True"),
        ({"n_engines": 0}, "n_engines: must be 1..64, not 0"),
        ({"features_per_beat": 65}, "features_per_beat: must be 1..64, not 65"),
        ({"row_memory": "spram"}, "row_memory: must be block or single_port, not 'spram'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InvalidRecipeError) as error:
        AttentionOptions(**options)
    assert str(error.value) == f"attention options, {message}; correct it"


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            "int8", {"lanes": 4, "features_per_beat": 3},
            "features_per_beat: must divide the engine's row of 4 features, not 3",
        ),
        (
            "binary", {"lanes": 1, "features_per_beat": 3},
            "features_per_beat: must divide the engine's row of 2 features, not 3",
        ),
        (
            "binary", {"n_engines": 2},
            "n_engines: must be 1 for attention by codes, not 2",
        ),
        (
            "binary", {"row_memory": "single_port"},
            "row_memory: must be 'block' for attention by codes, not 'single_port'",
        ),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_the_layer_are_refused(kind, options, message):
    layer = make_int8() if kind == "int8" else make_binary()
    with pytest.raises(InvalidRecipeError) as error:
        AttentionTop(layer, AttentionOptions(**options))
    assert str(error.value) == f"attention options, {message}; correct it"


def test_codes_have_no_timing_without_rows():
    top = AttentionTop(make_binary(), AttentionOptions(lanes=4))
    with pytest.raises(InvalidRecipeError) as error:
        top.cycles(4)
    assert str(error.value) == (
        "attention top, timing: must be asked of int8 attention, not of attention by codes; its "
        "clocks depend on the rows, see BinaryTiming"
    )
