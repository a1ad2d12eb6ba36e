"""The archive as bytes: magic, version, header, parts one after another, SHA-256 of all before.

Layout, numbers little-endian::

    8 bytes    magic
    4 bytes    version
    4 bytes    length of the header
    header     JSON: configuration, method, compression, table of parts
    parts      as long as the table says, in its order, without gaps
    32 bytes   SHA-256 of everything before

The digest is compared before the header is read; it finds damage, not malice, so every number of
the header is held against the file's own length as well.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lutloom.errors import InvalidFileError
from lutloom.language.archive.coding import Compression
from lutloom.language.transformer import TransformerConfig
from lutloom.schema import SchemaError, convert

ARCHIVE_BYTES_MAX = 8 << 30
"""Largest archive that is read."""
HEADER_BYTES_MAX = 1 << 16
"""Longest header."""

MAGIC = b"LUTLOOM\n"
VERSION = 2
"""Of the layout and of what parts hold; only this one is read."""
DIGEST_BYTES = 32
_LEAD = struct.Struct("<8sII")
_WORDS_MAX = 400

PartName = Literal["tokenizer", "embedding", "blocks", "shortcuts", "message"]
"""What a part holds; see :class:`lutloom.language.archive.model_archive.PackReport`."""
Method = Literal["plain", "triangular", "symmetric", "bits_back"]
"""How weights become numbers to store; see :mod:`lutloom.language.archive.methods`."""

_Bytes = Annotated[int, Meta(ge=0, le=ARCHIVE_BYTES_MAX)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say how long a part is.

    Members
    -------
    name : what it holds
    stored_bytes : in the file
    raw_bytes : before compression
    """

    name: PartName
    stored_bytes: _Bytes
    raw_bytes: _Bytes


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say what an archive holds, and how.

    Members
    -------
    config : of the transformer
    method : how its weights became numbers to store
    compression : of the parts
    parts : in the order in which they stand
    """

    config: TransformerConfig
    method: Method
    compression: Compression
    parts: Annotated[tuple[Part, ...], Meta(max_length=8)]


def join_container(header: Header, payloads: Mapping[PartName, bytes]) -> bytes:
    """Put an archive together.

    Parameters
    ----------
    header : Header
    payloads : mapping of str to bytes
        One of each part's name and stored length.

    Returns
    -------
    bytes
        The same for the same arguments.
    """
    written = msgspec.json.encode(header, order="sorted")
    lead = _LEAD.pack(MAGIC, VERSION, len(written))
    body = b"".join((lead, written, *(payloads[part.name] for part in header.parts)))
    return body + hashlib.sha256(body).digest()


def split_container(data: bytes, source: str) -> tuple[Header, dict[PartName, memoryview]]:
    """Take an archive apart; nothing is copied.

    Parameters
    ----------
    data : bytes
    source : str
        What error messages call it.

    Returns
    -------
    Header
    dict of str to memoryview
        Its parts as they stand, compressed.

    Raises
    ------
    InvalidFileError
        If it is no archive, not whole, changed after writing, or its header breaks a rule.
    """
    begin = _check_lead(data, source)
    digest = hashlib.sha256(memoryview(data)[:-DIGEST_BYTES]).digest()
    if digest != data[-DIGEST_BYTES:]:
        raise InvalidFileError(
            f"{source}: must have the SHA-256 that stands at its end, not {digest.hex()[:16]}...; "
            "copy the file again"
        )
    header = _read_header(data[_LEAD.size : begin], source)
    names = [part.name for part in header.parts]
    if len(set(names)) != len(names):
        raise InvalidFileError(
            f"{source}: header, parts: must be named once each, not {', '.join(names)}; "
            "pack the model again"
        )
    there = len(data) - begin - DIGEST_BYTES
    wanted = sum(part.stored_bytes for part in header.parts)
    if wanted != there:
        raise InvalidFileError(
            f"{source}: header, parts: must be {there:,} bytes long together, not {wanted:,}; "
            "pack the model again"
        )
    payloads = {}
    for part in header.parts:
        payloads[part.name] = memoryview(data)[begin : begin + part.stored_bytes]
        begin += part.stored_bytes
    return header, payloads


def one_line(error: object) -> str:
    """Give an error's words in one line of bounded length, without control characters.

    Parameters
    ----------
    error : object

    Returns
    -------
    str
    """
    words = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return words if len(words) <= _WORDS_MAX else f"{words[:_WORDS_MAX]}..."


def _check_lead(data: bytes, source: str) -> int:
    """Give where the parts begin."""
    least = _LEAD.size + DIGEST_BYTES
    if len(data) < least:
        raise InvalidFileError(
            f"{source}: must be at least {least} bytes long, not {len(data)}; copy the file again"
        )
    magic, version, header_bytes = _LEAD.unpack_from(data)
    if magic != MAGIC:
        raise InvalidFileError(
            f"{source}: must begin with {MAGIC!r}, not {magic!r}; give a file that "
            "'lutloom language pack' wrote"
        )
    if version != VERSION:
        raise InvalidFileError(
            f"{source}: must be of version {VERSION}, not {version}; use the Lutloom version "
            "that wrote it"
        )
    room = min(HEADER_BYTES_MAX, len(data) - least)
    if header_bytes > room:
        raise InvalidFileError(
            f"{source}: header must be at most {room:,} bytes long, not {header_bytes:,}; "
            "copy the file again"
        )
    return int(_LEAD.size + header_bytes)


def _read_header(written: bytes, source: str) -> Header:
    try:
        return convert(msgspec.json.decode(written), Header)
    except (msgspec.DecodeError, SchemaError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFileError(
            f"{source}: header, {one_line(error)}; pack the model again"
        ) from error
