import os
import signal
import threading

import numpy as np
import pytest

from lutloom.errors import InvalidRecipeError, MismatchError, ToolError
from lutloom_sim.bulk import BulkSimulator

ANSWER, HANG, ANSWER_FOR_EVER, WITHDRAW, CHANGE = (fault << 4 for fault in range(5))


@pytest.fixture(scope="module")
def simulator(misbehaving):
    simulator = BulkSimulator((misbehaving,), "lutloom_pipeline", optimise="quick")
    yield simulator
    simulator.close()


def _beats(*beats):
    return np.array(beats, dtype=np.uint8)[:, None]


def test_a_simulator_runs_again_and_again(simulator):
    for values in ([1, 2, 3], [9], list(range(16))):
        run = simulator.run(_beats(*values), n_answers=len(values), stall_probability=0.5)
        assert run.answers.tolist() == values


def test_the_same_seed_stalls_alike(simulator):
    beats = _beats(*range(16))
    one, two, other = (
        simulator.run(beats, n_answers=16, stall_probability=0.5, seed=seed).cycles
        for seed in (3, 3, 4)
    )
    assert one == two
    assert one != other


def test_two_simulators_do_not_share_anything(simulator, misbehaving):
    other = BulkSimulator((misbehaving,), "lutloom_pipeline", optimise="quick")
    with pytest.raises(ToolError, match="hang"):
        other.run(_beats(HANG), n_answers=1, idle_limit_cycles=50)
    assert simulator.run(_beats(5), n_answers=1).answers.tolist() == [5]
    other.close()
    other.close()


def test_a_hang_is_reported_with_how_far_it_got(simulator):
    beats = _beats(1, 2, HANG, 3)
    with pytest.raises(
        ToolError, match="must not hang, but it did after 3 of 4 beats and 2 of 4 answers"
    ):
        simulator.run(beats, n_answers=4, idle_limit_cycles=1000)


def test_answers_that_never_come_are_a_hang(simulator):
    with pytest.raises(ToolError, match="1 of 1 beats and 1 of 2 answers"):
        simulator.run(_beats(1), n_answers=2)


def test_ctrl_c_ends_a_long_run_and_leaves_the_simulator_usable(simulator):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        simulator.run(_beats(HANG), n_answers=1, idle_limit_cycles=10**15)
    assert simulator.run(_beats(6), n_answers=1).answers.tolist() == [6]


def test_surplus_answers_are_a_mismatch(simulator):
    with pytest.raises(MismatchError, match="must end with the beats"):
        simulator.run(_beats(1, ANSWER_FOR_EVER), n_answers=2)


@pytest.mark.parametrize("fault", [WITHDRAW, CHANGE])
def test_answers_that_do_not_stay_are_a_mismatch(simulator, fault):
    beats = _beats(*[fault] * 16)
    with pytest.raises(MismatchError, match="must stay until it is taken"):
        simulator.run(beats, n_answers=16, stall_probability=0.5)


def test_beats_wider_than_the_port_are_refused(simulator):
    with pytest.raises(ToolError, match="at most the port's 1 bytes, not 2"):
        simulator.run(np.zeros((1, 2), np.uint8), n_answers=1)


def test_a_stall_probability_of_one_is_refused(simulator):
    with pytest.raises(InvalidRecipeError, match="must be 0 to below 1"):
        simulator.run(_beats(1), n_answers=1, stall_probability=1.0)


LOOP = """
module lutloom_pipeline(
  input clk, input rst, input [7:0] i__payload, input i__valid, output i__ready,
  output [3:0] o__payload, output o__valid, input o__ready);
  LINT
  wire ring;
  assign ring = ~(ring & i__valid);
  assign i__ready = ring;
  assign o__payload = 0;
  assign o__valid = 0;
endmodule
"""


def test_a_combinational_loop_is_refused():
    with pytest.raises(ToolError, match=r"%Warning-UNOPTFLAT.*[Cc]ircular"):
        BulkSimulator((LOOP.replace("LINT", ""),), "lutloom_pipeline", optimise="quick")


def test_a_model_that_cannot_settle_is_an_error_not_the_end_of_the_process():
    loop = LOOP.replace("LINT", "/* verilator lint_off UNOPTFLAT */")
    simulator = BulkSimulator((loop,), "lutloom_pipeline", optimise="quick")
    with pytest.raises(ToolError, match=r"the model must not fail, but it did .* converge"):
        simulator.run(_beats(1), n_answers=1)


@pytest.mark.parametrize(
    ("top", "optimise", "message"),
    [
        ("lutloom_pipeline; evil", "quick", "top: must be a plain Verilog name"),
        ("lutloom_pipeline", "most", "optimise: must be one of quick, fast, not 'most'"),
    ],
)
def test_arguments_out_of_range_are_refused(misbehaving, top, optimise, message):
    with pytest.raises(ToolError, match=message):
        BulkSimulator((misbehaving,), top, optimise=optimise)


def test_a_broken_library_says_what_to_remove(misbehaving, monkeypatch, tmp_path):
    from lutloom_sim import bulk
    from lutloom_sim.verilated import Built

    (tmp_path / "simulation.so").write_bytes(b"torn")
    torn = Built(tmp_path / "simulation.so", 0.0, True)
    monkeypatch.setattr(bulk, "build_library", lambda *_, **__: torn)
    with pytest.raises(ToolError, match=r"must be a library that can be loaded.*remove its folder"):
        BulkSimulator((misbehaving,), "lutloom_pipeline")
