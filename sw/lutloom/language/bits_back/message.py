"""A stack of bits on which symbols are pushed and from which they are popped, by any model.

Popping symbols that nobody pushed reads the bits below as if they were symbols; pushing the same
symbols puts those bits back exactly.  That is all bits-back coding needs.

Example
-------
>>> message = Message()
>>> message.push(np.array([7, 65535]), Uniform(65536))
>>> message.pop(2, Uniform(65536)).tolist(), message.empty
([7, 65535], True)
"""

from __future__ import annotations

import math
import zlib
from decimal import Decimal, localcontext
from functools import cache
from typing import Any, Protocol

import constriction  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError

WORD = 1 << 16
"""Symbols of a number in fp16."""

N_EXPONENTS = 32
"""Exponents a number in fp16 may have."""

COUNTED_TOTAL = 1 << 15
"""Sum of the weights of counted symbols."""

_REST = 1 << 11
"""Symbols of sign and mantissa."""

_WEIGHT_BITS = 22
"""Of the weights a distribution is made of; the coder itself has 24."""


class SymbolModel(Protocol):
    """Give symbols probabilities; ``inner`` is the coder's own model."""

    inner: Any


class Uniform:
    """Give ``0..size - 1`` the same probability.

    Parameters
    ----------
    size : int
        2 to 2^24; a power of two costs its logarithm exactly.
    """

    def __init__(self, size: int) -> None:
        self.inner: Any = constriction.stream.model.Uniform(size)


class Bell:
    """Give ``0..n - 1`` the probabilities of a normal distribution's density at whole steps.

    Weights are whole numbers from exact decimal arithmetic, so that every machine has the same.

    Parameters
    ----------
    n : int
    middle : Decimal
        Of the distribution.
    deviation : Decimal
    escape : bool
        Add a symbol ``n``, as unlikely as can be, that stands for all others.
    """

    def __init__(
        self, n: int, middle: Decimal, deviation: Decimal, *, escape: bool = False
    ) -> None:
        with localcontext() as context:
            context.prec = 30
            density = [(-(((step - middle) / deviation) ** 2) / 2).exp() for step in range(n)]
            scale = Decimal(1 << _WEIGHT_BITS) / sum(density)
            weights = [max(1, int(value * scale)) for value in density] + [1] * escape
        self.weights = np.array(weights, dtype=np.float64)
        self.inner: Any = constriction.stream.model.Categorical(self.weights, perfect=False)

    def bits(self) -> NDArray[np.float64]:
        """Give what each symbol costs, but for the coder's own rounding."""
        cost: NDArray[np.float64] = -np.log2(self.weights / self.weights.sum())
        return cost


@cache
def uniform(size: int) -> Uniform:
    """Give the model of a size; models are kept."""
    return Uniform(size)


class Counted:
    """Give ``0..n - 1`` probabilities by how often each occurs.

    Parameters
    ----------
    weights : int[n]
        Together 2^15, see :func:`quantise`; a float holds each share exactly on every machine.
    """

    def __init__(self, weights: NDArray[Any]) -> None:
        shares = weights / float(COUNTED_TOTAL)
        self.inner: Any = constriction.stream.model.Categorical(shares, perfect=False)


def quantise(count: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Scale counts to a sum of 2^15, none that occurs below 1, by integers only.

    Parameters
    ----------
    count : int64[n]
        Not all 0.

    Returns
    -------
    uint16[n]
    """
    scaled = np.where(count, np.maximum(1, count * COUNTED_TOTAL // count.sum()), 0)
    scaled[np.argmax(scaled)] += COUNTED_TOTAL - scaled.sum()
    return scaled.astype(np.uint16)


class Message:
    """Hold the stack.

    Parameters
    ----------
    data : bytes, optional
        What :meth:`to_bytes` gave.

    Raises
    ------
    InvalidFileError
        If it is not that.
    """

    def __init__(self, data: bytes = b"") -> None:
        if not data:
            self._coder: Any = constriction.stream.stack.AnsCoder()
            return
        check, body = data[:4], data[4:]
        words = np.frombuffer(body[: len(body) // 4 * 4], "<u4").astype(np.uint32)
        if len(data) % 4 or int.from_bytes(check, "little") != zlib.crc32(body):
            raise InvalidFileError(
                f"bits back: {len(data):,} bytes must be a checksum and whole words it is of, but "
                "are not; copy the file again"
            )
        if words.size and not words[-1]:
            raise InvalidFileError(
                "bits back: the last word must not be 0, but is; write the file again"
            )
        self._coder = constriction.stream.stack.AnsCoder(words)

    @property
    def n_bits(self) -> int:
        """Bits on the stack."""
        return int(self._coder.num_valid_bits())

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return bool(self._coder.is_empty())

    def push(self, symbols: NDArray[Any], model: SymbolModel) -> None:
        """Put ``int[n]`` on the stack; they come back in this order."""
        if symbols.size:
            self._coder.encode_reverse(np.ascontiguousarray(symbols, np.int32), model.inner)

    def pop(self, n: int, model: SymbolModel) -> NDArray[np.int64]:
        """Take ``int64[n]`` off the stack, whether or not they were pushed."""
        if not n:
            return np.empty(0, dtype=np.int64)
        symbols: NDArray[np.int32] = self._coder.decode(model.inner, n)
        return symbols.astype(np.int64)

    def push_wide(self, values: NDArray[Any]) -> None:
        """Put ``int[n]`` below 2^32 on the stack, in 32 bits each."""
        self.push(values & (WORD - 1), uniform(WORD))
        self.push(values >> 16, uniform(WORD))

    def pop_wide(self, n: int) -> NDArray[np.int64]:
        """Take ``int64[n]`` off that :meth:`push_wide` put there."""
        high = self.pop(n, uniform(WORD))
        return (high << 16) | self.pop(n, uniform(WORD))

    def push_halves(
        self, values: NDArray[np.float16], key: str, *, exponents: bool = False
    ) -> None:
        """Put ``float16[...]`` on the stack as their bits, which a key makes look random.

        Rotations are popped as if the bits were; those of weights are far from it.  With
        ``exponents``, these are coded by how often each occurs, and only the rest is raw.
        """
        words, mask = values.ravel().view(np.uint16), _key_stream(key, values.size)
        if not exponents:
            self.push(words ^ mask, uniform(WORD))
            return
        if not words.size:
            return
        exponent = words >> 10 & (N_EXPONENTS - 1)
        rest = (words & 0x3FF) | (words >> 5 & 0x400)
        weights = quantise(np.bincount(exponent, minlength=N_EXPONENTS))
        self.push(rest ^ (mask & (_REST - 1)), uniform(_REST))
        self.push(exponent, Counted(weights))
        self.push(weights, uniform(WORD))

    def pop_halves(
        self, shape: tuple[int, ...], key: str, *, exponents: bool = False
    ) -> NDArray[np.float16]:
        """Take ``float16[shape]`` off.

        Raises
        ------
        InvalidFileError
            If the weights of their exponents cannot be such.
        """
        n = math.prod(shape)
        mask = _key_stream(key, n)
        if not exponents:
            words = np.asarray(self.pop(n, uniform(WORD)).astype(np.uint16) ^ mask, np.uint16)
        elif n:
            weights = self.pop(N_EXPONENTS, uniform(WORD))
            if int(weights.sum()) != COUNTED_TOTAL:
                raise InvalidFileError(
                    f"bits back, {key}: exponents must have weights of {COUNTED_TOTAL} together, "
                    f"not {int(weights.sum())}; give the configuration the file was written with"
                )
            exponent = self.pop(n, Counted(weights)).astype(np.uint16)
            rest = self.pop(n, uniform(_REST)).astype(np.uint16) ^ (mask & (_REST - 1))
            words = np.asarray(rest & 0x3FF | (rest & 0x400) << 5 | exponent << 10, np.uint16)
        else:
            words = mask
        return words.view(np.float16).reshape(shape)

    def to_bytes(self) -> bytes:
        """Give the stack as a checksum and words, little-endian."""
        body = bytes(self._coder.get_compressed().astype("<u4"))
        return zlib.crc32(body).to_bytes(4, "little") + body


def _key_stream(key: str, n: int) -> NDArray[np.uint16]:
    # Raw words of a bit generator stay the same from one version of numpy to the next.
    raw = np.random.PCG64(zlib.crc32(key.encode())).random_raw(n // 4 + 1)
    return np.asarray(raw.astype("<u8").view("<u2")[:n], dtype=np.uint16)
