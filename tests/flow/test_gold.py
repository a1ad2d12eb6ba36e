from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom import ir
from lutloom.flow.gold import gold_layer


def look_up(verilog: str, neuron: int, inputs: list[int]) -> int:
    """Evaluate a neuron's wires by the words of Verilog alone."""
    values: dict[str, int] = {}

    def value(word: str) -> int:
        literal = re.fullmatch(r"\d+'h([0-9a-f]+)", word)
        if literal:
            return int(literal[1], 16)
        name, high, low = re.fullmatch(r"(\w+)\[(\d+):(\d+)\]", word).groups()  # type: ignore[union-attr]
        return values[name] >> int(low) & ((1 << (int(high) - int(low) + 1)) - 1)

    for name, tap, then, otherwise in re.findall(
        rf"wire \[\d+:0\] (n{neuron}_\d+) = i\[(\d+)\] \? (\S+) : (\S+);", verilog
    ):
        values[name] = value(then) if inputs[int(tap)] else value(otherwise)
    answer = re.search(rf"<= (n{neuron}_0|1'b[01]);", verilog)
    assert answer is not None
    return values[answer[1]] if answer[1] in values else int(answer[1][-1])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.integers(0, 2**64 - 1), st.data())
def test_gold_is_the_table(fan_in: int, bits: int, data: st.DataObject) -> None:
    table = bits & ((1 << (1 << fan_in)) - 1)
    taps = data.draw(st.permutations(range(8))).copy()[:fan_in]
    layer = ir.LutLayer(
        fan_in=np.array([taps], dtype=np.int32).reshape(1, fan_in), table=[table], origin=[0]
    )
    verilog, _ = gold_layer(layer, 8, [0], 4)
    for address in range(1 << fan_in):
        inputs = [0] * 8
        for k, tap in enumerate(taps):
            inputs[tap] = address >> k & 1
        assert look_up(verilog, 0, inputs) == table >> address & 1


def test_chunks_cover_every_neuron_once() -> None:
    layer = ir.LutLayer(fan_in=np.zeros((10, 1)), table=np.full(10, 2), origin=np.arange(10))
    verilog, chunks = gold_layer(layer, 1, range(2, 9), 3)
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    for place, neuron in enumerate(range(2, 9)):
        assert f"o{place // 3}[{place % 3}] <= n{neuron}_0;" in verilog
