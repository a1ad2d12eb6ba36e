from __future__ import annotations

import itertools

import numpy as np
import pytest

from lutloom.files.model_state import LayerState, ModelState
from lutloom.ir import ThermometerEncoder, scores, verify
from lutloom.lower.tabulate import tabulate
from lutloom.lower.trained_scores import trained_scores

ENCODER = ThermometerEncoder(1, 4, np.array([128], dtype=np.uint8))
IMAGES = np.array(list(itertools.product((0, 255), repeat=4)), dtype=np.uint8).reshape(16, 1, 4)


def state_of(*layers: LayerState, n_classes: int = 2) -> ModelState:
    return ModelState(ENCODER, n_classes, layers)


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_every_three_input_table_is_the_sign_of_its_counters(dtype: type) -> None:
    tables = np.arange(256)
    bits = tables[:, None] >> np.arange(8) & 1
    counter = np.where(bits == 1, 3, np.array([0, -3])[tables % 2][:, None]).astype(dtype)
    layer = LayerState("table", np.tile([0, 1, 2], (256, 1)), counter)
    assert tabulate(state_of(layer)).layers[0].table.tolist() == tables.tolist()


def test_a_six_input_table_fills_its_word() -> None:
    counter = np.full((2, 64), -1.0)
    counter[0, 63], counter[1, 0] = 0.5, 1e-30
    encoder = ThermometerEncoder(1, 6, np.array([1], dtype=np.uint8))
    layer = LayerState("table", np.tile(np.arange(6), (2, 1)), counter)
    assert tabulate(ModelState(encoder, 2, (layer,))).layers[0].table.tolist() == [1 << 63, 1]


def test_every_sum_of_small_weights_is_enumerated_and_a_tie_is_zero() -> None:
    weights = np.array(list(itertools.product((0, 1, 2), (0, 1, 2), (-1, 1), (-1, 1), (-1, 0, 1))))
    layer = LayerState(
        "activation_first",
        np.tile([0, 1], (len(weights), 1)),
        weight=weights[:, :2],
        polarity_in=weights[:, 2:4],
        threshold=weights[:, 4],
    )
    tables = tabulate(state_of(layer)).layers[0].table.tolist()
    for (w0, w1, p0, p1, threshold), table in zip(weights.tolist(), tables, strict=True):
        for a in range(4):
            total = w0 * p0 * (a & 1) + w1 * p1 * (a >> 1)
            assert table >> a & 1 == int(total > threshold)


def test_sums_do_not_round_as_float32_would() -> None:
    layer = LayerState(
        "activation_first",
        np.tile([0, 1, 2], (2, 1)),
        weight=np.array([[2.0**24, 1.0, 0.0]] * 2),
        polarity_in=np.ones((2, 3)),
        threshold=np.array([2.0**24, 2.0**24 + 2]),
    )
    tables = tabulate(state_of(layer)).layers[0].table.tolist()
    assert tables == [0b10001000, 0]


def random_state(seed: int) -> ModelState:
    rng = np.random.default_rng(seed)
    table = LayerState("table", rng.integers(0, 4, (12, 3)), rng.normal(size=(12, 8)))
    sums = LayerState(
        "activation_first",
        rng.integers(0, 12, (8, 5)),
        weight=rng.random((8, 5)),
        polarity_in=rng.choice([-1, 1], (8, 5)),
        threshold=rng.normal(size=8) / 2,
    )
    last = LayerState("table", rng.integers(0, 8, (6, 2)), rng.integers(-2, 3, (6, 4), np.int8))
    return state_of(table, sums, last, n_classes=3)


@pytest.mark.parametrize("seed", range(20))
def test_tables_score_as_counters_and_sums_do(seed: int) -> None:
    state = random_state(seed)
    network = verify(tabulate(state))
    assert (scores(network, IMAGES) == trained_scores(state, IMAGES)).all()
    assert network.head.class_index.tolist() == [0, 0, 1, 1, 2, 2]
