"""The comparison counts every differing answer, and the ladder climbs on results alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lutloom import ir
from lutloom.compare import compare
from lutloom.compare.executors import EXECUTORS, Executor, NotHereError, Subject
from lutloom.compare.ladder import EXPLANATIONS, agreement, rung
from lutloom.compare.results import WRONG_MAX, Comparison, ExecutorResult
from lutloom.compare.trade_off import keep_votes, lut4_count, trade_off
from lutloom.errors import InvalidDataError
from lutloom.files.network_onnx import write_network


def small_network(seed: int = 0, n_classes: int = 4, votes: int = 12) -> ir.Network:
    rng = np.random.default_rng(seed)
    encoder = ir.ThermometerEncoder(4, 5, np.array([80, 160]))
    width = n_classes * votes
    layers = []
    n_inputs = encoder.n_bits
    for n in (2 * width, width):
        fan_in = np.array([rng.choice(n_inputs, 4, replace=False) for _ in range(n)])
        layers.append(ir.LutLayer(fan_in, rng.integers(1, 2**16 - 1, n), np.arange(n)))
        n_inputs = n
    head = ir.VoteHead(
        np.arange(width), np.repeat(np.arange(n_classes), votes), np.zeros(n_classes)
    )
    return ir.verify(ir.Network(encoder, tuple(layers), head))


NETWORK = small_network()
IMAGES = np.random.default_rng(1).integers(0, 256, (300, 4, 5), dtype=np.uint8)
LABELS = np.random.default_rng(2).integers(0, 4, 300)


@pytest.fixture(scope="module")
def network_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "network.onnx"
    write_network(NETWORK, path)
    return path


def wrong_by(count: int) -> Executor:
    def prepare(subject: Subject):  # type: ignore[no-untyped-def]
        def classify(images):  # type: ignore[no-untyped-def]
            answers = ir.classify(subject.network, images).copy()
            answers[:count] = (answers[:count] + 1) % subject.network.n_classes
            return answers

        return classify

    return Executor("rtl", "planted fault", prepare)


def run(network_path: Path, executors: tuple[Executor, ...]) -> Comparison:
    return compare(
        NETWORK, IMAGES, LABELS, network_path=network_path, dataset="noise", executors=executors
    )


def test_interpreter_and_onnx_runtime_agree(network_path: Path) -> None:
    chosen = tuple(e for e in EXECUTORS if e.name in ("ir", "onnxruntime"))
    found = run(network_path, chosen)
    assert [e.mismatches for e in found.executors] == [0, 0]
    expected = float((ir.classify(NETWORK, IMAGES) == LABELS).mean())
    assert [e.accuracy for e in found.executors] == [expected, expected]
    assert all(e.images == 300 and (e.images_per_second or 0) > 0 for e in found.executors)


@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_differing_answers_are_counted(network_path: Path, count: int) -> None:
    found = run(network_path, (wrong_by(count),))
    assert found.executors[0].mismatches == count


def test_what_cannot_run_here_says_why(network_path: Path) -> None:
    def prepare(subject: Subject):  # type: ignore[no-untyped-def]
        raise NotHereError("no GPU here")

    found = run(network_path, (Executor("torch_cuda", "torch, CUDA", prepare),))
    assert found.executors[0].note == "no GPU here"
    assert found.executors[0].mismatches is None
    assert found.executors[0].accuracy is None


def test_an_executor_that_breaks_is_an_error(network_path: Path) -> None:
    def prepare(subject: Subject):  # type: ignore[no-untyped-def]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(network_path, (Executor("rtl", "broken", prepare),))


def test_confusion_and_wrong_pictures_are_the_interpreter_s(network_path: Path) -> None:
    found = run(network_path, ())
    answers = ir.classify(NETWORK, IMAGES)
    matrix = np.array(found.confusion)
    assert matrix.sum() == 300
    assert matrix[2, 1] == ((LABELS == 2) & (answers == 1)).sum()
    wrong = np.flatnonzero(answers != LABELS)[:WRONG_MAX]
    assert [w.index for w in found.wrong] == wrong.tolist()
    assert found.wrong[0].pixels == IMAGES[wrong[0]].tobytes()
    assert found.wrong[0].answer == answers[wrong[0]]


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (IMAGES[:, :3], LABELS, "must be 4 x 5 pixels"),
        (IMAGES[:0], LABELS[:0], "at least one"),
        (IMAGES, LABELS[:10], "as many labels"),
        (IMAGES, LABELS + 1, "must be 0..3, not 4"),
        (IMAGES, LABELS - 1, "must be 0..3, not -1"),
    ],
)
def test_foreign_data_is_refused(
    network_path: Path, images: np.ndarray, labels: np.ndarray, said: str
) -> None:
    with pytest.raises(InvalidDataError, match=said):
        compare(NETWORK, images, labels, network_path=network_path, dataset="x", executors=())


def test_all_votes_are_the_whole_network() -> None:
    whole = keep_votes(NETWORK, 1.0)
    assert (ir.scores(whole, IMAGES) == ir.scores(NETWORK, IMAGES)).all()


def test_fewer_votes_are_smaller_and_keep_one_for_each_class() -> None:
    points = trade_off(NETWORK, IMAGES, LABELS)
    sizes = [point.neurons for point in points]
    assert sizes == sorted(set(sizes))
    least = keep_votes(NETWORK, 1e-6)
    assert least.head.n_votes == NETWORK.n_classes


def test_lut4s_double_with_each_input_past_four() -> None:
    fan_in = np.full((4, 6), ir.UNUSED)
    for row, count in enumerate((3, 4, 5, 6)):
        fan_in[row, :count] = np.arange(count)
    layer = ir.LutLayer(fan_in, np.ones(4), np.arange(4))
    head = ir.VoteHead(np.arange(4), np.array([0, 0, 1, 1]), np.zeros(2))
    encoder = ir.ThermometerEncoder(2, 3, np.array([128]))
    assert lut4_count(ir.Network(encoder, (layer,), head)) == 1 + 1 + 2 + 4


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        ([], "not run"),
        ([True], "passed"),
        ([True, None], "not run"),
        ([None, False], "failed"),
        ([True, True, False], "failed"),
    ],
)
def test_a_rung_passes_only_on_results(checks: list[bool | None], state: str) -> None:
    assert rung(checks).state == state


def result(name: str, mismatches: int | None, images: int = 300) -> ExecutorResult:
    return ExecutorResult(name=name, title=name, mismatches=mismatches, images=images)  # type: ignore[arg-type]


def comparison(*executors: ExecutorResult) -> Comparison:
    return Comparison(network_digest="0", dataset="x", images=300, executors=executors)


@pytest.mark.parametrize(
    ("torch", "onnxruntime", "state"),
    [
        (result("torch_cpu", 0), result("onnxruntime", 0), "passed"),
        (result("torch_cpu", 1), result("onnxruntime", 0), "failed"),
        (result("torch_cpu", 0), result("onnxruntime", 1), "failed"),
        (result("torch_cpu", None), result("onnxruntime", 0), "not run"),
        (result("torch_cpu", 0, images=299), result("onnxruntime", 0), "failed"),
    ],
)
def test_rung_l1_needs_torch_and_onnx_runtime_on_every_image(
    torch: ExecutorResult, onnxruntime: ExecutorResult, state: str
) -> None:
    assert agreement(comparison(torch, onnxruntime)).state == state


def test_rung_l1_counts_a_gpu_where_there_is_one() -> None:
    both = (result("torch_cpu", 0), result("onnxruntime", 0))
    assert agreement(comparison(*both, result("torch_cuda", None))).state == "passed"
    assert agreement(comparison(*both, result("torch_cuda", 2))).state == "failed"
    assert agreement(None).state == "not run"


def test_every_rung_is_explained() -> None:
    assert list(EXPLANATIONS) == [f"L{i}" for i in range(7)]
