"""Claims about learning without derivatives, judged by ``train.json`` and ``depth.json``."""

from __future__ import annotations

from lutloom.bench.claims.claim import Claim, Figures, Judgement, System, decide, ranged, width

_RELEASE = "the press release on derivative-free layered networks that the project answers"
_LEAST = 0.9


def _judge_accuracy(figures: Figures) -> Judgement:
    points = figures["points"]
    lines = [
        f"{point['recipe']}: {ranged(point['test_accuracy'], 2, 100)} % with "
        f"{point['neurons']:,} neurons in {point['train_seconds']['median']:.0f} s"
        for point in points
    ]
    least = min(point["test_accuracy"]["min"] for point in points)
    return Judgement(decide(holds=least > _LEAST), "; ".join(lines) + ".")


def _judge_depth(figures: Figures) -> Judgement:
    found = {
        (point["layers"], point["trained_layers"]): point["test_accuracy"]
        for point in figures["points"]
    }
    depths = sorted({layers for layers, trained in found if trained == "last"})
    learnt = all(found[depth, "all"]["min"] > _LEAST for depth in depths)
    needed = all(
        found[depth, "all"]["median"] - found[depth, control]["median"]
        > width(found[depth, "all"]) + width(found[depth, control])
        for depth in depths
        for control in ("last", "all_but_last")
    )
    lines = [
        f"{depth} layers: all trained {ranged(found[depth, 'all'], 1, 100)} %, only the last "
        f"{ranged(found[depth, 'last'], 1, 100)} %, all but the last "
        f"{ranged(found[depth, 'all_but_last'], 1, 100)} %"
        for depth in depths
    ]
    one = f"1 layer: {ranged(found[1, 'all'], 1, 100)} %"
    return Judgement(decide(holds=learnt and needed, partly=learnt), "; ".join([one, *lines]) + ".")


LEARNING = System(
    "Learning without derivatives",
    (
        Claim(
            claim="A network trained without derivatives answers more than 90 % of MNIST.",
            source=_RELEASE,
            experiment="Every shipped recipe trained from other seeds; a twelfth of the training "
            "part picks everything, the test part is read once.",
            rule="holds if every run of every recipe is above 90 %.",
            benchmark="train",
            judge=_judge_accuracy,
        ),
        Claim(
            claim="3, 100 and 256 layers learn alike.",
            source=_RELEASE,
            experiment="64 neurons a class and layer, against two controls: only the last layer "
            "trained, and all but the last.",
            rule="holds if every run is above 90 % and both controls are worse by more than the "
            "spreads of the two; partly if only the first.",
            benchmark="depth",
            judge=_judge_depth,
        ),
    ),
)
