"""The intermediate representation: integers only, numpy only, shared by every package.

A :class:`Network` is an encoder, layers of truth tables, and a vote.  ``verify`` states its rules,
``classify`` runs it bit-parallel, ``network_digest`` names it.
"""

from lutloom.ir.digest import network_digest
from lutloom.ir.evaluate import classify, evaluate_layers, scores, vote_scores
from lutloom.ir.network import (
    FAN_IN_MAX,
    UNUSED,
    LutLayer,
    Network,
    ThermometerEncoder,
    VoteHead,
)
from lutloom.ir.packed import pack_images, unpack_images
from lutloom.ir.verify import verify

__all__ = [
    "FAN_IN_MAX",
    "UNUSED",
    "LutLayer",
    "Network",
    "ThermometerEncoder",
    "VoteHead",
    "classify",
    "evaluate_layers",
    "network_digest",
    "pack_images",
    "scores",
    "unpack_images",
    "verify",
    "vote_scores",
]
