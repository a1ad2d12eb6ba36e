"""The contract every block between the edges keeps: a fixed latency and a bit-exact numpy model.

Example
-------
>>> stage.latency_cycles        # doctest: +SKIP
1
>>> stage.model(rows).shape     # doctest: +SKIP
(10, 4)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray


def bits_for(value_max: int) -> int:
    """Give the width of an unsigned number that must reach ``value_max``, at least one bit."""
    return max(1, int(value_max).bit_length())


class Block(wiring.Component, ABC):
    """Be a component that may be made only to be asked for its latency, cost or model.

    Amaranth warns of a component that is never elaborated; for these that is an ordinary use.
    """

    _MustUse__silence = True

    def elaborate(self, platform: object) -> Module:
        """Build the component's logic; the same on every platform.

        Parameters
        ----------
        platform : object
            Not considered.

        Returns
        -------
        Module
        """
        del platform
        m = Module()
        self._build(m)
        return m

    @abstractmethod
    def _build(self, m: Module) -> None:
        """Add the component's logic to its module."""


class Stage(Block):
    """Transform one row of unsigned fields a clock, always ready, after a fixed number of clocks.

    A stage never stalls: whatever enters leaves ``latency_cycles`` later, and ``valid`` travels
    beside the data.  Only ``valid`` is reset; data registers are not.

    Parameters
    ----------
    i_fields, o_fields : int
        Fields of one row at the input and at the output.
    i_width, o_width : int
        Bits of one field.  Field ``k`` occupies payload bits ``k * width`` to
        ``(k + 1) * width - 1``; with one-bit fields the payload is a plain bit vector.
    latency_cycles : int
        Clocks from a row at ``i`` to its answer at ``o``; at least 1.
    members : mapping or None
        Further members of the component.

    Members
    -------
    i : In(stream.Signature(..., always_ready=True))
        Rows in.
    o : Out(stream.Signature(..., always_ready=True))
        Answers out, in the order of the rows.

    Latency: ``latency_cycles``.  Throughput: one row a clock.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        *,
        i_fields: int,
        i_width: int,
        o_fields: int,
        o_width: int,
        latency_cycles: int,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.i_fields, self.i_width = i_fields, i_width
        self.o_fields, self.o_width = o_fields, o_width
        self.latency_cycles = latency_cycles
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(i_fields * i_width), always_ready=True)),
                "o": Out(stream.Signature(unsigned(o_fields * o_width), always_ready=True)),
                **(members or {}),
            }
        )

    @abstractmethod
    def model(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Compute what the hardware answers, independently of how it is built.

        Parameters
        ----------
        inputs : integers[n, i_fields]

        Returns
        -------
        integers[n, o_fields]
        """

    def elaborate(self, platform: object) -> Module:
        """Build the stage's data path and, beside it, ``valid`` through registers that reset."""
        m = super().elaborate(platform)
        valid = self.i.valid
        for cycle in range(1, self.latency_cycles + 1):
            delayed = Signal(name=f"valid_{cycle}")
            m.d.sync += delayed.eq(valid)
            valid = delayed
        m.d.comb += self.o.valid.eq(valid)
        return m


def pack_rows(rows: NDArray[Any], width: int) -> list[int]:
    """Pack rows of fields into the integers a payload carries.

    Parameters
    ----------
    rows : integers[n, fields]
        Each in ``0..2**width - 1``; field 0 takes the least significant bits.
    width : int
        Bits of one field.

    Returns
    -------
    list of int
        One integer a row.
    """
    shifts = np.arange(width)
    bits = (np.asarray(rows, dtype=np.int64)[:, :, None] >> shifts) & 1
    flat = bits.reshape(len(rows), bits.shape[1] * width).astype(np.uint8)
    packed = np.packbits(flat, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def unpack_rows(payloads: list[int], fields: int, width: int) -> NDArray[np.int64]:
    """Undo :func:`pack_rows`.

    Parameters
    ----------
    payloads : list of int
    fields, width : int
        Fields of one row and bits of one field.

    Returns
    -------
    int64[n, fields]
    """
    mask = (1 << width) - 1
    rows = [[(value >> (k * width)) & mask for k in range(fields)] for value in payloads]
    return np.array(rows, dtype=np.int64).reshape(len(payloads), fields)
