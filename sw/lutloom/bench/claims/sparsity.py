"""Claims of Mixed Sparsity Training, judged by ``mixed_sparsity.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lutloom.bench.claims.claim import Claim, Figures, Judgement, System, decide, ranged, width

_PAPER = "Hu et al., “Mixed Sparsity Training”, arXiv 2408.11746"
_SHARE_MAX = 0.25
_CONVENTION = "triangle_with_head"
_DENSE = ("dense", "dense_quarter_steps", "dense_small")

Points = Mapping[str, Mapping[str, Any]]


def _points(figures: Figures) -> dict[str, Mapping[str, Any]]:
    return {point["arm"]: point for point in figures["points"]}


def _share(point: Mapping[str, Any]) -> float:
    return float(point["flops_share"][_CONVENTION])


def _loss(point: Mapping[str, Any]) -> float:
    return float(point["validation_loss"]["median"])


def _line(point: Mapping[str, Any]) -> str:
    return (
        f"`{point['arm']}` {ranged(point['validation_loss'], 3)} nats at "
        f"{100 * _share(point):.1f} %"
    )


def _closest(points: Points) -> Mapping[str, Any]:
    """Give the sparse arm of least loss among those of at most a quarter of the operations."""
    cheap = [
        point
        for name, point in points.items()
        if name not in _DENSE and _share(point) <= _SHARE_MAX
    ]
    return min(cheap, key=_loss)


def _judge_quarter(figures: Figures) -> Judgement:
    points = _points(figures)
    closest, dense = _closest(points), points["dense"]
    within = _loss(closest) <= _loss(dense) + width(dense["validation_loss"])
    rivals = [points[name] for name in ("dense_quarter_steps", "dense_small")]
    beats = all(_loss(closest) < _loss(rival) for rival in rivals)
    text = "; ".join(_line(point) for point in (dense, *rivals, closest))
    return Judgement(decide(holds=within and beats, partly=within or beats), text + ".")


def _judge_growing(figures: Figures) -> Judgement:
    points = _points(figures)
    mixed, others = points["mixed_growing"], [points["static"], points["rigl"]]
    clear = [
        _loss(other) - _loss(mixed)
        > max(width(other["validation_loss"]), width(mixed["validation_loss"]))
        for other in others
    ]
    text = "; ".join(_line(point) for point in (*others, mixed))
    return Judgement(decide(holds=all(clear), partly=any(clear)), text + ".")


def _judge_difference(better: str, worse: str) -> Any:
    """Judge that one arm is better than another by more than both spread."""

    def judge(figures: Figures) -> Judgement:
        points = _points(figures)
        ours, theirs = points[better], points[worse]
        gap = _loss(theirs) - _loss(ours)
        spread = max(width(ours["validation_loss"]), width(theirs["validation_loss"]))
        text = f"{_line(ours)}; {_line(theirs)}."
        return Judgement(decide(holds=gap > spread, partly=gap > 0), text)

    return judge


_ARMS = (
    "Small transformers on the King James Version; every arm at its own best of two learning "
    "rates, picked by validation loss."
)

SPARSITY = System(
    "Mixed Sparsity Training",
    (
        Claim(
            claim="Training takes a quarter of the operations and the loss is no worse.",
            source=_PAPER,
            experiment=f"{_ARMS} Beside dense training of all steps stand the two cheap ones that "
            "must be beaten: dense for a quarter of the steps, and a smaller dense model. "
            "Operations count the head, and attention as its triangle.",
            rule="the sparse arm of least validation loss at no more than 25 % of the operations "
            "is taken; holds if its median is no worse than dense plus dense's spread and better "
            "than both cheap ones; partly if one of the two.",
            benchmark="mixed_sparsity",
            judge=_judge_quarter,
        ),
        Claim(
            claim="Growing by gradient and at random beats a static topology and growing by "
            "gradient alone, at 80 % sparsity.",
            source=_PAPER,
            experiment=_ARMS,
            rule="holds if better than both by more than the greater spread; partly if than one.",
            benchmark="mixed_sparsity",
            judge=_judge_growing,
        ),
        Claim(
            claim="Restoring the weights at the end of training pays.",
            source=_PAPER,
            experiment=f"{_ARMS} The whole schedule beside one that ends sparse.",
            rule="holds if better by more than the greater spread; partly if better at all.",
            benchmark="mixed_sparsity",
            judge=_judge_difference("mst", "mst_no_restoration"),
        ),
        Claim(
            claim="Adam's moments of weights that come or go must be cleared.",
            source="ours; the published code leaves them stale",
            experiment=f"{_ARMS} The whole schedule, once with moments cleared and once left.",
            rule="holds if cleared is better by more than the greater spread; partly if better at "
            "all.",
            benchmark="mixed_sparsity",
            judge=_judge_difference("mst", "mst_keep_moments"),
        ),
    ),
)
