from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutloom.errors import InvalidRecipeError
from lutloom.language.masks import Pattern, attention_mask, mask_density

PATTERNS = get_args(Pattern)


def kept(pattern: str, i: int, j: int, s: int) -> bool:
    """The definition, pair by pair."""
    if j > i:
        return False
    return {
        "causal": True,
        "local": i - j < s,
        "strided": (i - j) % s == 0,
        "local_strided": i - j < s or (i - j) % s == 0,
        "fixed": i // s == j // s or j % s == s - 1,
    }[pattern]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(n=st.integers(1, 20), s=st.integers(1, 25))
def test_masks_are_their_definition(pattern: Pattern, n: int, s: int) -> None:
    expected = [[kept(pattern, i, j, s) for j in range(n)] for i in range(n)]
    mask = attention_mask(pattern, n, s)
    assert mask.dtype == np.bool_
    assert mask.tolist() == expected
    assert mask.diagonal().all(), "no query is left without a key"
    assert mask_density(pattern, n, s) == pytest.approx(np.sum(expected) / (n * (n + 1) / 2))


@pytest.mark.parametrize(
    ("pattern", "share"),
    [("local", 0.234), ("strided", 0.009), ("local_strided", 0.241), ("fixed", 0.133)],
)
def test_densities_at_the_published_size(pattern: Pattern, share: float) -> None:
    assert mask_density(pattern, 1024, 128) == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lokal", 4, 2), "must be one of causal, local"),
        (("local", 0, 2), "at least 1, not 0 and 2"),
        (("local", 4, 0), "at least 1, not 4 and 0"),
    ],
)
def test_what_is_refused(arguments: tuple[str, int, int], message: str) -> None:
    with pytest.raises(InvalidRecipeError, match=message):
        attention_mask(*arguments)  # type: ignore[arg-type]
