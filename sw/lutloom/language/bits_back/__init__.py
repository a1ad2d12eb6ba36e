"""Get back the bits that a sliced model spends on which rotation its residual stream is in.

:mod:`~lutloom.language.bits_back.symmetry` is the symmetry and its bound,
:mod:`~lutloom.language.bits_back.gauge` picks the rotation that makes numbers redundant, and
:mod:`~lutloom.language.bits_back.coding` lets the rotation carry other bits of the file, as
published.
"""

from lutloom.language.bits_back.canonical import Canonical
from lutloom.language.bits_back.coding import decode, encode, least_bytes
from lutloom.language.bits_back.coding_report import CodingReport, NodeCoding
from lutloom.language.bits_back.gauge import GaugeKind, ImpliedEntries, packable, to_gauge
from lutloom.language.bits_back.symmetry import bound_numbers, rotate_node

__all__ = [
    "Canonical",
    "CodingReport",
    "GaugeKind",
    "ImpliedEntries",
    "NodeCoding",
    "bound_numbers",
    "decode",
    "encode",
    "least_bytes",
    "packable",
    "rotate_node",
    "to_gauge",
]
