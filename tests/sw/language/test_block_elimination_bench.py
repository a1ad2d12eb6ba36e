"""The benchmark of block elimination, on a small model in place of the real one."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from deep_models import make_deep

from lutloom.bench import eliminate
from lutloom.language.block_elimination import Calibration, draw_windows
from lutloom.language.text import split_text
from lutloom.language.tokenizer import Tokenizer


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer, text: str) -> Any:
    model = make_deep(6, 3, vocabulary=tokenizer.vocabulary)
    for name, value in {
        "read_smollm2": lambda _: (model, tokenizer),
        "load_text": lambda name: split_text(name, text),
        "BLOCKS": (1, 3), "WINDOWS": 6, "CONTEXT": 16, "TEST_WINDOWS": 5, "SPEED_TOKENS": 64,
        "SPEED_REPEATS": 2,
    }.items():  # fmt: skip
        monkeypatch.setattr(eliminate, name, value)
    return model


def test_its_figures_are_those_of_the_models(small: Any, tokenizer: Tokenizer, text: str) -> None:
    said: list[str] = []
    figures = json.loads(json.dumps(eliminate.measure(3, said.append)))
    test = draw_windows(tokenizer.encode(split_text("", text).test), 5, 16, 0)
    evaluation = Calibration(small, test)
    assert figures["test_loss"] == evaluation.loss(range(6))
    assert len(figures["draws"]) == 3
    assert len(said) == 1 + 3 * 2 * 5
    losses: dict[tuple[int, str], list[float]] = {}
    for draw in figures["draws"]:
        assert len(draw["choices"]) == 2 * 5
        for choice in draw["choices"]:
            alive = [block for block in range(6) if block not in choice["removed"]]
            assert len(alive) == 6 - choice["n"]
            assert choice["test_loss"] == evaluation.loss(alive)
            losses.setdefault((choice["n"], choice["method"]), []).append(choice["test_loss"])
        calibration = {(c["n"], c["method"]): c["calibration_loss"] for c in draw["choices"]}
        for n in (1, 3):
            assert calibration[n, "swap"] <= calibration[n, "greedy"]
    for point in figures["points"]:
        n = point["removed_blocks"]
        pairs = [(d["method"], d["rival"]) for d in point["differences"]]
        assert pairs == [
            *(("swap", rival) for rival in ("greedy", "one_shot", "block_influence", "last")),
            *(("greedy", rival) for rival in ("one_shot", "block_influence", "last")),
        ]
        for difference in point["differences"]:
            ours, theirs = (losses[n, difference[key]] for key in ("method", "rival"))
            each = [a - b for a, b in zip(ours, theirs, strict=True)]
            assert difference["test_loss"]["mean"] == pytest.approx(sum(each) / 3)
            assert difference["better"] == sum(a < b for a, b in zip(ours, theirs, strict=True))
            assert difference["worse"] == sum(a > b for a, b in zip(ours, theirs, strict=True))
        for method, of_method in point["methods"].items():
            perplexities = sorted(map(math.exp, losses[n, method]))
            assert of_method["test_perplexity"]["median"] == pytest.approx(perplexities[1])
    assert [speed["removed_blocks"] for speed in figures["speed"]] == [1, 3]
    assert all(speed["speed_up"] > 0 for speed in figures["speed"])
    assert set(figures["choice_seconds"]) == set(eliminate.METHODS)


def test_fewer_blocks_are_the_first_of_more(small: Any) -> None:
    assert small.config.n_blocks == 6
    for draw in eliminate.measure(2, lambda _: None)["draws"]:
        by_name = {(c["n"], c["method"]): c["removed"] for c in draw["choices"]}
        for method in ("greedy", "one_shot", "block_influence", "last"):
            assert by_name[3, method][:1] == by_name[1, method]
