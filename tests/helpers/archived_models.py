"""Archives to break: taken apart and put together again, with a digest that holds."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_transformer import make_transformer

from lutloom.errors import InvalidFileError, LutloomError
from lutloom.language.archive import unpack_model
from lutloom.language.transformer import Transformer

LEAD_BYTES, DIGEST_BYTES = 16, 32


def make_sliced(seed: int = 3) -> Transformer:
    """Nodes of different widths, wider again too, and a shortcut to match."""
    return make_transformer(seed, n_blocks=2, node_widths=(20, 16, 18, 12, 15))


def lead_of(data: bytes) -> tuple[bytes, int, int]:
    magic, version, length = struct.unpack_from("<8sII", data)
    return magic, version, length


def header_of(data: bytes) -> dict[str, Any]:
    length = lead_of(data)[2]
    header: dict[str, Any] = json.loads(data[LEAD_BYTES : LEAD_BYTES + length])
    return header


def body_of(data: bytes) -> bytes:
    return data[LEAD_BYTES + lead_of(data)[2] : -DIGEST_BYTES]


def sign(body: bytes) -> bytes:
    """Put the digest behind that makes it believed; whoever forges a file can do so too."""
    return body + hashlib.sha256(body).digest()


def forge(
    data: bytes,
    header: dict[str, Any] | bytes | None = None,
    body: bytes | None = None,
    *,
    version: int = 2,
    length: int | None = None,
) -> bytes:
    """Change an archive's header or parts, and sign it."""
    written = header_of(data) if header is None else header
    text = written if isinstance(written, bytes) else json.dumps(written).encode()
    lead = struct.pack("<8sII", lead_of(data)[0], version, len(text) if length is None else length)
    return sign(lead + text + (body_of(data) if body is None else body))


def refusal(data: bytes, unpack: Callable[[bytes], object] = unpack_model) -> str:
    """Give the one line with which an archive is refused."""
    with pytest.raises(LutloomError) as caught:
        unpack(data)
    message = str(caught.value)
    assert caught.type is InvalidFileError
    assert message.startswith("archive: ")
    assert message.isprintable()
    assert len(message) < 600
    return message


def words_of(tensor: torch.Tensor) -> list[int]:
    """The fp16 bits of a tensor by numpy, not by torch."""
    with np.errstate(over="ignore"):
        bits: list[int] = tensor.detach().numpy().astype(np.float16).view(np.uint16).tolist()
    return bits
