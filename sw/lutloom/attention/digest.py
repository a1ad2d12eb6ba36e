"""A name for a layer that only its integers decide."""

from __future__ import annotations

import hashlib

import msgspec

from lutloom.attention.binary import BinaryAttention
from lutloom.attention.config import IntegerAttention


def attention_digest(layer: IntegerAttention | BinaryAttention) -> str:
    """Digest a layer's sizes, pattern and integers.

    Parameters
    ----------
    layer : IntegerAttention or BinaryAttention

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits; the same for the same layer on every machine.
    """
    parts: dict[str, object] = {
        "config": msgspec.to_builtins(layer.config),
        "value_shift": layer.value_shift.tolist(),
    }
    if isinstance(layer, IntegerAttention):
        parts |= {"kind": "int8", "multiplier": layer.multiplier.tolist()}
    else:
        parts |= {
            "kind": "binary",
            "code_bits": layer.code_bits,
            "n_kept": layer.n_kept.tolist(),
            "level": layer.level.tolist(),
            "codebook": None if layer.codebook is None else layer.codebook.tolist(),
        }
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
