"""The claims page: every verdict follows from the figures, and the page from the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lutloom.bench.claims import SYSTEMS, Verdict, write_page
from lutloom.bench.claims.__main__ import main
from lutloom.bench.claims.claim import Claim
from lutloom.bench.figures import spread
from lutloom.errors import InvalidFileError


def find(words: str) -> Claim:
    (claim,) = (c for system in SYSTEMS for c in system.claims if words in c.claim)
    return claim


def verdict(words: str, figures: dict[str, Any]) -> Verdict:
    judgement = find(words).judge(figures)
    assert judgement.figures.endswith(".")
    return judgement.verdict


def around(value: float, reach: float = 0.01) -> dict[str, float]:
    return spread([value - reach, value, value + reach])


def test_accuracy() -> None:
    def figures(*least: float) -> dict[str, Any]:
        points = [
            {
                "recipe": f"r{k}",
                "neurons": 1000,
                "test_accuracy": spread([low, 0.97]),
                "train_seconds": spread([60.0]),
            }
            for k, low in enumerate(least)
        ]
        return {"points": points}

    assert verdict("more than 90 %", figures(0.95, 0.91)) == "holds"
    assert verdict("more than 90 %", figures(0.95, 0.9)) == "fails"


@pytest.mark.parametrize(
    ("whole", "control", "expected"),
    [(0.95, 0.5, "holds"), (0.95, 0.94, "holds partly"), (0.85, 0.5, "fails")],
)
def test_depth(whole: float, control: float, expected: Verdict) -> None:
    points = [{"layers": 1, "trained_layers": "all", "test_accuracy": around(whole)}]
    for layers in (3, 100):
        for trained, accuracy in (("all", whole), ("last", control), ("all_but_last", control)):
            points.append(
                {"layers": layers, "trained_layers": trained, "test_accuracy": around(accuracy)}
            )
    assert verdict("100 and 256 layers", {"points": points}) == expected


def arms(**losses: tuple[float, float]) -> dict[str, Any]:
    """Arms by name: median loss and share of the operations."""
    return {
        "points": [
            {
                "arm": name,
                "validation_loss": around(loss),
                "flops_share": {"triangle_with_head": share},
            }
            for name, (loss, share) in losses.items()
        ]
    }


@pytest.mark.parametrize(
    ("mst", "expected"),
    [
        ((3.01, 0.24), "holds"),
        ((3.1, 0.24), "holds partly"),  # better than the cheap ones only
        ((3.3, 0.24), "fails"),
        ((2.9, 0.26), "fails"),  # too many operations: the other sparse arm is judged
    ],
)
def test_a_quarter_of_the_operations(mst: tuple[float, float], expected: Verdict) -> None:
    figures = arms(
        dense=(3.0, 1.0),
        dense_quarter_steps=(3.2, 0.25),
        dense_small=(3.25, 0.25),
        static=(3.4, 0.2),
        mst=mst,
    )
    assert verdict("a quarter of the operations", figures) == expected


@pytest.mark.parametrize(
    ("static", "rigl", "expected"),
    [(3.2, 3.1, "holds"), (3.2, 3.01, "holds partly"), (2.9, 3.01, "fails")],
)
def test_mixed_growing(static: float, rigl: float, expected: Verdict) -> None:
    figures = arms(static=(static, 0.2), rigl=(rigl, 0.2), mixed_growing=(3.0, 0.2))
    assert verdict("at random beats", figures) == expected


@pytest.mark.parametrize(
    ("words", "rival"),
    [("Restoring the weights", "mst_no_restoration"), ("Adam's moments", "mst_keep_moments")],
)
@pytest.mark.parametrize(
    ("loss", "expected"), [(3.1, "holds"), (3.01, "holds partly"), (3.0, "fails")]
)
def test_parts_of_the_schedule(words: str, rival: str, loss: float, expected: Verdict) -> None:
    assert verdict(words, arms(mst=(3.0, 0.24), **{rival: (loss, 0.24)})) == expected


def elimination(**means: tuple[float, float]) -> dict[str, Any]:
    """Mean differences of the test loss by ``method_rival``, at 3 and at 6 blocks."""
    names = ("swap", "greedy", "one_shot", "block_influence")
    return {
        "blocks": 30,
        "test_perplexity": 30.0,
        "points": [
            {
                "removed_blocks": blocks,
                "methods": {
                    name: {"test_perplexity": around(32.0 if blocks == 3 else 40.0)}
                    for name in names
                },
                "differences": [
                    {
                        "method": pair.split("__")[0],
                        "rival": pair.split("__")[1],
                        "test_loss": {"mean": both[at], "std": 0.1},
                    }
                    for pair, both in means.items()
                ],
            }
            for at, blocks in enumerate((3, 6))
        ],
        "speed": [
            {
                "removed_blocks": blocks,
                "speed_up": speed_up,
                "tokens_per_second": {"whole": around(500.0), "shorter": around(600.0)},
            }
            for blocks, speed_up in ((3, 1.13), (6, 1.2))
        ],
    }


@pytest.mark.parametrize(
    ("influence", "expected"),
    [
        ((-0.2, -0.2), "holds"),
        ((-0.2, -0.05), "holds partly"),
        ((0.2, 0.2), "holds partly"),  # still better than one-shot
    ],
)
def test_greedy_elimination(influence: tuple[float, float], expected: Verdict) -> None:
    figures = elimination(greedy__one_shot=(-0.3, -0.3), greedy__block_influence=influence)
    assert verdict("Removing blocks greedily", figures) == expected
    worse = elimination(greedy__one_shot=(0.3, 0.0), greedy__block_influence=(0.1, 0.1))
    assert verdict("Removing blocks greedily", worse) == "fails"


def test_swaps_degradation_and_speed() -> None:
    figures = elimination(swap__greedy=(-0.2, -0.2))
    assert verdict("Swapping removed blocks", figures) == "holds"
    assert verdict("Swapping removed blocks", elimination(swap__greedy=(0.0, 0.0))) == "fails"
    assert verdict("A fifth of the blocks", figures) == "fails"  # 40 of 30
    figures["points"][1]["methods"]["greedy"]["test_perplexity"] = around(32.9)
    assert verdict("A fifth of the blocks", figures) == "holds"
    assert verdict("1.12 and 1.27 times", figures) == "holds partly"
    figures["speed"][1]["speed_up"] = 1.27
    assert verdict("1.12 and 1.27 times", figures) == "holds"


def packed(**changes: dict[str, float]) -> dict[str, Any]:
    """One archive of each kind; ``changes`` by ``method__compression``."""
    archives = []
    for method in ("plain", "triangular", "symmetric", "bits_back"):
        for compression in ("none", "xz", "exponent"):
            values = {
                "saving": 0.04, "share_of_bound": 0.99, "pack_seconds": 15.0, "unpack_seconds": 4.0,
                "perplexity_change": 0.0005, "bytes": 2e8, "bytes_beside_plain": 0.96,
                **changes.get(f"{method}__{compression}", {}),
            }  # fmt: skip
            spreads = {name: spread([value]) for name, value in values.items()}
            archives.append({"method": method, "compression": compression, **spreads})
    return {
        "bound_saving": 0.0434,
        "weights_fp16_bytes": {"whole": 1000, "sliced": 800},
        "test_perplexity": {"whole": 30.0, "sliced": around(50.0)},
        "archives": archives,
    }


@pytest.mark.parametrize(
    ("words", "changes", "expected"),
    [
        ("Bits back from the rotations", {}, "holds"),
        ("Bits back from the rotations", {"bits_back__none": {"saving": 0.029}}, "fails"),
        (
            "Bits back from the rotations",
            {"bits_back__none": {"unpack_seconds": 301.0}},
            "holds partly",
        ),
        (
            "Bits back from the rotations",
            {"bits_back__none": {"perplexity_change": 0.002}},
            "holds partly",
        ),
        ("A symmetric gauge", {}, "holds"),
        ("A symmetric gauge", {"symmetric__none": {"share_of_bound": 0.94}}, "fails"),
        ("Bits back still saves", {}, "holds"),
        (
            "Bits back still saves",
            {"bits_back__xz": {"bytes_beside_plain": 1.0}},
            "holds partly",
        ),
        (
            "The symmetric gauge still saves",
            {f"symmetric__{c}": {"bytes_beside_plain": 1.01} for c in ("xz", "exponent")},
            "fails",
        ),
        ("Slicing 30 %", {}, "holds"),
    ],
)
def test_packing(words: str, changes: dict[str, Any], expected: Verdict) -> None:
    assert verdict(words, packed(**changes)) == expected


def slime(
    natural: tuple[float, float] = (1.01, 1.02),
    chain: tuple[float | None, float | None] = (2.0, 3.0),
    gain: float = 0.05,
    withheld: float = 0.9,
) -> dict[str, Any]:
    """Figures of both languages, English first."""
    reductions, languages, summary = [], {}, {}
    for at, language in enumerate(("en", "ja")):
        for corpus, factor in (("debian-reference", natural[at]), ("grammar", 3.0 + at)):
            reductions.append(
                {
                    "corpus": corpus,
                    "language": language,
                    "methods": {"exact": {"factor": 1.01}, "role": {"factor": factor}},
                    "bound": {"clauses": {"factor_allowed": 1.05}},
                }
            )
        kinds = {kind: {"median_or_none": chain[at]} for kind in ("flops", "seconds")}
        languages[language] = {
            "factors": {"whole_chain": kinds},
            "role_less_random": {"updates": {"accuracy": {**around(gain), "mean": gain}}},
        }
        accuracies = {"raw": 0.3, "role": 0.25, "role_embedding": withheld}
        summary[language] = {
            "withheld": {
                arm: {"withheld_form_accuracy": around(a)} for arm, a in accuracies.items()
            }
        }
    return {
        "reductions": reductions,
        "summary": summary,
        "verdict": {"languages": languages},
    }


@pytest.mark.parametrize(
    ("words", "changes", "expected"),
    [
        ("shrinks a corpus", {}, "fails"),
        ("shrinks a corpus", {"natural": (1.0, 10.0)}, "holds partly"),
        ("shrinks a corpus", {"natural": (12.0, 10.0)}, "holds"),
        ("250 to 3,000", {}, "holds partly"),
        ("250 to 3,000", {"chain": (None, 300.0)}, "fails"),
        ("250 to 3,000", {"chain": (250.0, 300.0)}, "holds"),
        ("Japanese gains", {}, "holds"),
        ("Japanese gains", {"chain": (3.0, None)}, "holds partly"),
        ("drawn at random", {}, "holds"),
        ("drawn at random", {"gain": 0.005}, "holds partly"),
        ("drawn at random", {"gain": -0.05}, "fails"),
        ("a form never trained on", {}, "holds"),
        ("a form never trained on", {"withheld": 0.305}, "fails"),
    ],
)
def test_slime(words: str, changes: dict[str, Any], expected: Verdict) -> None:
    assert verdict(words, slime(**changes)) == expected


def test_orders() -> None:
    points = [
        {
            "slots": n, "orders": 9, "all_orders": n < 7, "seeds": 3,
            "distinct": {"integers": 3, "floats": 20},
        }
        for n in (1, 2, 3, 4, 5, 6, 64)
    ]  # fmt: skip
    assert verdict("order of a set", {"points": points}) == "holds"
    assert verdict("order of a set", {"points": points[:3] + points[-1:]}) == "fails"
    points[4]["distinct"] = {"integers": 4, "floats": 20}
    assert verdict("order of a set", {"points": points}) == "fails"


def test_the_page_says_what_is_not_measured_and_follows_the_figures(tmp_path: Path) -> None:
    empty = write_page(tmp_path)
    n_claims = sum(len(system.claims) for system in SYSTEMS)
    assert f"- not measured: {n_claims}\n" in empty
    figures = packed() | {"conditions": {"command": "scripts/bench pack --seeds 9"}}
    (tmp_path / "pack.json").write_text(json.dumps(figures))
    page = write_page(tmp_path)
    assert "`scripts/bench pack --seeds 9`" in page
    assert "- holds: 5\n" in page
    assert page == write_page(tmp_path)


def test_check_turns_red_when_the_page_or_the_figures_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "claims.md"
    words = ["--results", str(tmp_path), "--out", str(page)]
    assert main([*words, "--check"]) == 1
    assert "run: scripts/claims" in capsys.readouterr().err
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    figures = packed() | {"conditions": {"command": "scripts/bench pack"}}
    (tmp_path / "pack.json").write_text(json.dumps(figures))
    assert main([*words, "--check"]) == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"conditions": {"command": "x"}}'])
def test_figures_that_are_not_what_they_must_be(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "depth.json").write_bytes(content)
    with pytest.raises(InvalidFileError, match=r"depth\.json: must hold"):
        write_page(tmp_path)
    assert main(["--results", str(tmp_path), "--out", str(tmp_path / "page.md")]) == 1
    assert "run again: scripts/bench depth" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()
