from dataclasses import replace

import numpy as np
import pytest

from lutloom.errors import InvalidFileError, ToolError
from lutloom_sim.beats import number_payloads
from lutloom_sim.bench_job import (
    JOB_VARIABLE,
    Batch,
    BenchJob,
    order_by_key,
    read_job,
    read_outcome,
    write_job,
)
from lutloom_sim.runner import run_bench
from lutloom_sim.verilated import build_cocotb

BENCH = "lutloom_sim.bench_stream"
TOP = "lutloom_pipeline"
WHOLE, STALLS, RESET = (
    "every_answer_is_the_models",
    "stalls_change_no_answer",
    "reset_in_mid_stream_leaves_nothing_behind",
)
ANSWER, HANG, ANSWER_FOR_EVER, WITHDRAW, CHANGE = (fault << 4 for fault in range(5))


@pytest.fixture
def bench(tmp_path):
    """Run the bench on Verilog with one-byte beats, each answered by its low half."""

    def bench(verilog, beats, expected=None):
        beats = np.array(beats, dtype=np.uint8)[:, None]
        expected = (beats[:, 0] & 15 if expected is None else np.array(expected)).astype(np.int64)
        batch = Batch(beats, number_payloads(expected))
        job = BenchJob(batch, batch, tmp_path, seed=1)
        return run_bench(
            build_cocotb((verilog,), TOP).path, BENCH, TOP, tmp_path,
            variables={JOB_VARIABLE: str(write_job(job))},
        )  # fmt: skip

    return bench


def test_three_tests_run_and_pass_on_a_good_design(bench, misbehaving, tmp_path):
    results = bench(misbehaving, range(16))
    assert results.passed == (WHOLE, STALLS, RESET)
    assert results.failed == ()
    assert results.n_tests == 3
    assert read_outcome(tmp_path).answers.tolist() == list(range(16))


def test_a_wrong_answer_fails_and_is_named(bench, misbehaving):
    results = bench(misbehaving, [1, 2, 3], expected=[1, 2, 4])
    assert results.passed == ()
    assert dict(results.failed).keys() == {WHOLE, STALLS, RESET}
    assert "1 of 3 answers differ from the model's" in dict(results.failed)[WHOLE]
    assert "answer 2: 3, not 4" in dict(results.failed)[WHOLE]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (HANG, "nothing moved for 10000 clocks after 2 beats and 1 answers"),
        (ANSWER_FOR_EVER, "answers"),
        (WITHDRAW, "changed while it waited"),
        (CHANGE, "changed while it waited"),
    ],
)
def test_a_fault_of_the_design_fails(bench, misbehaving, fault, message):
    results = bench(misbehaving, [1, fault, *[fault] * 14, 3])
    faults = dict(results.failed)
    assert faults
    assert any(message in text for text in faults.values()), faults


def test_a_design_deaf_to_reset_fails_that_test_only(bench, deaf_to_reset):
    results = bench(deaf_to_reset, range(16))
    assert results.passed == (WHOLE, STALLS)
    assert dict(results.failed).keys() == {RESET}


@pytest.mark.parametrize("module", ["lutloom_sim.beats", "no_such_bench"])
def test_a_bench_without_tests_is_an_error(misbehaving, tmp_path, module):
    program = build_cocotb((misbehaving,), TOP).path
    with pytest.raises(ToolError, match=r"cocotb: must write results.xml.*(No tests|No module)"):
        run_bench(program, module, TOP, tmp_path, variables={})


def test_results_that_list_no_test_are_an_error(tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho '<testsuites/>' > results.xml\n")
    program.chmod(0o755)
    with pytest.raises(ToolError, match="at least one test must run, but none did"):
        run_bench(program, BENCH, TOP, tmp_path, variables={})


def test_a_crash_and_a_hang_of_the_program_are_errors(tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    with pytest.raises(ToolError, match="cocotb: must exit with 0, not -11"):
        run_bench(program, BENCH, TOP, tmp_path, variables={})
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ToolError, match="cocotb: must end within 1 s"):
        run_bench(program, BENCH, TOP, tmp_path, variables={}, time_limit_s=1)


def test_a_job_survives_its_file(tmp_path):
    beats = np.arange(12, dtype=np.uint8).reshape(6, 2)
    whole = Batch(beats, number_payloads(np.array([4, 5, 6])))
    some = Batch(beats[:2], whole.expected[:1])
    job = BenchJob(whole, some, tmp_path, 0.25, 9, (64, 3), 1000, 77)
    read = read_job(write_job(job))
    for found, wanted in ((read.whole, whole), (read.some, some)):
        assert np.array_equal(found.beats, wanted.beats)
        assert np.array_equal(found.expected, wanted.expected)
    assert replace(read, whole=whole, some=some) == job


def test_answers_are_ordered_by_a_field_and_keep_their_order_within_it():
    payloads = np.array([[7, 2 << 1], [8, 1 << 1], [9, 2 << 1 | 1], [1, 1 << 1]], np.uint64)
    assert order_by_key(payloads, (65, 2))[:, 0].tolist() == [8, 1, 7, 9]
    assert order_by_key(payloads, (0, 0)) is payloads


def test_a_job_or_outcome_that_is_none_is_refused(tmp_path):
    (tmp_path / "job.npz").write_bytes(b"not a zip")
    (tmp_path / "outcome.npz").write_bytes(b"")
    with pytest.raises(InvalidFileError, match="must be a bench job"):
        read_job(tmp_path / "job.npz")
    with pytest.raises(ToolError, match="the bench must leave its answers"):
        read_outcome(tmp_path)
