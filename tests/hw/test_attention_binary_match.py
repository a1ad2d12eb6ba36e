"""Equal bits of two codes: the stage contract, and every pair of short codes."""

import numpy as np
import pytest

from lutloom_hw.attention_binary import match
from lutloom_hw.attention_binary.match import MatchStage


@pytest.mark.parametrize("code_bits", [8, 13, 32, 64])
def test_the_stage_contract(check_stage, code_bits):
    rng = np.random.default_rng(code_bits)
    rows = rng.integers(0, 2, (30, 2 * code_bits))
    rows[0, :code_bits] = rows[0, code_bits:]
    rows[1, :code_bits] = 1 - rows[1, code_bits:]
    check_stage(MatchStage(code_bits=code_bits), rows)


def test_every_pair_of_codes_of_four_bits(settle):
    pairs = np.arange(256)[:, None] >> np.arange(8) & 1
    found = settle(MatchStage(code_bits=4), pairs)
    wanted = [sum(a == b for a, b in zip(row[:4], row[4:], strict=True)) for row in pairs.tolist()]
    assert found[:, 0].tolist() == wanted


def test_a_bit_that_is_not_counted_is_caught(settle, monkeypatch):
    counted = match._count
    monkeypatch.setattr(match, "_count", lambda builder, bits: counted(builder, bits)[:-1])
    stage = MatchStage(code_bits=4)
    rows = np.ones((1, 8), dtype=np.int64)
    assert (settle(stage, rows) != stage.model(rows)).any()
