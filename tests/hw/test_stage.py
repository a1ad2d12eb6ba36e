import warnings

import numpy as np
import pytest

from lutloom import ir
from lutloom_hw.layer import LutLayer
from lutloom_hw.stage import Stage, bits_for, pack_rows, unpack_rows


@pytest.mark.parametrize(("value", "width"), [(0, 1), (1, 1), (2, 2), (7, 3), (8, 4), (104, 7)])
def test_bits_for(value, width):
    assert bits_for(value) == width


@pytest.mark.parametrize("width", [1, 3, 7, 9])
def test_rows_pack_with_field_zero_lowest_and_unpack(width):
    rng = np.random.default_rng(width)
    rows = rng.integers(0, 1 << width, (20, 11))
    words = pack_rows(rows, width)
    assert words[0] & ((1 << width) - 1) == rows[0, 0]
    assert words == [sum(int(v) << k * width for k, v in enumerate(row)) for row in rows]
    assert (unpack_rows(words, 11, width) == rows).all()


def test_no_rows_pack_to_nothing():
    assert pack_rows(np.zeros((0, 3), dtype=int), 2) == []
    assert unpack_rows([], 3, 2).shape == (0, 3)


def test_a_stage_without_a_model_cannot_be_made():
    class Nameless(Stage):
        def _build(self, m):
            del m

    with pytest.raises(TypeError, match="model"):
        Nameless(i_fields=1, i_width=1, o_fields=1, o_width=1, latency_cycles=1)


def test_a_stage_may_be_made_only_to_be_asked():
    layer = ir.LutLayer(fan_in=[[0]], table=[1], origin=[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        latency = LutLayer(layer, n_inputs=1, number=1).latency_cycles
    assert latency == 1
    assert caught == []
