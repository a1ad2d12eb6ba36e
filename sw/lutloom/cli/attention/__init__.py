"""``lutloom attention …``: a transformer's attention in integers, and in gates."""

from __future__ import annotations

from lutloom.cli.attention import demo, emit, evaluate, lower, simulate, synth
from lutloom.cli.groups import make_group

app = make_group(
    "attention",
    "Bring a transformer's attention to integers and into gates.",
    (lower, evaluate, emit, simulate, synth, demo),
)
