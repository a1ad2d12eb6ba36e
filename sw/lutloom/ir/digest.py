"""A name for a network: the SHA-256 of its integers."""

from __future__ import annotations

import hashlib

import numpy as np

from lutloom.ir.network import Network


def network_digest(network: Network) -> str:
    """Digest everything that decides an answer, in a fixed order and byte order.

    ``origin`` is left out: two networks that differ only in names have the same digest.

    Parameters
    ----------
    network : Network

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(b"lutloom network 1\0")

    def add(array: np.ndarray, dtype: str) -> None:
        digest.update(np.asarray(array.shape, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(array.astype(dtype)).tobytes())

    encoder, head = network.encoder, network.head
    add(np.array([encoder.height, encoder.width]), "<i8")
    add(encoder.thresholds, "u1")
    for layer in network.layers:
        add(layer.fan_in, "<i4")
        add(layer.table, "<u8")
    add(head.source, "<i4")
    add(head.class_index, "<i4")
    add(head.bias, "<i4")
    return digest.hexdigest()
