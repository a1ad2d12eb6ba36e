"""How weights become numbers to store, by part: as they are, or in a form that needs fewer.

Example
-------
>>> encoded = METHODS["plain"].encode(model)                         # doctest: +SKIP
>>> raw = {part: b"".join(pieces) for part, pieces in encoded.pieces.items()}  # doctest: +SKIP
>>> tensors = METHODS["plain"].decode(model.config, raw)             # doctest: +SKIP
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lutloom.errors import InvalidFileError, InvalidNetworkError
from lutloom.language import bits_back
from lutloom.language.archive.container import Method, PartName
from lutloom.language.bits_back.coding_report import CodingReport
from lutloom.language.bits_back.gauge import GaugeKind, ImpliedEntries, packable, to_gauge
from lutloom.language.model_file import least_weights, tensor_shapes
from lutloom.language.transformer import Transformer, TransformerConfig

WEIGHT_PARTS: tuple[PartName, ...] = ("embedding", "blocks", "shortcuts", "message")
"""Parts that hold weights, in the order in which they stand."""

BITS_LEAST = 2
"""Bits that a weight takes at least where rotations carry others."""

_EMBEDDING = "embedding.weight", "head.weight"
_SHORTCUTS = "attention_shortcut.weight", "mlp_shortcut.weight", "entry.weight", "exit.weight"

Words = NDArray[np.uint16]
"""fp16 numbers as their bits, little-endian."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Hold what a method made of a model.

    Parameters
    ----------
    pieces : dict of str to list of bytes
        By part, one a tensor.
    rotations : CodingReport, optional
        What rotations carried, where they carry anything.
    """

    pieces: dict[PartName, list[bytes]]
    rotations: CodingReport | None = None


class PackingMethod(Protocol):
    """Turn a model's weights into bytes by part, and back."""

    def encode(self, model: Transformer) -> Encoded:
        """Give the bytes of each part; parts may be missing."""

    def check(
        self, config: TransformerConfig, raw_bytes: Mapping[PartName, int]
    ) -> dict[PartName, list[int]]:
        """Refuse parts that cannot be those of a configuration, before they are decompressed.

        What comes back is how many bytes long each piece of each part is.
        """

    def decode(self, config: TransformerConfig, raw: Mapping[PartName, bytes]) -> dict[str, Tensor]:
        """Give every tensor in float32; the parts were checked."""


@dataclass(frozen=True, slots=True)
class HalfPrecision:
    """Store weights in fp16, one tensor after another in each part.

    Parameters
    ----------
    kind : GaugeKind, optional
        Rotate a sliced model into this gauge first, and leave out the entries that follow from
        others; without, every weight is stored.
    """

    kind: GaugeKind | None = None

    def encode(self, model: Transformer) -> Encoded:
        """Round each weight to fp16; the gauge's zeros and mirrored entries stay so."""
        if self.kind is not None:
            model = to_gauge(model, self.kind)
        implied = self._implied(model.config)
        pieces: dict[PartName, list[bytes]] = {}
        for name, tensor in model.state_dict().items():
            some = round_to_fp16(name, tensor)
            if name in implied:
                some = implied[name].pack(some)
            pieces.setdefault(part_of(name), []).append(some.tobytes())
        return Encoded(pieces)

    def check(
        self, config: TransformerConfig, raw_bytes: Mapping[PartName, int]
    ) -> dict[PartName, list[int]]:
        """Hold each part's length against the sizes of its tensors."""
        check_room(config, raw_bytes)
        lengths: dict[PartName, list[int]] = {}
        for name, _, n in self._stored(config):
            lengths.setdefault(part_of(name), []).append(2 * n)
        check_lengths({part: sum(some) for part, some in lengths.items()}, raw_bytes)
        return lengths

    def decode(self, config: TransformerConfig, raw: Mapping[PartName, bytes]) -> dict[str, Tensor]:
        """Cut each part into its tensors, and put back what the gauge implies."""
        begin = dict.fromkeys(raw, 0)
        implied = self._implied(config)
        tensors = {}
        for name, shape, n in self._stored(config):
            part = part_of(name)
            words = np.frombuffer(raw[part], "<u2", n, begin[part])
            begin[part] += 2 * n
            whole = implied[name].unpack(words) if name in implied else words.reshape(shape)
            tensors[name] = widen(name, whole)
        return tensors

    def _implied(self, config: TransformerConfig) -> dict[str, ImpliedEntries]:
        return {} if self.kind is None else packable(config, self.kind)

    def _stored(self, config: TransformerConfig) -> Iterator[tuple[str, tuple[int, ...], int]]:
        """Give each tensor's name and shape, and how many of its numbers are stored."""
        implied = self._implied(config)
        for name, shape in tensor_shapes(config).items():
            yield name, shape, implied[name].n_kept if name in implied else math.prod(shape)


@dataclass(frozen=True, slots=True)
class BitsBack:
    """Let the rotations of a sliced model carry weights; see :mod:`lutloom.language.bits_back`.

    All weights are one message, in which the bits of one serve as the rotation of others.

    Parameters
    ----------
    exponents : bool
        Code exponents by how often each occurs; a message says itself whether it does.
    """

    exponents: bool = False

    def encode(self, model: Transformer) -> Encoded:
        """Round each weight to fp16, in the rotations that the message gives."""
        tensors = {name: t.detach().cpu().numpy() for name, t in model.state_dict().items()}
        message, rotations = bits_back.encode(model.config, tensors, exponents=self.exponents)
        return Encoded({"message": [message]}, rotations)

    def check(
        self, config: TransformerConfig, raw_bytes: Mapping[PartName, int]
    ) -> dict[PartName, list[int]]:
        """Refuse other parts, and messages too short for the configuration."""
        check_room(config, raw_bytes, bits=BITS_LEAST)
        there = raw_bytes.get("message", 0)
        check_lengths({"message": there}, raw_bytes)
        least = bits_back.least_bytes(config)
        if there < least:
            raise InvalidFileError(
                f"part message: must be {least:,} bytes of weights and more, not {there:,}; "
                "pack the model again"
            )
        return {"message": [there]}

    def decode(self, config: TransformerConfig, raw: Mapping[PartName, bytes]) -> dict[str, Tensor]:
        """Take the message apart, from its end."""
        tensors = bits_back.decode(config, raw["message"])
        return {name: widen(name, halves.view("<u2")) for name, halves in tensors.items()}


METHODS: dict[Method, PackingMethod] = {
    "plain": HalfPrecision(),
    "triangular": HalfPrecision("triangular"),
    "symmetric": HalfPrecision("symmetric"),
    "bits_back": BitsBack(),
}
"""Methods by name."""


def part_of(name: str) -> PartName:
    """Give the part a tensor belongs to; matrices that slicing added are shortcuts."""
    if name in _EMBEDDING:
        return "embedding"
    return "shortcuts" if name.endswith(_SHORTCUTS) else "blocks"


def check_room(
    config: TransformerConfig, raw_bytes: Mapping[PartName, int], bits: int = 16
) -> None:
    """Check that parts could hold a configuration at all, before even its shapes are listed.

    Parameters
    ----------
    config : TransformerConfig
    raw_bytes : mapping of str to int
        Bytes of each part.
    bits : int
        That a weight takes at least.

    Raises
    ------
    InvalidFileError
        Naming no file.
    """
    least = bits * least_weights(config) // 8
    there = sum(raw_bytes.values())
    if there < least:
        raise InvalidFileError(
            f"parts: must be the {least:,} bytes and more of the configuration's weights, not "
            f"{there:,}; pack the model again"
        )


def check_lengths(wanted: Mapping[PartName, int], there: Mapping[PartName, int]) -> None:
    """Check that parts are as long as their tensors.

    Parameters
    ----------
    wanted, there : mapping of str to int
        Bytes of each part.

    Raises
    ------
    InvalidFileError
        Naming no file.
    """
    for part in WEIGHT_PARTS:
        if wanted.get(part) != there.get(part):
            raise InvalidFileError(
                f"part {part}: must be {wanted.get(part, 0):,} bytes of weights, not "
                f"{there.get(part, 0):,}; pack the model again"
            )


def round_to_fp16(name: str, tensor: Tensor) -> Words:
    """Round a tensor to fp16.

    Parameters
    ----------
    name : str
        What error messages call it.
    tensor : float[...]

    Returns
    -------
    uint16[...]

    Raises
    ------
    InvalidNetworkError
        If a number is too large for fp16.
    """
    half = tensor.detach().cpu().to(torch.float16)
    if not bool(torch.isfinite(half).all()):
        raise InvalidNetworkError(
            f"tensor {name}: numbers must be within fp16's 65,504, but some are not; train the "
            "model again"
        )
    return half.contiguous().numpy().astype("<f2", copy=False).view("<u2")


def check_finite(model: Transformer) -> None:
    """Check that every weight is a number, before any is computed with.

    Parameters
    ----------
    model : Transformer

    Raises
    ------
    InvalidNetworkError
        Naming the tensor that holds others.
    """
    for name, tensor in model.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise InvalidNetworkError(
                f"tensor {name}: numbers must be finite, but some are not; train the model again"
            )


def widen(name: str, words: Words) -> Tensor:
    """Turn fp16 bits into float32.

    Parameters
    ----------
    name : str
        What error messages call it.
    words : uint16[...]

    Returns
    -------
    float32[...]

    Raises
    ------
    InvalidFileError
        If a number is not finite.
    """
    values = words.view("<f2").astype(np.float32)
    if not np.isfinite(values).all():
        raise InvalidFileError(
            f"tensor {name}: numbers must be finite, but some are not; pack the model again"
        )
    return torch.from_numpy(values)
