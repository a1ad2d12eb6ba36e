"""The specification of binary attention against itself, written in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attention_binary import (
    CodeRun,
    loop_attend,
    make_layer,
    random_codes,
    random_values,
    slope_level,
)
from attention_rows import SHAPES

from lutloom.attention import AttentionConfig, seen_keys
from lutloom.attention.binary import (
    BinaryAttention,
    attend_binary,
    count_equal_bits,
    weigh,
)
from lutloom.errors import InvalidDataError, InvalidNetworkError

Layer = BinaryAttention


def draw(layer: Layer, n: int, seed: int = 0, distinct: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    shape = (layer.config.n_heads, n)
    query, key = random_codes(rng, (2, *shape), layer.code_bits)
    if distinct:
        some = random_codes(rng, distinct, layer.code_bits)
        query, key = some[rng.integers(0, distinct, (2, *shape))]
    return query, key, random_values(rng, layer, shape)


def in_loops(layer: Layer, rows: tuple[Any, Any, Any], **changes: int) -> list[Any]:
    seen = seen_keys(layer.config, rows[0].shape[1])
    return [
        loop_attend(layer, CodeRun(*(part[head] for part in rows), head), seen, **changes)
        for head in range(layer.config.n_heads)
    ]


@pytest.mark.parametrize("group_size", [0, 1, 4])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("n", "code_bits"), [(1, 8), (2, 64), (16, 9)])
def test_it_is_the_loops(shape: dict[str, Any], n: int, code_bits: int, group_size: int) -> None:
    layer = make_layer(
        code_bits=code_bits, n_kept=(0, 1, 4, 8), slopes=(0.25, 0.5, 2.0, 0.0),
        value_shift=(0, 3, 7, 1), group_size=group_size, **shape,
    )  # fmt: skip
    for seed, distinct in ((0, 0), (1, 2), (2, 5)):
        rows = draw(layer, n, seed, distinct)
        assert attend_binary(layer, *rows).tolist() == in_loops(layer, rows)


def test_the_loops_would_notice() -> None:
    layer = make_layer(n_kept=(2,), slopes=(0.25,))
    rows = draw(layer, 16)
    assert attend_binary(layer, *rows).tolist() != in_loops(layer, rows, kept_more=1)


@pytest.mark.parametrize("n_kept", [0, 1, 2, 8])
def test_no_order_of_a_set_changes_a_bit(n_kept: int) -> None:
    layer = make_layer(code_bits=8, n_kept=(n_kept, 4), mode="set", value_shift=(2, 0))
    for distinct in (0, 1, 3):
        query, key, value = draw(layer, 16, distinct=distinct)
        order = np.random.default_rng(1).permutation(16)
        found = attend_binary(layer, query[:, order], key[:, order], value[:, order])
        assert (found == attend_binary(layer, query, key, value)[:, order]).all()


def test_keys_that_tie_are_kept_together() -> None:
    scores = np.array([[7, 9, 5, 7, 7, 2]])
    seen = np.ones((1, 6), dtype=np.bool_)
    level = np.array(slope_level(1.0))
    assert weigh(scores, seen, 1, level).tolist() == [[0, 128, 0, 0, 0, 0]]
    assert weigh(scores, seen, 2, level).tolist() == [[32, 128, 0, 32, 32, 0]]
    assert weigh(scores, seen, 4, level).tolist() == [[32, 128, 0, 32, 32, 0]]
    assert weigh(scores, seen, 8, level).tolist() == [[32, 128, 8, 32, 32, 1]]
    seen[0, 1] = False
    assert weigh(scores, seen, 2, level).tolist() == [[128, 0, 0, 128, 128, 0]]


def test_equal_bits_of_all_codes_of_eight_bits() -> None:
    codes = np.arange(256, dtype=np.uint64)
    wanted = [[f"{a ^ b:08b}".count("0") for b in range(256)] for a in range(256)]
    assert count_equal_bits(codes, codes, 8).tolist() == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda q, k, v: (q.astype(np.int64), k, v), r"query: must be uint64\[2, 1..16\], queries"),
        (lambda q, k, v: (q, k[:, :5], v), "key: must be uint64.*, not uint64"),
        (lambda q, k, v: (q[:, :0], k[:, :0], v[:, :0]), "query: must be"),
        (lambda q, k, v: (q[0], k[0], v[0]), "query: must be"),
        (lambda q, k, v: (q, k + np.uint64(1 << 20), v), "key: codes must have 16 bits, not 21"),
        (lambda q, k, v: (q, k, v.astype(np.int64)), r"value: must be int8\[2, 16, 8\], not int64"),
        (lambda q, k, v: (q, k, v[:, :, :4]), r"value: must be int8\[2, 16, 8\], not int8\[2, 16,"),
        (
            lambda q, k, v: (q, k, np.full_like(v, -128)),
            "value: numbers must be -127..127, not -128..-128",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    layer = make_layer(n_kept=(4, 4))
    with pytest.raises(InvalidDataError, match=message):
        attend_binary(layer, *change(*draw(layer, 16)))


def test_entries_that_do_not_fit_are_refused() -> None:
    layer = make_layer(n_kept=(4, 4), group_size=2)
    query, key, value = draw(layer, 3)
    with pytest.raises(InvalidDataError, match=r"value: numbers must be 0..15, not 0..16"):
        attend_binary(layer, query, key, np.where(value == value.max(), 16, 0).astype(np.uint8))
    with pytest.raises(InvalidDataError, match=r"value: must be uint8\[2, 3, 4\], not int8"):
        attend_binary(layer, query, key, value.astype(np.int8))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code_bits": 7}, "code_bits: must be 8..64, not 7"),
        ({"code_bits": 65}, "code_bits: must be 8..64, not 65"),
        ({"n_kept": [3]}, r"n_kept: must be among 0, 1, 2, 4, 8, not \[3\]"),
        ({"n_kept": [9]}, "n_kept: must be 0..8, not 9"),
        ({"n_kept": [1, 1]}, r"n_kept: must be integers \[1\], not int64 \[2\]"),
        ({"level": [[9] * 32]}, "level: must be 0..8, not 9"),
        ({"level": [[1] * 32]}, r"level: the highest score must have shift 0 .*, not \[1\]"),
        ({"level": [[0] * 16]}, r"level: must be integers \[1, 32\], not int64 \[1, 16\]"),
        ({"value_shift": [8]}, "value_shift: must be 0..7, not 8"),
        ({"value_shift": [0.5]}, r"value_shift: must be integers \[1\], not float64"),
        ({"codebook": np.zeros((1, 2, 16, 3), int)}, "groups that divide the head size 8, not"),
        ({"codebook": np.zeros((1, 2, 8, 4), int)}, r"codebook: must be integers \[1, 2, 16, 4\]"),
        ({"codebook": np.full((1, 2, 16, 4), -128)}, "codebook: must be -127..127, not -128"),
        ({"codebook": np.zeros(3, int)}, "groups that divide the head size 8, not"),
    ],
)
def test_layers_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    parts = {
        "code_bits": 16, "n_kept": [4], "level": [slope_level(1.0)], "value_shift": [0],
        "codebook": None, **changes,
    }  # fmt: skip
    config = AttentionConfig(n_heads=1, head_size=8, context=16)
    with pytest.raises(InvalidNetworkError, match=message):
        BinaryAttention(config, **parts)


def test_bits_of_a_value() -> None:
    assert make_layer(head_size=16).value_bits == 128
    assert make_layer(head_size=16, group_size=2).value_bits == 32
    assert make_layer(head_size=16, group_size=4).group_size == 4
