"""What rotations carried, and what it took to name them exactly.

Example
-------
>>> report.saved_bits / report.plain_bits, report.corrections        # doctest: +SKIP
(0.034, 31165)
"""

from __future__ import annotations

import msgspec


class NodeCoding(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what one node's rotation carried.

    Members
    -------
    width : of the node
    grid_bits : b, of each parameter; 0: the node is stored as it was
    parameters : of its rotation
    popped_bits : of the message that the rotation carried
    correction_bits : what it took to name it exactly
    corrections : parameters whose nearest grid value was not the right one
    """

    width: int
    grid_bits: int
    parameters: int = 0
    popped_bits: int = 0
    correction_bits: int = 0
    corrections: int = 0


class CodingReport(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a model's rotations carried.

    Members
    -------
    plain_bits : of all weights in fp16
    coded_bits : of the message, its checksum included
    bound_bits : 16 for each number that says nothing about the function
    nodes : in the order the stream passes them
    """

    plain_bits: int
    coded_bits: int
    bound_bits: int
    nodes: tuple[NodeCoding, ...]

    @property
    def saved_bits(self) -> int:
        """Bits the message is shorter than the weights in fp16; all is counted."""
        return self.plain_bits - self.coded_bits

    @property
    def popped_bits(self) -> int:
        """Bits that rotations carried."""
        return sum(node.popped_bits for node in self.nodes)

    @property
    def correction_bits(self) -> int:
        """Bits spent on naming rotations exactly."""
        return sum(node.correction_bits for node in self.nodes)

    @property
    def corrections(self) -> int:
        """Parameters that came back wrong and were put right."""
        return sum(node.corrections for node in self.nodes)

    @property
    def parameters(self) -> int:
        """Parameters of all rotations that carried bits."""
        return sum(node.parameters for node in self.nodes)

    @property
    def grid_bits(self) -> tuple[int, ...]:
        """The grid chosen for each node."""
        return tuple(node.grid_bits for node in self.nodes)
