"""Rows of bits as words of bytes."""

import numpy as np
from attention_binary import make_layer

from lutloom_hw.attention.messages import RowKind
from lutloom_hw.attention_binary.messages import row_bytes, run_rows

CODES = np.array([0x8001, 0x1234], np.uint64)


def test_a_row_has_the_bytes_of_the_longer_of_code_and_value():
    assert row_bytes(make_layer(code_bits=16, head_size=8)) == 8
    assert row_bytes(make_layer(code_bits=33, head_size=8, group_size=2)) == 5
    assert row_bytes(make_layer(code_bits=8, head_size=16, group_size=1)) == 8


def test_bits_and_entries_come_from_the_least_significant_end():
    layer = make_layer(code_bits=16, head_size=12, group_size=4, mode="set")
    value = np.array([[1, 2, 3], [15, 0, 8]], np.uint8)
    words = run_rows(layer, CODES, CODES[::-1], value, head=0)
    assert [word["kind"] for word in words] == [
        RowKind.KEY, RowKind.VALUE, RowKind.KEY, RowKind.VALUE, RowKind.QUERY, RowKind.QUERY,
    ]  # fmt: skip
    features = [[byte % 256 for byte in word["features"]] for word in words]
    assert features == [[0x34, 0x12], [0x21, 3], [1, 0x80], [0x0F, 8], [1, 0x80], [0x34, 0x12]]
    assert [word["last"] for word in words] == [0, 0, 0, 0, 0, 1]


def test_int8_values_and_their_order():
    layer = make_layer(code_bits=16, head_size=8)
    value = np.arange(-8, 8, dtype=np.int8).reshape(2, 8)
    words = run_rows(layer, CODES, CODES, value)
    assert words[1] == {"features": value[0].tolist(), "head": 0, "kind": RowKind.VALUE, "last": 0}
    assert words[0]["features"] == [1, -128, 0, 0, 0, 0, 0, 0]
