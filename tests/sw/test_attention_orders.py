"""Sets in every order through Verilog: no order changes a bit, and a mode that minds is found."""

from __future__ import annotations

import pytest

from lutloom.attention.config import AttentionConfig
from lutloom.compare import attention_orders
from lutloom.compare.attention_orders import count_orders


@pytest.fixture(autouse=True)
def few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_orders, "ORDERS_DRAWN", 20)


def test_no_order_changes_an_answer() -> None:
    points = count_orders(2)
    assert [point.slots for point in points] == [1, 2, 3, 4, 5, 64]
    assert [point.orders for point in points] == [1, 2, 6, 24, 120, 20]
    assert [point.all_orders for point in points] == [True] * 5 + [False]
    assert [point.distinct for point in points] == [2] * 6


def test_an_engine_that_minds_the_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def causal(**sizes: object) -> AttentionConfig:
        return AttentionConfig(**{**sizes, "mode": "causal"})  # type: ignore[arg-type]

    monkeypatch.setattr(attention_orders, "AttentionConfig", causal)
    points = count_orders(1)
    assert points[0].distinct == 1
    assert all(point.distinct > 1 for point in points[1:])
