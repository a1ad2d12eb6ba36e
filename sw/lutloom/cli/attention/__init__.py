"""``lutloom attention …``: a transformer's attention in integers."""

from __future__ import annotations

from lutloom.cli.attention import evaluate, lower
from lutloom.cli.groups import make_group

app = make_group("attention", "Bring a transformer's attention to integers.", (lower, evaluate))
