import attention_binary
import numpy as np
import pytest
from attention_engine import make_layer

from lutloom.attention.batch import AttentionBatch, random_batch
from lutloom.attention.integer import attend
from lutloom.emit import emit_attention_verilog
from lutloom.errors import InvalidDataError, InvalidRecipeError
from lutloom_hw.attention.messages import run_words
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.attention_top import AttentionTop
from lutloom_sim.attention import AttentionSimulator, simulate_attention
from lutloom_sim.attention_beats import (
    attention_beats,
    attention_payloads,
    expected_answers,
    head_key,
    read_answers,
)
from lutloom_sim.bench_job import order_by_key

TESTS = (
    "every_answer_is_the_models",
    "stalls_change_no_answer",
    "reset_in_mid_stream_leaves_nothing_behind",
)
LAYER = make_layer(multiplier=[300, 40, 700], value_shift=[0, 2, 1], pattern="local", stride=3)
WIDE = AttentionOptions(lanes=4)
NARROW = AttentionOptions(lanes=4, features_per_beat=1)
PARALLEL = AttentionOptions(lanes=4, n_engines=2)


@pytest.fixture(scope="module")
def batch():
    return random_batch(LAYER.config, 3, seed=1)


def binary_batch(layer, n_sequences, n_positions):
    rng = np.random.default_rng(2)
    shape = (n_sequences, layer.config.n_heads, n_positions)
    query, key = (attention_binary.random_codes(rng, shape, layer.code_bits) for _ in range(2))
    return AttentionBatch(query, key, attention_binary.random_values(rng, layer, shape))


@pytest.mark.parametrize("options", [WIDE, NARROW, PARALLEL], ids=["wide", "narrow", "parallel"])
@pytest.mark.parametrize("engine", ["amaranth", "bulk", "cocotb"])
def test_every_simulator_gives_the_models_integers(batch, options, engine):
    found = simulate_attention(LAYER, batch, options=options, engine=engine, optimise="quick")
    assert found.agrees
    assert (found.compared, found.query_rows) == (3 * 3 * 16 * 8, 3 * 3 * 16)
    assert (found.design, found.first_differing) == (
        "amaranth" if engine == "amaranth" else "verilog",
        "",
    )
    assert found.tests == (TESTS if engine == "cocotb" else ())


@pytest.mark.parametrize("group_size", [0, 2])
def test_attention_by_codes_goes_the_same_way(group_size):
    layer = attention_binary.make_layer(n_kept=[4, 2], group_size=group_size, head_size=16)
    for options in (AttentionOptions(lanes=4), AttentionOptions(lanes=4, features_per_beat=1)):
        found = simulate_attention(
            layer, binary_batch(layer, 2, 16), options=options, engine="bulk", optimise="quick"
        )
        assert found.agrees
        assert found.compared == 2 * 2 * 16 * 16


@pytest.mark.parametrize("engine", ["bulk", "cocotb"])
def test_an_engine_of_another_layer_is_found_out(batch, engine):
    other = make_layer(multiplier=[300, 40, 701], value_shift=[0, 2, 1], pattern="local", stride=3)
    verilog = emit_attention_verilog(other, WIDE)
    found = simulate_attention(
        LAYER, batch, options=WIDE, engine=engine, sources=(verilog,), optimise="quick"
    )
    sequences = list(zip(batch.query, batch.key, batch.value, strict=True))
    model, wrong = (
        np.stack([attend(layer, *rows) for rows in sequences]) for layer in (LAYER, other)
    )
    assert found.differing == (model != wrong).sum() > 0
    assert not found.agrees
    assert found.design == "netlist"
    sequence, head, position, _ = np.argwhere(model != wrong)[0]
    assert head == 2
    assert found.first_differing == f"sequence {sequence}, head 2, position {position}"
    assert not found.marks_differing


def test_wrong_marks_are_counted_apart(batch):
    verilog = emit_attention_verilog(LAYER, WIDE)
    turned = verilog.replace("module lutloom_attention(", "module inner(") + (
        "module lutloom_attention(input clk, input rst, input [38:0] i__payload, input i__valid,"
        " output i__ready, output [34:0] o__payload, output o__valid, input o__ready);"
        " wire [34:0] o; assign o__payload = {~o[34], o[33:0]};"
        " inner inner(.clk(clk), .rst(rst), .i__payload(i__payload), .i__valid(i__valid),"
        " .i__ready(i__ready), .o__payload(o), .o__valid(o__valid), .o__ready(o__ready));"
        "endmodule"
    )
    assert len(AttentionTop(LAYER, WIDE).i.payload.as_value()) == 4 * 8 + 2 + 2 + 1
    found = simulate_attention(
        LAYER, batch, options=WIDE, engine="bulk", sources=(turned,), optimise="quick"
    )
    assert (found.differing, found.marks_differing) == (0, 3 * 3 * 16 * 2)
    assert not found.agrees


def test_parallel_heads_found_out_are_named_rightly(batch):
    other = make_layer(multiplier=[300, 40, 701], value_shift=[0, 2, 1], pattern="local", stride=3)
    verilog = emit_attention_verilog(other, PARALLEL)
    found = simulate_attention(
        LAYER, batch, options=PARALLEL, engine="bulk", sources=(verilog,), optimise="quick"
    )
    assert ", head 2, " in found.first_differing


def test_a_simulator_attends_as_the_model_and_counts_clocks(batch):
    rows = batch.query[0], batch.key[0], batch.value[0]
    for options in (WIDE, PARALLEL):
        simulator = AttentionSimulator(LAYER, options, optimise="quick")
        assert np.array_equal(simulator.attend(*rows), attend(LAYER, *rows))
        once = simulator.cycles
        simulator.attend(*rows)
        assert simulator.cycles == 2 * once > 0
        simulator.close()


@pytest.mark.parametrize("features_per_beat", [1, 2, 4])
def test_beats_are_what_the_ports_layout_says(batch, features_per_beat):
    top = AttentionTop(LAYER, AttentionOptions(lanes=4, features_per_beat=features_per_beat))
    layout = top.i.payload.shape()
    one = batch.head(1, 5)
    wanted = [
        layout.const(word).as_bits()
        for head in range(3)
        for word in run_words(
            one.query[0, head], one.key[0, head], one.value[0, head],
            mode="causal", lanes=features_per_beat, head=head,
        )
    ]  # fmt: skip
    beats = attention_beats(top, one)
    assert [int.from_bytes(beat.tobytes(), "little") for beat in beats] == wanted


def test_payloads_are_what_the_ports_layout_says_and_are_read_back(batch):
    top = AttentionTop(LAYER, NARROW)
    layout = top.o.payload.shape()
    answers = expected_answers(top, batch)
    payloads = attention_payloads(top, answers)
    words = [layout.from_bits(int(word)) for word in payloads[:, 0]]
    assert [word.features[0] for word in words] == answers.ravel().tolist()
    assert [word.head for word in words] == [h for _ in range(3) for h in range(3)
                                             for _ in range(16 * 8)]  # fmt: skip
    assert [word.last for word in words] == ([0] * (16 * 8 - 1) + [1]) * 9
    assert np.array_equal(read_answers(top, payloads, answers.shape), answers)


def test_answers_of_parallel_heads_are_ordered_by_head(batch):
    top = AttentionTop(LAYER, PARALLEL)
    answers = expected_answers(top, batch.head(1, 4))
    payloads = attention_payloads(top, answers)
    mixed = payloads[np.argsort(np.arange(len(payloads)) % 8, kind="stable")]
    assert not np.array_equal(mixed, payloads)
    assert np.array_equal(order_by_key(mixed, head_key(top)), payloads)
    assert head_key(AttentionTop(LAYER, WIDE)) == (0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "verilator"}, "engine: must be one of amaranth, cocotb, bulk, not 'verilator'"),
        ({"engine": "bulk", "waves": "a.vcd"}, "waves: must go with the engine 'cocotb'"),
        ({"engine": "amaranth", "sources": ("",)}, "Verilog must go with the engine"),
        ({"stall_probability": 1.0}, "stall_probability: must be 0 to below 1"),
    ],
)
def test_arguments_out_of_range_are_refused(batch, change, message):
    with pytest.raises(InvalidRecipeError, match=message):
        simulate_attention(LAYER, batch, options=WIDE, **change)


def test_an_empty_batch_and_rows_of_another_layer_are_refused(batch):
    with pytest.raises(InvalidDataError, match="must have a sequence"):
        simulate_attention(LAYER, AttentionBatch(*np.zeros((3, 0, 3, 4, 8))), options=WIDE)
    other = make_layer(multiplier=[1, 1], value_shift=[0, 0])
    with pytest.raises(InvalidDataError, match=r"query: must be int8\[2"):
        simulate_attention(other, batch, options=WIDE)
