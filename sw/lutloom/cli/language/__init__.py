"""``lutloom language …``: the commands of the language half, in the order of their road."""

from __future__ import annotations

from lutloom.cli.groups import make_group
from lutloom.cli.language import corpus, demo, eliminate, pack, train, unpack
from lutloom.cli.language import slice as slice_

app = make_group(
    "language",
    "Train a small transformer, and make it cheaper.",
    (corpus, train, eliminate, slice_, pack, unpack, demo),
)
