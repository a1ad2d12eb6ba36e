import json

import msgspec
import numpy as np
import pytest

from lutloom import ir
from lutloom.emit import emit_verilog
from lutloom.errors import (
    InvalidDataError,
    InvalidFileError,
    InvalidRecipeError,
    ToolError,
)
from lutloom_hw.options import PipelineOptions
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.top import Top
from lutloom_sim import verilated
from lutloom_sim.simulate import simulate, simulate_amaranth

BENCH_TESTS = (
    "every_answer_is_the_models",
    "stalls_change_no_answer",
    "reset_in_mid_stream_leaves_nothing_behind",
)
ENGINES = ("cocotb", "bulk")


@pytest.fixture(scope="session")
def verilog(case):
    return {top: emit_verilog(case.network, PipelineOptions(), top) for top in ("pipeline", "top")}


@pytest.fixture
def run(case, verilog):
    """Simulate the case's network, its Verilog emitted once."""

    def run(expected=None, *, top="pipeline", sources=None, **arguments):
        return simulate(
            case.network, case.images, expected, top=top,
            sources=(verilog[top],) if sources is None else sources, **arguments,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def one_bit_flipped(case):
    """The network with one table bit flipped, and which images that answers otherwise."""
    layer = case.network.layers[-1]
    for neuron in range(layer.n_neurons):
        for address in range(1 << int(layer.fan_in_count[neuron])):
            table = layer.table.copy()
            table[neuron] ^= np.uint64(1 << address)
            flipped = ir.LutLayer(layer.fan_in, table, layer.origin)
            network = ir.Network(
                case.network.encoder, (*case.network.layers[:-1], flipped), case.network.head
            )
            wrong = np.flatnonzero(ir.classify(network, case.images) != case.expected)
            if wrong.size:
                return network, wrong
    raise AssertionError("no table bit matters")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("top", ["pipeline", "top"])
def test_the_verilog_answers_every_image_like_the_network(case, run, engine, top):
    result = run(engine=engine, top=top, labels=case.labels)
    assert (result.images, result.mismatches, result.first_mismatch) == (300, 0, None)
    assert result.accuracy == np.mean(case.expected == case.labels)
    assert result.tests == (BENCH_TESTS if engine == "cocotb" else ())
    assert (result.engine, result.top) == (engine, top)


@pytest.mark.parametrize("engine", ENGINES)
def test_latency_and_throughput_are_as_promised(case, run, engine):
    options = PipelineOptions()
    result = run(engine=engine)
    pipeline = Pipeline(case.network, options)
    assert result.latency_cycles == pipeline.latency_cycles
    assert result.cycles == 300 + pipeline.latency_cycles
    assert run(engine=engine, top="top").latency_cycles == Top(case.network, options).latency_cycles


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("top", ["pipeline", "top"])
def test_stalls_on_both_sides_change_no_answer(run, engine, top):
    free = run(engine=engine, top=top)
    stalled = run(engine=engine, top=top, stall_probability=0.5, seed=7)
    assert stalled.mismatches == 0
    assert stalled.cycles > 1.5 * free.cycles
    assert stalled.latency_cycles is None


@pytest.mark.parametrize("engine", ENGINES)
def test_one_flipped_table_bit_is_a_mismatch(run, one_bit_flipped, engine):
    network, wrong = one_bit_flipped
    result = run(engine=engine, sources=(emit_verilog(network, PipelineOptions()),))
    assert result.mismatches == wrong.size
    assert result.first_mismatch == wrong[0]
    assert BENCH_TESTS[0] not in result.tests


@pytest.mark.parametrize("engine", ENGINES)
def test_one_wrong_expected_answer_is_a_mismatch(case, run, engine):
    expected = case.expected.copy()
    expected[200] = (expected[200] + 1) % 10
    result = run(expected, engine=engine)
    assert (result.mismatches, result.first_mismatch) == (1, 200)
    assert BENCH_TESTS[0] not in result.tests


def test_amaranths_simulator_agrees_under_stalls(case):
    result = simulate_amaranth(case.network, case.images[:100], labels=case.labels[:100])
    assert (result.images, result.mismatches, result.engine) == (100, 0, "amaranth")
    assert result.stall_probability == 0.5
    free = simulate_amaranth(case.network, case.images[:100], stall_probability=0.0)
    assert free.latency_cycles == Pipeline(case.network, PipelineOptions()).latency_cycles
    assert free.cycles < result.cycles


def test_amaranths_simulator_finds_a_flipped_table_bit(case, one_bit_flipped):
    network, wrong = one_bit_flipped
    some = wrong[:3]
    result = simulate_amaranth(network, case.images[some], case.expected[some])
    assert result.mismatches == some.size


def test_what_was_built_is_not_built_again(run, monkeypatch):
    run()
    run(engine="bulk")

    def never(*arguments, **options):
        raise AssertionError(arguments)

    monkeypatch.setattr(verilated, "run_steps", never)
    assert run().build_cached
    assert run(engine="bulk").build_cached


def test_waves_name_neurons_as_the_model_does(run, tmp_path):
    waves = tmp_path / "deep" / "waves.vcd"
    result = run(waves=waves)
    assert result.mismatches == 0
    text = waves.read_text()
    assert " layer1_n0000 " in text
    assert " layer2_n0019 " in text
    assert [path.name for path in waves.parent.iterdir()] == ["waves.vcd"]


def test_waves_that_cannot_be_written_are_one_clear_line(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidFileError, match=r"waves.vcd: must be a file that can be written"):
        run(waves=tmp_path / "file" / "waves.vcd")


@pytest.mark.parametrize(
    ("shape", "engine"),
    [
        # Ports of 1, 12, 60 and 140 bits; answers of 1 and of 7 bits.
        (
            {"image": (1, 1), "thresholds": (9,), "n_classes": 2, "widths": (), "fan_in": 1},
            "cocotb",
        ),
        ({"image": (1, 1), "thresholds": (9,), "n_classes": 2, "widths": (), "fan_in": 1}, "bulk"),
        ({"image": (4, 3), "thresholds": (9,), "n_classes": 2, "widths": (9, 6)}, "bulk"),
        ({"image": (5, 6), "thresholds": (9, 99), "n_classes": 3, "widths": (20,)}, "bulk"),
        ({"image": (7, 10), "thresholds": (9, 99), "n_classes": 100, "widths": (200,)}, "bulk"),
    ],
)
def test_ports_of_any_width_are_driven(make_case, shape, engine):
    case = make_case(5, n_images=200, **shape)
    result = simulate(case.network, case.images, engine=engine)
    assert (result.images, result.mismatches) == (200, 0)


def test_results_are_ready_for_json(run):
    result = run(engine="bulk")
    decoded = json.loads(msgspec.json.encode(result))
    assert decoded["mismatches"] == 0
    assert decoded["images_per_second"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "modelsim"}, "engine: must be one of cocotb, bulk, not 'modelsim'"),
        ({"top": "chip", "sources": ("",)}, "top: must be one of pipeline, top, not 'chip'"),
        ({"stall_probability": 1.0}, "stall_probability: must be 0 to below 1, not 1.0"),
        ({"engine": "bulk", "waves": "w.vcd"}, "waves: must go with the engine 'cocotb'"),
    ],
)
def test_arguments_out_of_range_are_refused(run, arguments, message):
    with pytest.raises(InvalidRecipeError, match=message):
        run(**arguments)


def test_images_of_another_size_are_refused(case):
    with pytest.raises(InvalidDataError, match="give images of the model's size"):
        simulate(case.network, case.images[:, :5], engine="bulk")


def test_verilog_of_another_network_is_refused(make_case, verilog):
    other = make_case(1, (24, 20), 1, image=(12, 12), thresholds=(128,))
    with pytest.raises(ToolError, match="the Verilog is of another network or another top"):
        simulate(other.network, other.images, engine="bulk", sources=(verilog["pipeline"],))


def test_verilog_that_does_not_parse_is_one_clear_line_with_the_log(run):
    with pytest.raises(ToolError, match=r"^Verilator: must exit with 0.*%Error.*read .*log$"):
        run(engine="bulk", sources=("module lutloom_pipeline(input clk; endmodule",))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_netlists_cells_come_as_further_sources(verilog, run, engine):
    text = verilog["pipeline"]
    assert "module \\lutloom_pipeline.argmax " in text
    design, _, cell = text.partition("\nmodule \\lutloom_pipeline.argmax ")
    cell, _, rest = cell.partition("endmodule")
    sources = (design + rest, f"module \\lutloom_pipeline.argmax {cell}endmodule\n")
    assert run(engine=engine, sources=sources).mismatches == 0
    if engine == "bulk":
        with pytest.raises(
            ToolError, match=r"Can't resolve module reference: 'lutloom_pipeline\.argmax'"
        ):
            run(engine=engine, sources=sources[:1])
