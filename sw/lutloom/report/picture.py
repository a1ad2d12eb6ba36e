"""Grey pictures as PNG data URIs, without an imaging library."""

from __future__ import annotations

import base64
import struct
import zlib


def png_data_uri(pixels: bytes, height: int, width: int) -> str:
    """Encode a grey image for an ``src`` attribute.

    Parameters
    ----------
    pixels : uint8[height, width], row-major
        0 is black.
    height, width : int

    Returns
    -------
    str
        ``data:image/png;base64,…``, the same for the same pixels.

    Raises
    ------
    ValueError
        When the pixels are not ``height * width`` bytes.
    """
    if len(pixels) != height * width:
        raise ValueError(f"picture: must be {height} x {width} bytes, not {len(pixels)}")
    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
