"""Claims of block elimination, slicing and bits back, judged by ``eliminate`` and ``pack``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lutloom.bench.claims.claim import Claim, Figures, Judgement, System, decide, ranged

_SLEB = "Song et al., “SLEB”, ICML 2024, arXiv 2402.09025"
_SLICE = "Ashkboos et al., “SliceGPT”, ICLR 2024"
_BITS = "“Free bits back from rotational symmetry”, arXiv 2410.01309"
_SPEED = {3: 1.12, 6: 1.27}
"""Published for Llama-2-70B on two A100 at 10 % and 20 %."""
_LOSS_MAX = 0.1
_LEAST_SAVING, _LEAST_OF_BOUND, _CHANGE_MAX, _SECONDS_MAX = 0.03, 0.95, 0.001, 300.0


def _judge_against(search: str, rivals: tuple[str, ...]) -> Any:
    """Judge that a search is better than rivals by more than the paired difference spreads."""

    def judge(figures: Figures) -> Judgement:
        clear, better, texts = [], [], []
        for point in figures["points"]:
            methods = point["methods"]
            texts.append(
                f"{point['removed_blocks']} blocks: "
                + ", ".join(
                    f"{name.replace('_', ' ')} {ranged(methods[name]['test_perplexity'], 2)}"
                    for name in (search, *rivals)
                )
            )
            for difference in point["differences"]:
                if difference["method"] == search and difference["rival"] in rivals:
                    loss = difference["test_loss"]
                    clear.append(loss["mean"] < 0 and -loss["mean"] > loss["std"])
                    better.append(loss["mean"] < 0)
        text = "Perplexity, whole model "
        text += f"{figures['test_perplexity']:.2f}; " + "; ".join(texts) + "."
        return Judgement(decide(holds=all(clear), partly=any(better)), text)

    return judge


def _judge_degradation(figures: Figures) -> Judgement:
    point = max(figures["points"], key=lambda p: p["removed_blocks"])
    found = point["methods"]["greedy"]["test_perplexity"]
    whole = figures["test_perplexity"]
    growth = found["median"] / whole - 1
    text = (
        f"{point['removed_blocks']} of {figures['blocks']} blocks: perplexity {whole:.2f} to "
        f"{ranged(found, 2)}, {100 * growth:.0f} % more."
    )
    return Judgement(decide(holds=growth <= _LOSS_MAX), text)


def _judge_speed(figures: Figures) -> Judgement:
    enough = [point["speed_up"] >= _SPEED[point["removed_blocks"]] for point in figures["speed"]]
    text = "; ".join(
        f"{point['removed_blocks']} blocks: {point['speed_up']:.2f}x "
        f"({_SPEED[point['removed_blocks']]:.2f}x published), "
        f"{ranged(point['tokens_per_second']['whole'], 0)} to "
        f"{ranged(point['tokens_per_second']['shorter'], 0)} tokens/s"
        for point in figures["speed"]
    )
    return Judgement(decide(holds=all(enough), partly=any(enough)), text + ".")


def _archive(figures: Figures, method: str, compression: str) -> Mapping[str, Any]:
    return next(
        archive
        for archive in figures["archives"]
        if (archive["method"], archive["compression"]) == (method, compression)
    )


def _savings(archive: Mapping[str, Any]) -> str:
    return (
        f"{ranged(archive['saving'], 2, 100)} % saved, "
        f"{ranged(archive['share_of_bound'], 1, 100)} % of the bound"
    )


def _judge_bits_back(figures: Figures) -> Judgement:
    archive = _archive(figures, "bits_back", "none")
    text = (
        f"{_savings(archive)} ({100 * figures['bound_saving']:.2f} %); packed in "
        f"{ranged(archive['pack_seconds'], 0)} s, unpacked in "
        f"{ranged(archive['unpack_seconds'], 0)} s; perplexity changes by "
        f"{ranged(archive['perplexity_change'], 3, 100)} %."
    )
    saves = archive["saving"]["min"] >= _LEAST_SAVING
    quick = max(archive["pack_seconds"]["max"], archive["unpack_seconds"]["max"]) <= _SECONDS_MAX
    same = archive["perplexity_change"]["max"] <= _CHANGE_MAX
    return Judgement(decide(holds=saves and quick and same, partly=saves), text)


def _judge_gauge(figures: Figures) -> Judgement:
    kinds = [_archive(figures, name, "none") for name in ("symmetric", "triangular")]
    text = "; ".join(
        f"{kind['method']}: {_savings(kind)}, packed in {ranged(kind['pack_seconds'], 0)} s, "
        f"perplexity changes by {ranged(kind['perplexity_change'], 3, 100)} %"
        for kind in kinds
    )
    best = kinds[0]
    bound = best["share_of_bound"]["min"] >= _LEAST_OF_BOUND
    same = best["perplexity_change"]["max"] <= _CHANGE_MAX
    return Judgement(decide(holds=bound and same, partly=bound), text + ".")


def _beside_plain(ratio: float) -> str:
    change = 100 * (ratio - 1)
    return f"{abs(change):.2f} % {'smaller' if change < 0 else 'larger'} than plain"


def _judge_on_top(method: str) -> Any:
    """Judge that a method still saves behind a general compressor and behind exponent coding."""

    def judge(figures: Figures) -> Judgement:
        kinds = [_archive(figures, method, name) for name in ("xz", "exponent")]
        text = "; ".join(
            f"{kind['compression']}: {ranged(kind['bytes'], 0, 1e-6)} MB, "
            f"{_beside_plain(kind['bytes_beside_plain']['median'])}"
            for kind in kinds
        )
        smaller = [kind["bytes_beside_plain"]["max"] < 1 for kind in kinds]
        return Judgement(decide(holds=all(smaller), partly=any(smaller)), text + ".")

    return judge


def _judge_slicing(figures: Figures) -> Judgement:
    size, found = figures["weights_fp16_bytes"], figures["test_perplexity"]
    change = size["sliced"] / size["whole"] - 1
    text = (
        f"Weights {1e-6 * size['whole']:.0f} to {1e-6 * size['sliced']:.0f} MB in fp16 "
        f"({100 * change:+.1f} %; the tied table is stored once); perplexity "
        f"{found['whole']:.2f} to {ranged(found['sliced'], 2)}, a factor of "
        f"{math.exp(math.log(found['sliced']['median'] / found['whole'])):.2f}."
    )
    return Judgement(decide(holds=change <= -_LOSS_MAX, partly=change < 0), text)


_REAL = "SmolLM2-135M (30 blocks, from 4-bit weights) on the King James Version"
_DRAWS = f"{_REAL}; blocks chosen on training windows, several draws; perplexity on test windows."
_PACKED = f"{_REAL}, sliced by 30 %; whole files with header and corrections; several draws."

BLOCKS = System(
    "Block elimination (SLEB)",
    (
        Claim(
            claim="Removing blocks greedily, by the loss of the model as it then is, beats "
            "one-shot choices and Block Influence.",
            source=_SLEB,
            experiment=f"{_DRAWS} Rivals on the same draws: one-shot loss, Block Influence.",
            rule="holds if the mean paired difference of test loss is below zero by more than its "
            "deviation, for both rivals at 10 % and 20 %; partly if any mean is below zero.",
            benchmark="eliminate",
            judge=_judge_against("greedy", ("one_shot", "block_influence")),
        ),
        Claim(
            claim="Swapping removed blocks back improves on the greedy choice.",
            source="ours",
            experiment=f"{_DRAWS} One pass of swaps from the greedy choice.",
            rule="holds if the mean paired difference of test loss is below zero by more than its "
            "deviation, at 10 % and 20 %; partly if any mean is below zero.",
            benchmark="eliminate",
            judge=_judge_against("swap", ("greedy",)),
        ),
        Claim(
            claim="A fifth of the blocks goes without marked loss.",
            source=_SLEB,
            experiment=_DRAWS,
            rule="holds if the median perplexity of the greedy choice grows by at most 10 %.",
            benchmark="eliminate",
            judge=_judge_degradation,
        ),
        Claim(
            claim="Without 10 % and 20 % of its blocks a model is 1.12 and 1.27 times as fast.",
            source=_SLEB,
            experiment=f"{_REAL}; whole and shorter model timed in turn on the CPU.",
            rule="holds if both factors are reached; partly if one is.",
            benchmark="eliminate",
            judge=_judge_speed,
        ),
    ),
)

PACKING = System(
    "Slicing and bits back",
    (
        Claim(
            claim="Slicing 30 % off the residual stream makes a model smaller.",
            source=_SLICE,
            experiment=f"{_REAL}; principal directions of training windows, several draws.",
            rule="holds if the weights take at least 10 % fewer bytes; partly if fewer at all.",
            benchmark="pack",
            judge=_judge_slicing,
        ),
        Claim(
            claim="Bits back from the rotations saves 3 to 5 % of a sliced model.",
            source=_BITS,
            experiment=_PACKED,
            rule="holds if at least 3 % is saved on every draw, packing and unpacking take at most "
            "5 minutes and perplexity grows by at most 0.1 %; partly if only the first.",
            benchmark="pack",
            judge=_judge_bits_back,
        ),
        Claim(
            claim="A symmetric gauge reaches at least 95 % of the bound without any of that.",
            source="ours",
            experiment=f"{_PACKED} The triangular gauge beside it.",
            rule="holds if it does on every draw and perplexity grows by at most 0.1 %; partly if "
            "only the first.",
            benchmark="pack",
            judge=_judge_gauge,
        ),
        Claim(
            claim="Bits back still saves behind a compressor.",
            source=_BITS,
            experiment=f"{_PACKED} xz and exponent coding, each with and without.",
            rule="holds if the file is smaller than the plain one under both; partly under one.",
            benchmark="pack",
            judge=_judge_on_top("bits_back"),
        ),
        Claim(
            claim="The symmetric gauge still saves behind a compressor.",
            source="ours",
            experiment=f"{_PACKED} xz and exponent coding, each with and without.",
            rule="holds if the file is smaller than the plain one under both; partly under one.",
            benchmark="pack",
            judge=_judge_on_top("symmetric"),
        ),
    ),
)
