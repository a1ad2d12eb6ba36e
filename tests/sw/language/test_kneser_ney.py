"""The n-gram model against the recursion written with dictionaries."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from lutloom.errors import InvalidDataError
from lutloom.language.kneser_ney import KneserNey


def reference(tokens: list[int], vocabulary: int, order: int, context: list[int]) -> list[float]:
    """Give the distribution after a context, from the formulas."""
    grams = {order: Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))}
    for length in range(order - 1, 0, -1):
        grams[length] = Counter(gram[1:] for gram in grams[length + 1])
    p = [1.0 / vocabulary] * vocabulary
    for length in range(1, order + 1):
        counts = grams[length]
        once = sum(c == 1 for c in counts.values())
        twice = sum(c == 2 for c in counts.values())
        discount = once / (once + 2 * twice) if once else 0.5
        history = tuple(context[len(context) - length + 1 :])
        after: dict[int, int] = defaultdict(int)
        for gram, count in counts.items():
            if gram[:-1] == history:
                after[gram[-1]] += count
        total = sum(after.values())
        if total:
            p = [
                (max(after[w] - discount, 0.0) if w in after else 0.0) / total
                + discount * len(after) / total * p[w]
                for w in range(vocabulary)
            ]
    return p


@pytest.mark.parametrize(("order", "vocabulary"), [(1, 5), (2, 5), (3, 7), (5, 4)])
def test_probabilities_are_those_of_the_formulas(order: int, vocabulary: int) -> None:
    rng = np.random.default_rng(order)
    tokens = rng.integers(0, vocabulary, 120) * rng.integers(0, 2, 120)
    held_out = rng.integers(0, vocabulary, 40)
    model = KneserNey(tokens, vocabulary, order)
    expected = [
        reference(tokens.tolist(), vocabulary, order, held_out[:i].tolist())[held_out[i]]
        for i in range(order - 1, 40)
    ]
    np.testing.assert_allclose(model.probabilities(held_out), expected, rtol=1e-9)


@pytest.mark.parametrize("history", [[0, 1], [3, 3], [2, 0]])
def test_probabilities_add_up_to_one(history: list[int]) -> None:
    tokens = np.random.default_rng(0).integers(0, 5, 200)
    model = KneserNey(tokens, 6, order=3)
    p = [model.probabilities(np.array([*history, w]))[0] for w in range(6)]
    assert sum(p) == pytest.approx(1.0, abs=1e-12)
    assert min(p) > 0, "token 5 was never seen"


def test_what_repeats_is_predicted() -> None:
    tokens = np.tile(np.arange(7), 60)
    assert KneserNey(tokens, 7).perplexity(tokens[:50]) < 1.1
    noise = np.random.default_rng(1).integers(0, 7, 2000)
    assert KneserNey(noise[:1000], 7).perplexity(noise[1000:]) > 6.5


def test_what_is_refused() -> None:
    with pytest.raises(InvalidDataError, match="5 tokens of 16 bits must fit into 63 bits"):
        KneserNey(np.arange(10), 50_000)
    with pytest.raises(InvalidDataError, match="at least 5 tokens, not 3"):
        KneserNey(np.arange(3), 10)
