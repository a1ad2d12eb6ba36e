"""Archives: a transformer in fp16 or less, in a file that describes and proves itself.

Example
-------
>>> from lutloom.language.archive import pack_model
>>> data, report = pack_model(                                       # doctest: +SKIP
...     model, tokenizer, method="plain", compression="exponent"
... )
>>> report.saving                                                    # doctest: +SKIP
0.15
"""

from __future__ import annotations

from lutloom.language.archive.coding import Compression
from lutloom.language.archive.container import ARCHIVE_BYTES_MAX, Method
from lutloom.language.archive.model_archive import (
    PackReport,
    pack_model,
    parts_of,
    read_archive,
    unpack_model,
)

__all__ = [
    "ARCHIVE_BYTES_MAX",
    "Compression",
    "Method",
    "PackReport",
    "pack_model",
    "parts_of",
    "read_archive",
    "unpack_model",
]
