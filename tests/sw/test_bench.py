"""Every benchmark, on something small: it measures, and its figures can be written and read."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_transformer import make_text, make_transformer

from lutloom import ir
from lutloom.bench.__main__ import BENCHMARKS, main
from lutloom.bench.figures import spread
from lutloom.bench.mixed_sparsity import Arm
from lutloom.data import Dataset
from lutloom.language.mixed_sparsity import mixed_sparsity_plan
from lutloom.language.small_model import SmallModel
from lutloom.language.tokenizer import Tokenizer, train_tokenizer
from lutloom.language.transformer import Transformer
from lutloom.recipe import Recipe, parse_recipe
from lutloom_sim.result import SimulationResult


def small_data(_: str) -> Dataset:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 900)
    images = rng.integers(0, 100, (900, 8, 8), dtype=np.uint8)
    images[labels == 1, 2:5] += 100
    return Dataset("stripes", images[:700], labels[:700], images[700:], labels[700:])


def small_recipe(_: str) -> Recipe:
    return parse_recipe(
        "[data]\nvalidation_images = 100\n[network]\nwidths = [8]\n[training]\nepochs = 2"
    )


def run(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    assert main([name, "--seeds", "2", "--out", str(folder)]) == 0
    assert f"bench {name}: wrote" in capsys.readouterr().err
    figures = json.loads((folder / f"{name}.json").read_bytes())
    assert figures["conditions"]["command"] == f"scripts/bench {name} --seeds 2"
    return figures


def test_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lutloom.bench.train.load", small_data)
    monkeypatch.setattr("lutloom.bench.train.load_recipe", small_recipe)
    monkeypatch.setattr("lutloom.bench.train.RECIPES", ("first", "second"))
    figures = run("train", tmp_path, capsys)
    assert figures["peak_memory_bytes"] > 1 << 20
    assert [point["recipe"] for point in figures["points"]] == ["first", "second"]
    for point in figures["points"]:
        assert [one["seed"] for one in point["runs"]] == [0, 1]
        assert point["neurons"] == 16
        assert point["test_accuracy"]["min"] > 0.8


def test_depth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lutloom.bench.depth.load", small_data)
    monkeypatch.setattr("lutloom.bench.depth.WIDTH", 8)
    monkeypatch.setattr("lutloom.bench.depth.EPOCHS", {1: 1, 5: 2})
    points = run("depth", tmp_path, capsys)["points"]
    assert [(p["layers"], p["trained_layers"]) for p in points] == [
        (1, "all"),
        *((5, kept) for kept in ("all", "last", "all_but_last")),
    ]
    assert all(p["test_accuracy"]["n"] == 2 for p in points)
    (whole,) = (p for p in points if "eliminated" in p)
    assert (whole["layers"], whole["trained_layers"]) == (5, "all")
    left = whole["eliminated"]
    assert left["layers"]["max"] < 5, "two epochs of stripes need no five layers"
    assert left["neurons"]["max"] < left["neurons_before"]["min"]
    assert left["accuracy_change"]["min"] > -0.05


def test_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lutloom.bench.lower.SIZES", (200, 400))
    points = run("lower", tmp_path, capsys)["points"]
    assert [p["neurons"] for p in points] == [200, 400]
    assert all(0 < p["neurons_after"] < p["neurons"] for p in points)


def test_bulk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The simulation itself has tests of its own, and takes a minute to build."""

    def simulate(network: Any, images: Any, **_: Any) -> SimulationResult:
        return SimulationResult(
            engine="bulk", top="pipeline", images=len(images), mismatches=1, first_mismatch=0,
            accuracy=None, cycles=len(images), latency_cycles=9, seconds=2.0,
            images_per_second=len(images) / 2, build_seconds=3.0, build_cached=False,
            stall_probability=0.0, seed=0,
        )  # fmt: skip

    monkeypatch.setattr("lutloom.bench.bulk.simulate", simulate)
    monkeypatch.setattr("lutloom.bench.bulk.N_IMAGES", 10)
    figures = run("bulk", tmp_path, capsys)
    assert figures["mismatches"] == 2, "those of every run"
    assert figures["images_per_second"]["median"] == 5


def test_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    size = SmallModel(n_blocks=1, width=16, n_heads=1, context=8)
    values = {"CORPORA": ("python",), "VOCABULARY": 257, "SIZE": size, "STEPS": 3}
    for name, value in values.items():
        monkeypatch.setattr(f"lutloom.bench.language.{name}", value)
    (point,) = run("language", tmp_path, capsys)["points"]
    assert point["train_tokens"] == 3 * 16 * 8
    assert point["test_perplexity"]["n"] == 2
    assert 1 < point["ngram_test_perplexity"] < point["test_perplexity"]["min"]


def test_mixed_sparsity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    size = SmallModel(n_blocks=1, width=16, n_heads=1, context=8)
    arms = {
        "dense": Arm("reference", size=size),
        "sparse": Arm("sparse", mixed_sparsity_plan(0.8, stride=2), size=size),
    }
    for name, value in {
        "CORPUS": "python", "VOCABULARY": 257, "SIZE": size, "STEPS": 6,
        "ARMS": arms,
    }.items():  # fmt: skip
        monkeypatch.setattr(f"lutloom.bench.mixed_sparsity.{name}", value)
    dense, sparse = run("mixed_sparsity", tmp_path, capsys)["points"]
    for convention, share in dense["flops_share"].items():
        assert share == pytest.approx(1.0), convention
        assert sparse["flops_share"][convention] < 0.9
    assert sparse["validation_loss"]["n"] == 2
    assert set(dense["tuning_loss"]) == {"0.008", "0.016"}


def small_smollm2(context: int) -> tuple[Transformer, Tokenizer]:
    """A stand-in of random weights; the real one is never needed by tests."""
    tokenizer = train_tokenizer(make_text(), 300)
    model = make_transformer(
        vocabulary=tokenizer.vocabulary, n_blocks=5, context=context, norm_epsilon=1e-5
    )
    return model, tokenizer


def stand_in(monkeypatch: pytest.MonkeyPatch, bench: str, **values: object) -> None:
    monkeypatch.setattr(f"lutloom.bench.{bench}.read_smollm2", small_smollm2)
    for name, value in {"CORPUS": "python", "CONTEXT": 8, "TEST_WINDOWS": 2, **values}.items():
        monkeypatch.setattr(f"lutloom.bench.{bench}.{name}", value)


def test_eliminate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, "eliminate", BLOCKS=(1, 2), WINDOWS=2, SPEED_TOKENS=16, SPEED_REPEATS=1)
    figures = run("eliminate", tmp_path, capsys)
    assert [point["removed_blocks"] for point in figures["points"]] == [1, 2]
    for point in figures["points"]:
        for name, method in point["methods"].items():
            assert method["test_perplexity"]["n"] == 2
            for removed in method["removed"]:
                assert len(set(removed)) == point["removed_blocks"], name
    assert figures["speed"][0]["speed_up"] > 0


def test_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, "pack", WINDOWS=8)
    figures = run("pack", tmp_path, capsys)
    assert figures["width"] == {"whole": 24, "sliced": 16}
    by_kind = {(a["method"], a["compression"]): a for a in figures["archives"]}
    assert set(by_kind) == {
        (method, compression)
        for method in ("plain", "triangular", "symmetric", "bits_back")
        for compression in ("none", "xz", "exponent")
    }
    assert by_kind["plain", "none"]["saving"]["max"] == 0.0
    assert by_kind["symmetric", "none"]["share_of_bound"]["median"] == pytest.approx(1.0)
    assert {a["draws"] for a in figures["archives"] if a["compression"] == "xz"} == {1}
    for archive in figures["archives"]:
        assert abs(archive["perplexity_change"]["median"]) < 0.05
        assert archive["logit_error"]["max"] < 0.05


def test_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"SLOTS_EXHAUSTIVE": 3, "SLOTS_DRAWN": 8, "ORDERS_DRAWN": 20}.items():
        monkeypatch.setattr(f"lutloom.bench.orders.{name}", value)
    points = run("orders", tmp_path, capsys)["points"]
    assert [(p["slots"], p["orders"], p["all_orders"]) for p in points] == [
        (1, 1, True), (2, 2, True), (3, 6, True), (8, 20, False),
    ]  # fmt: skip
    assert [p["distinct"]["integers"] for p in points] == [2, 2, 2, 2], "one a seed"
    assert points[-1]["distinct"]["floats"] > 2, "a model in floats does not pass"


def test_every_benchmark_can_be_run() -> None:
    for name in BENCHMARKS:
        assert callable(importlib.import_module(f"lutloom.bench.{name}").measure)


@pytest.mark.parametrize("words", [["trane"], ["train", "--seeds", "0"], []])
def test_wrong_usage_ends_with_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "error: argument" in capsys.readouterr().err or not words


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"min": 1.0, "median": 2.0, "max": 3.0, "std": 1.0, "n": 3}
    assert spread([4.0])["std"] == 0.0


def test_boards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from board_folder import IMAGES, NETWORK, make_folder

    folder = tmp_path / "bitstreams" / "hx8k" / "tiny"
    make_folder(tmp_path / "made").rename(_parent(folder))
    labels = ir.classify(NETWORK, IMAGES)
    many = np.tile(IMAGES, (4, 1, 1))
    data = Dataset("random", many, np.tile(labels, 4), IMAGES, labels)
    monkeypatch.setattr("lutloom.bench.boards.load", lambda _: data)
    monkeypatch.setattr("lutloom.bench.boards.BITSTREAMS", tmp_path / "bitstreams")
    monkeypatch.setattr("lutloom.bench.boards.TWIN", folder)
    monkeypatch.setattr(
        "lutloom.bench.boards.load_recipe",
        lambda _: parse_recipe(
            "[data]\nvalidation_images = 50\n[network]\nwidths = [8]\n[training]\nepochs = 1\n"
            "[hardware]\nclass_groups = 3\nclock_mhz = 100"
        ),
    )
    figures = run("boards", tmp_path, capsys)
    (one,) = figures["bitstreams"]
    assert one["files_equal"] == one["files_built_again"] > 4
    assert (figures["twin"]["images"], figures["twin"]["differing"]) == (len(IMAGES), 0)
    fast = figures["fast_clock"]
    assert fast["netlist_differing"] == 0
    assert fast["parts_proven"] == fast["parts"]
    assert len(fast["fmax_mhz"]["seeds"]) == 2


def _parent(folder: Path) -> Path:
    folder.parent.mkdir(parents=True)
    return folder
