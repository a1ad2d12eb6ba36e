"""The commands one after another on a small model: files, records, JSON, refusals."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lutloom import ir
from lutloom.cli import main
from lutloom.cli.workspace import Workspace
from lutloom.data import Dataset
from lutloom.files.model_state import LayerState, ModelState, write_model
from lutloom.recipe import parse_recipe
from lutloom.report.records import LoweringRecord, RecipeRecord
from lutloom.schema import read_json

N_CLASSES, VOTES, HEIGHT, WIDTH = 3, 4, 4, 6


def small_data(name: str = "noise", width: int = WIDTH) -> Dataset:
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (400, HEIGHT, width), dtype=np.uint8)
    labels = np.arange(400) % N_CLASSES
    return Dataset(name, images[:200], labels[:200], images[200:], labels[200:])


def small_state(seed: int = 3) -> ModelState:
    rng = np.random.default_rng(seed)
    encoder = ir.ThermometerEncoder(HEIGHT, WIDTH, np.array([64, 128]))
    layers, n_inputs = [], encoder.n_bits
    for n in (4 * N_CLASSES * VOTES, N_CLASSES * VOTES):
        fan_in = np.array([rng.choice(n_inputs, 4, replace=False) for _ in range(n)])
        counter = rng.normal(size=(n, 16)).astype(np.float32)
        layers.append(LayerState("table", fan_in, counter=counter))
        n_inputs = n
    return ModelState(encoder, N_CLASSES, tuple(layers))


def deep_state() -> ModelState:
    """A trained state whose second layer copies: it can go without a wrong answer."""
    rng = np.random.default_rng(3)
    encoder = ir.ThermometerEncoder(HEIGHT, WIDTH, np.array([64, 128]))
    n = N_CLASSES * VOTES
    layers, n_inputs = [], encoder.n_bits
    for copies in (False, True, False):
        fan_in = np.array([rng.choice(n_inputs, 4, replace=False) for _ in range(n)])
        counter = rng.normal(size=(n, 16)).astype(np.float32)
        if copies:
            noisy = np.arange(16) % 2 - 0.5
            counter = np.tile(noisy, (n, 1)).astype(np.float32)
            counter[:, 15] *= -1.0
        layers.append(LayerState("table", fan_in, counter=counter))
        n_inputs = n
    return ModelState(encoder, N_CLASSES, tuple(layers))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `lutloom train` leaves it, of a model too small to be trained."""
    monkeypatch.setattr(Workspace, "load_data", lambda self: small_data(self.data))
    folder = tmp_path / "small"
    write_model(small_state(), folder / "model.safetensors")
    recipe = parse_recipe("[hardware]\ndevice = 'hx8k'")
    record = RecipeRecord(name="small", data="noise", recipe=recipe)
    (folder / "recipe.json").write_bytes(msgspec.json.encode(record))
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    capsys.readouterr()
    status = main([*map(str, words), "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out), err


def lowered(capsys: pytest.CaptureFixture[str], work: Path) -> Any:
    status, record, _ = run(capsys, "lower", "--work", work)
    assert status == 0
    return record


def test_lower_leaves_a_network_and_its_record(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = lowered(capsys, work)
    assert record["answers_changed"] == 0
    assert record["images_checked"] == 200
    assert record["device"] == "hx8k"
    assert record["rung"]["state"] == "passed"
    assert record["estimate"]["lut4"] > 0
    kept = read_json(work / "lower.json", LoweringRecord)
    assert msgspec.json.decode(msgspec.json.encode(kept)) == record
    assert (work / "network.onnx").exists()


def test_a_network_from_elsewhere_is_lowered_without_torch(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    digest = lowered(capsys, work)["network_digest"]
    theirs, other = work / "network.onnx", work.parent / "other"
    words = ("lower", "--network", theirs, "--work")
    status, record, _ = run(capsys, *words, other, "--recipe", "hx8k", "--data", "noise")
    assert status == 0
    assert record["network_digest"] == digest, "nothing was left to lower"
    assert (other / "network.onnx").read_bytes() == theirs.read_bytes()
    status, record, _ = run(capsys, "emit", "--work", other)
    assert status == 0
    assert record["device"] == "hx8k", "the recipe given to lower is kept"
    status, out, _ = run(capsys, *words, work)
    assert status == 1
    assert "give another folder with --work" in out["error"]["message"]


def test_layers_are_eliminated_on_the_images_training_held_out(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(deep_state(), work / "model.safetensors")
    status, record, _ = run(
        capsys, "lower", "--work", work, "--eliminate-layers", "--accuracy-loss", 1
    )
    assert status == 0
    gone = record["elimination"]
    assert gone["validation_images"] == 16, "a twelfth of 200 training images"
    assert gone["layers_before"] == 3
    assert len(gone["layers"]) == 3, "where any answer may go, so may every layer"
    assert record["widths"] == []
    assert record["answers_changed"] > 0
    assert record["rung"]["state"] == "passed"
    assert "0 of 200 answers changed by them" in record["rung"]["evidence"]
    status, record, _ = run(capsys, "lower", "--work", work, "--eliminate-layers")
    assert record["elimination"]["validation_accuracy"] >= (
        record["elimination"]["validation_accuracy_before"] - 0.001
    )


def test_a_network_with_fewer_layers_is_not_held_against_the_trained_model(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(deep_state(), work / "model.safetensors")
    run(capsys, "lower", "--work", work, "--eliminate-layers", "--accuracy-loss", 1)
    status, found, _ = run(capsys, "compare", "--work", work)
    assert status == 0
    torch_cpu = next(e for e in found["executors"] if e["name"] == "torch_cpu")
    assert torch_cpu["mismatches"] is None
    assert "no trained state of this network" in json.dumps(torch_cpu)
    status, report, _ = run(capsys, "report", work)
    assert status == 0
    conditions = " ".join(report["models"][0]["details"]["conditions"])
    assert "3 of 3 layers were taken out after training" in conditions


def test_accuracy_loss_without_elimination_is_refused(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lower", "--work", str(work), "--accuracy-loss", "0.1"]) == 1
    assert "must come with --eliminate-layers" in capsys.readouterr().err


def test_emit_writes_text_that_names_the_neurons(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lowered(capsys, work)
    status, record, _ = run(capsys, "emit", "--work", work)
    assert status == 0
    assert set(record["sha256"]) == {"pipeline.v", "top.v", "top.il"}
    assert record["loader_cycles"] == HEIGHT * 2
    assert "layer1_n" in (work / "verilog" / "pipeline.v").read_text()


def test_compare_and_report_need_no_torch(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("lutloom.models")]:
        monkeypatch.delitem(sys.modules, name)  # another test may have imported them
    lowered(capsys, work)
    status, found, _ = run(capsys, "compare", "--work", work)
    assert status == 0
    by_name = {e["name"]: e for e in found["executors"]}
    assert by_name["onnxruntime"]["mismatches"] == 0
    assert by_name["torch_cpu"]["note"] == "torch is not installed"
    status, report, _ = run(capsys, "report", work)
    assert status == 0
    assert report == json.loads((work / "report.json").read_bytes())
    assert report["models"][0]["name"] == "small"
    assert report["models"][0]["ladder"]["L1"] == "not run"
    assert report["models"][0]["ladder"]["L0"] == "passed"
    assert "small" in (work / "report.html").read_text()


def test_a_folder_of_folders_is_one_report(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lowered(capsys, work)
    status, report, _ = run(capsys, "report", work.parent, "-o", work.parent / "x" / "all.html")
    assert status == 0
    assert [m["name"] for m in report["models"]] == ["small"]
    assert (work.parent / "x" / "all.json").exists()


def plant_simulation(work: Path, mismatches: int, digest: str) -> None:
    executor = {
        "name": "rtl", "title": "Verilog", "accuracy": 0.5, "mismatches": mismatches, "images": 200,
    }  # fmt: skip
    record = {
        "network_digest": digest,
        "executors": [executor],
        "stages": {"state": "passed"},
        "verilog": {"state": "failed" if mismatches else "passed"},
        "tools": {"verilator": "0"},
    }
    (work / "simulate.json").write_text(json.dumps(record), encoding="utf-8")


def test_a_differing_answer_ends_compare_with_status_1(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = lowered(capsys, work)["network_digest"]
    plant_simulation(work, mismatches=2, digest=digest)
    status, found, err = run(capsys, "compare", "--work", work)
    assert status == 1
    assert found["executors"][-1]["mismatches"] == 2  # the table is whole all the same
    assert "Verilog: 2 of 200" in err.splitlines()[-1]
    _, report, _ = run(capsys, "report", work)
    assert report["models"][0]["mismatches"]["rtl"] == 2
    assert report["models"][0]["ladder"]["L3"] == "failed"


@pytest.mark.parametrize("command", ["compare", "report"])
def test_results_of_another_network_are_refused(
    work: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    lowered(capsys, work)
    plant_simulation(work, mismatches=0, digest="0" * 64)
    where = ["--work", work] if command == "compare" else [work]
    status, out, err = run(capsys, command, *where)
    assert status == 1
    assert out["error"]["kind"] == "InvalidFileError"
    assert "lutloom simulate --work" in err
    assert not (work / "compare.json").exists()
    assert not (work / "report.json").exists()


@pytest.mark.parametrize(
    ("name", "content", "command"),
    [
        ("model.safetensors", b"\0" * 64, "lower"),
        ("model.safetensors", b"", "lower"),
        ("recipe.json", b"{", "lower"),
        ("recipe.json", b'{"name": "x", "data": "x", "recipe": {"trainin": {}}}', "lower"),
        ("network.onnx", b"not onnx", "emit"),
        ("network.onnx", b"\x08\x07", "compare"),
    ],
)
def test_a_malformed_file_is_one_line_and_writes_nothing(
    work: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, command: str
) -> None:
    (work / name).write_bytes(content)
    before = sorted(path.name for path in work.rglob("*"))
    status, out, err = run(capsys, command, "--work", work)
    assert status == 1
    assert name in out["error"]["message"]
    assert err.count("\n") == 1
    assert sorted(path.name for path in work.rglob("*")) == before


def test_images_of_another_size_are_refused(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = small_data(width=5)
    monkeypatch.setattr(Workspace, "load_data", lambda _: other)
    status, out, _ = run(capsys, "lower", "--work", work)
    assert status == 1
    assert "4x6 pixels" in out["error"]["message"]
    assert not (work / "network.onnx").exists()


def test_without_json_the_result_is_a_table(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lower", "--work", str(work)]) == 0
    out, err = capsys.readouterr()
    assert "flip-flops" in out
    assert "{" not in out
    assert f"wrote {work / 'network.onnx'}" in err


@pytest.fixture
def images_file(tmp_path: Path) -> Path:
    """Learnable in no time: the class is which third of the picture is inked."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, N_CLASSES, 900)
    images = rng.integers(0, 60, (900, 6, 6), dtype=np.uint8)
    for label in range(N_CLASSES):
        images[labels == label, 2 * label : 2 * label + 2] += 150
    path = tmp_path / "thirds.npz"
    np.savez_compressed(path, images=images, labels=labels)
    return path


RECIPE = """
[data]
thresholds = [100]
validation_images = 150
[network]
widths = [16, 4]
window_pixels = 0
[training]
epochs = 3
batch = 64
[hardware]
device = "hx8k"
seeds = 1
"""


@pytest.fixture
def trained(images_file: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    recipe = images_file.with_name("thirds.toml")
    recipe.write_text(RECIPE, encoding="utf-8")
    work = images_file.with_name("work")
    words = ("train", "--recipe", recipe, "--data", images_file, "--work", work)
    status, record, _ = run(capsys, *words)
    assert (status, record["name"], len(record["history"])) == (0, "thirds", 3)
    assert record["history"][-1]["validation_accuracy"] > 0.8
    return work


def test_the_whole_road_passes_every_rung_but_the_board_s(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("lower", "emit", "simulate", "synth", "compare"):
        status, _, err = run(capsys, command, "--work", trained)
        assert status == 0, err
    status, report, _ = run(capsys, "report", trained)
    assert status == 0
    model = report["models"][0]
    assert model["ladder"] == {**{f"L{i}": "passed" for i in range(6)}, "L6": "not run"}
    counts = model["mismatches"]
    assert counts.pop("torch_cuda") in (None, 0)
    assert counts == dict.fromkeys(("torch_cpu", "onnxruntime", "ir", "rtl", "netlist"), 0)
    assert model["images"] == 150
    assert model["target"]["device"] == "hx8k"
    assert model["target"]["routed"] is True
    assert list(model["target"]["fmax_mhz"]["seeds"]) == ["1"]


def test_an_interrupted_training_goes_on_to_the_same_model(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (trained / "model.safetensors").read_bytes()
    again = trained.with_name("again")
    words = ("train", "--recipe", trained.with_name("thirds.toml"), "--work", again,
             "--data", trained.with_name("thirds.npz"))  # fmt: skip

    def interrupt(done: float, *_: object) -> None:
        if done > 1.5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lutloom.cli.console._lines", lambda *_: interrupt)
        status, out, err = run(capsys, *words)
    assert (status, out["error"]["kind"]) == (130, "KeyboardInterrupt")
    assert "go on with --resume" in err
    assert not (again / "model.safetensors").exists()
    status, record, _ = run(capsys, *words, "--resume")
    assert (status, len(record["history"])) == (0, 3)
    assert (again / "model.safetensors").read_bytes() == whole
