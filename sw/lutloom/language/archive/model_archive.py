"""A transformer and its tokenizer in few bytes: what goes in comes out, within fp16.

Example
-------
>>> data, report = pack_model(model, tokenizer, method="plain", compression="xz")  # doctest: +SKIP
>>> model, tokenizer = unpack_model(data)                            # doctest: +SKIP
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from lutloom.errors import InvalidFileError, InvalidNetworkError, InvalidRecipeError
from lutloom.files.bounded import read_bytes
from lutloom.language.archive.coding import CODINGS, Coding, Compression
from lutloom.language.archive.container import (
    ARCHIVE_BYTES_MAX,
    Header,
    Method,
    Part,
    PartName,
    join_container,
    one_line,
    split_container,
)
from lutloom.language.archive.methods import METHODS, WEIGHT_PARTS, BitsBack, check_finite
from lutloom.language.bits_back.coding_report import CodingReport
from lutloom.language.model_file import MASKED_CONTEXT_MAX, build_transformer
from lutloom.language.tokenizer import Tokenizer, parse_tokenizer
from lutloom.language.transformer import Transformer, TransformerConfig

TOKENIZER_BYTES_MAX = 64 << 20
"""Longest tokenizer."""
ROTATION_NUMBERS_MAX = 1 << 22
"""Largest table of rotations, context times head size."""


class PackReport(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what an archive's bytes are spent on.

    Members
    -------
    method, compression : how it was packed
    header : magic, version, configuration, table and digest
    tokenizer : all of it; under both compressions as xz
    embedding : the table, and the head where it is not tied
    blocks : attention, MLP and norms
    shortcuts : matrices that slicing added, of entry and exit too
    message : all weights, where ``bits_back`` makes them one; stored as it is, whatever the
        compression, which is inside
    total : of the file, the sum of those above
    plain_fp16_bytes : of the weights alone, at two bytes each
    seconds : that packing took; of a clock, so not the same on every run
    rotations : what ``bits_back`` let rotations carry, and what putting them right cost
    """

    method: Method
    compression: Compression
    header: int
    tokenizer: int
    embedding: int
    blocks: int
    shortcuts: int
    message: int
    total: int
    plain_fp16_bytes: int
    seconds: float
    rotations: CodingReport | None = None

    @property
    def weights(self) -> int:
        """Bytes that hold weights."""
        return self.embedding + self.blocks + self.shortcuts + self.message

    @property
    def saving(self) -> float:
        """Share of ``plain_fp16_bytes`` that is saved; negative where they grew."""
        return 1.0 - self.weights / self.plain_fp16_bytes


def pack_model(
    model: Transformer, tokenizer: Tokenizer, *, method: Method, compression: Compression
) -> tuple[bytes, PackReport]:
    """Pack a model; the same arguments give the same bytes.

    What is unpacked and packed again by the same method gives the same bytes too, but for
    ``bits_back``, which turns the weights anew and rounds them once more.

    Parameters
    ----------
    model : Transformer
        Left as it is.
    tokenizer : Tokenizer
    method : Method
        Others than ``plain`` need a sliced model.
    compression : Compression
        Of what the method leaves; lossless.

    Returns
    -------
    bytes, PackReport

    Raises
    ------
    InvalidNetworkError
        If the method cannot take the model, or a weight is too large for fp16.
    InvalidRecipeError
        If method or compression is not known.
    """
    started = time.perf_counter()
    for what, came, known in (
        ("method", method, get_args(Method)),
        ("compression", compression, get_args(Compression)),
    ):
        if came not in known:
            raise InvalidRecipeError(
                f"archive, {what}: must be one of {', '.join(known)}, not {came!r}; correct it"
            )
    _check_config(model.config, method)
    check_finite(model)
    packing = METHODS[method]
    if method == "bits_back" and compression == "exponent":
        packing = BitsBack(exponents=True)
    encoded = packing.encode(model)
    pieces: dict[PartName, list[bytes]] = {"tokenizer": [tokenizer.to_json().encode()]}
    pieces |= {name: encoded.pieces[name] for name in WEIGHT_PARTS if name in encoded.pieces}
    stored = {name: _compress(name, some, compression) for name, some in pieces.items()}
    parts = tuple(
        Part(name, len(stored[name]), sum(map(len, some))) for name, some in pieces.items()
    )
    header = Header(config=model.config, method=method, compression=compression, parts=parts)
    data = join_container(header, stored)
    spent = {name: len(stored.get(name, b"")) for name in get_args(PartName)}
    report = PackReport(
        method=method,
        compression=compression,
        header=len(data) - sum(spent.values()),
        **spent,
        total=len(data),
        plain_fp16_bytes=2 * model.n_parameters,
        seconds=time.perf_counter() - started,
        rotations=encoded.rotations,
    )
    return data, report


def unpack_model(data: bytes, source: str = "archive") -> tuple[Transformer, Tokenizer]:
    """Unpack a model; nothing in it is run or believed unchecked.

    What is allocated is bounded by the archive's length: two bytes for one where it is not
    compressed, and :data:`lutloom.language.archive.coding.XZ_RATIO_MAX` times that where it is.

    Parameters
    ----------
    data : bytes
    source : str
        What error messages call it.

    Returns
    -------
    Transformer, Tokenizer

    Raises
    ------
    InvalidFileError
        If it is no archive, not whole, changed after writing, or breaks a rule.
    """
    header, stored = split_container(data, source)
    try:
        _check_config(header.config, header.method)
        lengths = _check_parts(header)
        raw = {
            name: _decompress(name, some, lengths[name], header.compression)
            for name, some in stored.items()
        }
        tokenizer = parse_tokenizer(raw.pop("tokenizer").decode(), "part tokenizer")
        tensors = METHODS[header.method].decode(header.config, raw)
    except UnicodeDecodeError as error:
        raise InvalidFileError(
            f"{source}: part tokenizer: must be UTF-8, but is not; pack the model again"
        ) from error
    except (InvalidFileError, InvalidNetworkError) as error:
        raise InvalidFileError(f"{source}: {one_line(error)}") from error
    return build_transformer(header.config, tensors), tokenizer


def read_archive(path: str | os.PathLike[str]) -> tuple[Transformer, Tokenizer]:
    """Read and unpack an archive.

    Parameters
    ----------
    path : path

    Returns
    -------
    Transformer, Tokenizer

    Raises
    ------
    InvalidFileError
        If the file is missing, too large, or :func:`unpack_model` refuses it.
    """
    return unpack_model(read_bytes(path, ARCHIVE_BYTES_MAX), str(path))


def _check_config(config: TransformerConfig, method: Method) -> None:
    if method != "plain" and not config.sliced:
        raise InvalidNetworkError(
            f"method {method}: the model must be sliced, but is not; slice it, or use plain"
        )
    if config.pattern != "causal" and config.context > MASKED_CONTEXT_MAX:
        raise InvalidNetworkError(
            f"config: context must be at most {MASKED_CONTEXT_MAX:,} where the pattern is "
            f"{config.pattern}, not {config.context:,}; lower 'context'"
        )
    if config.rope_base and config.context * config.head_size > ROTATION_NUMBERS_MAX:
        raise InvalidNetworkError(
            f"config: context x head_size must be at most {ROTATION_NUMBERS_MAX:,}, not "
            f"{config.context * config.head_size:,}; lower 'context'"
        )


def _check_parts(header: Header) -> dict[PartName, list[int]]:
    """Hold every declared length against what it comes from, before anything is decompressed.

    Gives how many bytes long each piece of each part is.
    """
    raw_bytes: dict[PartName, int] = {}
    for part in header.parts:
        most = _coding(part.name, header.compression).raw_bytes_max(part.stored_bytes)
        if part.raw_bytes > most:
            raise InvalidFileError(
                f"part {part.name}: must become at most {most:,} bytes from "
                f"{part.stored_bytes:,}, not {part.raw_bytes:,}; pack the model again"
            )
        raw_bytes[part.name] = part.raw_bytes
    tokenizer_bytes = raw_bytes.pop("tokenizer", 0)
    if not 0 < tokenizer_bytes <= TOKENIZER_BYTES_MAX:
        raise InvalidFileError(
            f"part tokenizer: must be 1..{TOKENIZER_BYTES_MAX} bytes long, not "
            f"{tokenizer_bytes:,}; pack the model again"
        )
    lengths = METHODS[header.method].check(header.config, raw_bytes)
    return {"tokenizer": [tokenizer_bytes], **lengths}


def _coding(name: PartName, compression: Compression) -> Coding:
    """Give a part's coding: a tokenizer is text, and a message is coded inside or looks random."""
    if name == "message":
        return CODINGS["none"]
    as_text = name == "tokenizer" and compression == "exponent"
    return CODINGS["xz" if as_text else compression]


def _compress(name: PartName, pieces: Sequence[bytes], compression: Compression) -> bytes:
    coding = _coding(name, compression)
    stored, raw_bytes = coding.compress(pieces), sum(map(len, pieces))
    if raw_bytes > coding.raw_bytes_max(len(stored)):
        raise InvalidNetworkError(
            f"part {name}: must not compress to {len(stored):,} of {raw_bytes:,} bytes, which no "
            "reader accepts; use the compression none"
        )
    return stored


def _decompress(
    name: PartName, stored: memoryview, lengths: Sequence[int], compression: Compression
) -> bytes:
    try:
        return _coding(name, compression).decompress(stored, lengths)
    except InvalidFileError as error:
        raise InvalidFileError(f"part {name}: {error}; pack the model again") from error


def parts_of(report: PackReport) -> Mapping[str, int]:
    """Give a report's bytes by part, in the order of the file."""
    names = ("header", *get_args(PartName))
    return {name: int(getattr(report, name)) for name in names}
