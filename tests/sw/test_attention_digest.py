"""A layer's digest: its integers and nothing else decide it."""

from __future__ import annotations

import attention_binary
from attention_engine import make_layer

from lutloom.attention.digest import attention_digest


def test_every_integer_counts_and_nothing_else() -> None:
    base = {"multiplier": [300, 5], "value_shift": [0, 1]}
    changes = [
        {},
        {"multiplier": [300, 6]},
        {"value_shift": [1, 1]},
        {"context": 17},
        {"head_size": 16},
        {"pattern": "local"},
        {"pattern": "local", "stride": 3},
        {"mode": "set"},
    ]
    digests = [attention_digest(make_layer(**{**base, **change})) for change in changes]
    assert len(set(digests)) == len(changes)
    assert attention_digest(make_layer(**base)) == digests[0]
    # Written down once: a layer keeps its name.
    assert digests[0].startswith("bd3a60e899543e99")


def test_codes_and_their_tables_count() -> None:
    changes = [
        {},
        {"n_kept": [2]},
        {"slopes": [0.25]},
        {"group_size": 2},
        {"group_size": 2, "seed": 1},
        {"code_bits": 17},
    ]
    digests = [attention_digest(attention_binary.make_layer(**change)) for change in changes]
    assert len(set(digests)) == len(changes)
