from __future__ import annotations

import json
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archived_models import (
    DIGEST_BYTES,
    LEAD_BYTES,
    body_of,
    forge,
    header_of,
    lead_of,
    make_sliced,
    refusal,
    sign,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from small_transformer import make_transformer

from lutloom.errors import InvalidFileError
from lutloom.language.archive import Compression, Method, pack_model, read_archive, unpack_model
from lutloom.language.archive.coding import Xz
from lutloom.language.archive.exponents import compress_exponents, decompress_exponents
from lutloom.language.tokenizer import Tokenizer, train_tokenizer

PAIRS: tuple[tuple[Method, Compression], ...] = (
    ("plain", "none"), ("plain", "xz"), ("plain", "exponent"), ("symmetric", "exponent"),
    ("bits_back", "none"), ("bits_back", "exponent"),
)  # fmt: skip


@pytest.fixture(scope="module")
def archives(text: str) -> list[bytes]:
    small = train_tokenizer(text, 270)
    return [pack_model(make_sliced(), small, method=m, compression=c)[0] for m, c in PAIRS]


@pytest.fixture(scope="module")
def archive(tokenizer: Tokenizer) -> bytes:
    """A model that is not sliced, in fp16 as it is."""
    return pack_model(make_transformer(), tokenizer, method="plain", compression="none")[0]


def accepted(data: bytes, unpack: Callable[[bytes], object]) -> bool:
    try:
        unpack(data)
    except InvalidFileError:
        return False
    return True


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def damaged_but_accepted(data: bytes, unpack: Callable[[bytes], object]) -> int:
    """Count what passes of an archive cut everywhere, and with a bit changed in every byte."""
    cut = sum(accepted(data[:length], unpack) for length in range(len(data)))
    return cut + sum(accepted(flipped(data, at, at % 8), unpack) for at in range(len(data)))


def test_any_cut_and_any_changed_byte_is_refused(text: str) -> None:
    model = make_transformer(
        vocabulary=9, n_blocks=1, width=4, n_heads=1, head_size=2, hidden=3, context=4
    )
    small = train_tokenizer(text, 257)
    data, _ = pack_model(model, small, method="plain", compression="exponent")
    assert accepted(data, unpack_model)
    assert damaged_but_accepted(data, unpack_model) == 0

    def credulous(some: bytes) -> object:
        """A reader that does not hold the digest against anything."""
        return unpack_model(sign(some[:-DIGEST_BYTES]))

    assert damaged_but_accepted(data, credulous) > 100


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_flips_and_cuts_are_refused_in_one_line(archives: list[bytes], data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(archives))
    at = data.draw(st.integers(0, len(whole) - 1))
    refusal(flipped(whole, at, data.draw(st.integers(0, 7))))
    refusal(whole[:at])
    refusal(whole + data.draw(st.binary(min_size=1, max_size=40)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_signed_damage_is_refused_in_one_line_or_a_model(
    archives: list[bytes], data: st.DataObject
) -> None:
    """The digest keeps no forger out: decoders meet any bytes, and nothing else may happen."""
    body = bytearray(data.draw(st.sampled_from(archives))[:-DIGEST_BYTES])
    ends = (0, LEAD_BYTES + lead_of(bytes(body))[2], len(body))
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.integers(0, 1))
        at = data.draw(st.integers(ends[part], ends[part + 1] - 1))
        body[at] = data.draw(st.integers(0, 255))
    forged = sign(bytes(body))
    if not accepted(forged, unpack_model):
        refusal(forged)


def with_parts(archive: bytes, change: Callable[[list[dict[str, Any]]], object]) -> dict[str, Any]:
    header = header_of(archive)
    change(header["parts"])
    return header


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "huge part": (
        lambda h: h["parts"][1].update(stored_bytes=1 << 33),
        "header, parts: must be .* bytes long together, not 8,589,9",
    ),
    "too huge part": (
        lambda h: h["parts"][1].update(stored_bytes=1 << 70),
        r"header, parts\[1\].stored_bytes: must be an integer 0..8589934592, not 1180591620717",
    ),
    "negative part": (
        lambda h: h["parts"][2].update(stored_bytes=-1),
        r"header, parts\[2\].stored_bytes: must be an integer 0..8589934592, not -1",
    ),
    "part of floating length": (
        lambda h: h["parts"][2].update(raw_bytes=1e300),
        r"header, parts\[2\].raw_bytes: must be an integer",
    ),
    "huge raw part": (
        lambda h: h["parts"][2].update(raw_bytes=1 << 33),
        "part blocks: must become at most .* bytes from .*, not 8,589,934,592",
    ),
    "overlapping parts": (
        lambda h: h["parts"][2].update(begin=0),
        r"header, parts\[2\] has no key 'begin'",
    ),
    "parts that share bytes": (
        lambda h: h["parts"][1].update(stored_bytes=h["parts"][1]["stored_bytes"] + 8),
        "header, parts: must be .* bytes long together",
    ),
    "part twice": (
        lambda h: h["parts"][2].update(name="embedding"),
        "header, parts: must be named once each, not tokenizer, embedding, embedding",
    ),
    "unknown part": (
        lambda h: h["parts"][2].update(name="code"),
        r"header, parts\[2\].name: must be 'blocks' or .* not 'code'",
    ),
    "part that does not belong": (
        lambda h: h["parts"][2].update(name="shortcuts"),
        "part blocks: must be .* bytes of weights, not 0",
    ),
    "nine parts": (
        lambda h: h["parts"].extend([h["parts"][0]] * 6),
        "header, parts: must be a list of 0..8 items",
    ),
    "no tokenizer": (
        lambda h: h["parts"][0].update(name="message"),
        "part tokenizer: must be 1..67108864 bytes long, not 0",
    ),
    "parts another way round": (
        lambda h: h["parts"].reverse(),
        "part embedding: must|part tokenizer: must|tensor ",
    ),
    "unknown key": (lambda h: h.update(run="echo"), "header, the document has no key 'run'"),
    "unknown key of the configuration": (
        lambda h: h["config"].update(code=1),
        "header, config has no key 'code'",
    ),
    "key of many letters": (
        lambda h: h.update({"\n\x1b[31m" * 4000: 1}),
        r"header, .*\.\.\.; pack",
    ),
    "no method": (lambda h: h.pop("method"), "header, the document lacks the key 'method'"),
    "unknown method": (lambda h: h.update(method="eval"), "header, method: must be .* not 'eval'"),
    "unknown compression": (
        lambda h: h.update(compression="zip"),
        "header, compression: must be .* not 'zip'",
    ),
    "method that needs slicing": (
        lambda h: h.update(method="triangular"),
        "method triangular: the model must be sliced, but is not",
    ),
    "bits back without slicing": (
        lambda h: h.update(method="bits_back"),
        "method bits_back: the model must be sliced, but is not",
    ),
    "other compression": (
        lambda h: h.update(compression="exponent"),
        "part tokenizer: must be",
    ),
    "largest model": (
        lambda h: h["config"].update(vocabulary=1 << 20, width=1 << 16, hidden=1 << 16),
        "parts: must be the 137,.* bytes and more of the configuration's weights, not ",
    ),
    "most blocks": (
        lambda h: h["config"].update(n_blocks=256),
        "parts: must be the 113,.* bytes and more",
    ),
    "one token more": (
        lambda h: h["config"].update(vocabulary=62),
        "part embedding: must be 2,976 bytes of weights, not 2,928; pack the model again",
    ),
    "largest mask": (
        lambda h: h["config"].update(context=1 << 16, pattern="local"),
        "config: context must be at most 4,096 where the pattern is local, not 65,536",
    ),
    "largest rotation": (
        lambda h: h["config"].update(context=1 << 16, head_size=512),
        "config: context x head_size must be at most 4,194,304, not 33,554,432",
    ),
    "infinite number": (
        lambda h: h["config"].update(rope_base=float("inf")),
        "header, JSON is malformed",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers(archive: bytes, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> object:
        raise AssertionError("a model was made of a hostile header")

    monkeypatch.setattr("lutloom.language.archive.model_archive.build_transformer", build)
    header = header_of(archive)
    change, message = HOSTILE[name]
    change(header)
    forged = forge(archive, header)
    tracemalloc.start()
    try:
        line = refusal(forged)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert_matches(line, message)
    assert peak < len(forged) + 1_000_000  # the rest: an error's explanation, and meta tensors


def assert_matches(line: str, message: str) -> None:
    with pytest.raises(InvalidFileError, match=f"^archive: (?:{message})"):
        raise InvalidFileError(line)


def test_messages_that_are_not_of_their_configuration(tokenizer: Tokenizer) -> None:
    data, _ = pack_model(make_sliced(), tokenizer, method="bits_back", compression="none")
    unpack_model(data)
    header, body = header_of(data), body_of(data)
    begin = header["parts"][0]["stored_bytes"]

    def refused(message: str, stored: bytes = body[begin:], **changes: object) -> None:
        changed = json.loads(json.dumps(header))
        changed["config"].update(changes)
        changed["parts"][1].update(stored_bytes=len(stored), raw_bytes=len(stored))
        assert_matches(refusal(forge(data, changed, body[:begin] + stored)), message)

    refused("bits back: [0-9,]+ bytes must be a checksum", body[begin:-1] + b"!")
    refused("part message: must be [0-9,]+ bytes of weights and more, not 5,000", bytes(5000))
    refused("parts: must be the 474 bytes and more of the configuration's", bytes(9))
    refused("parts: must be the 262,570 bytes and more", n_heads=1 << 14)
    refused("bits back: .*; give the configuration the file was written with", n_heads=2)
    plain = header_of(data)
    plain["method"] = "plain"
    assert_matches(refusal(forge(data, plain)), "parts: must|part embedding: must be 2,928 bytes")
    plain["method"], plain["parts"][1]["name"] = "bits_back", "blocks"
    assert_matches(refusal(forge(data, plain)), "part blocks: must be 0 bytes of weights, not ")


def test_headers_that_are_no_headers(archive: bytes) -> None:
    deep = b"[" * 30_000 + b"]" * 30_000
    in_key = json.dumps(header_of(archive)).encode()
    in_key = in_key.replace(b'"plain"', b'{"a":' * 9_000 + b"1" + b"}" * 9_000)
    for written, message in (
        (b"", "header, Input data was truncated"),
        (b"{", "header, Input data was truncated"),
        (b"[]", "header, "),
        (b"null", "header, "),
        (b'"\xff\xfe"', "header, "),
        (b'{"method":"\\ud800"}', "header, "),
        (deep, "header, "),
        (in_key, "header, "),
    ):
        assert_matches(refusal(forge(archive, written)), message)
    assert_matches(
        refusal(forge(archive, b" " * 70_000 + b"{}")),
        "header must be at most .* bytes long, not 70,002; copy the file again",
    )
    for length in (1 << 16, (1 << 32) - 1):
        assert_matches(refusal(forge(archive, length=length)), "header must be at most ")


def test_files_that_are_no_archives(archive: bytes, tmp_path: Path) -> None:
    assert_matches(refusal(b""), "must be at least 48 bytes long, not 0; copy the file again")
    assert_matches(
        refusal(b"\x89PNG\r\n\x1a\n" + archive[8:]),
        r"must begin with b'LUTLOOM\\n', not b'\\x89PNG.*; give a file that 'lutloom language",
    )
    for version in (1, 3):
        assert_matches(
            refusal(forge(archive, version=version)),
            f"must be of version 2, not {version}; use the Lutloom version that wrote it",
        )
    assert_matches(
        refusal(flipped(archive, len(archive) - 1, 0)),
        "must have the SHA-256 that stands at its end, not [0-9a-f]{16}...; copy the file again",
    )
    with pytest.raises(InvalidFileError, match="there is no such file"):
        read_archive(tmp_path / "none.llm")
    path = tmp_path / "cut.llm"
    path.write_bytes(archive[:-1])
    with pytest.raises(InvalidFileError, match=rf"^{path}: must have the SHA-256"):
        read_archive(path)


def test_a_decompression_bomb_stops(archive: bytes) -> None:
    """64 MiB of zeros in some 10 kB: neither where it is declared nor where it is not."""
    raw_bytes = 1 << 26
    bomb = Xz().compress([bytes(raw_bytes)])
    assert len(bomb) < 20_000
    text = body_of(archive)[: header_of(archive)["parts"][0]["stored_bytes"]]
    text = Xz().compress([text])
    for declared, message in (
        (raw_bytes, r"part embedding: must become at most .* bytes from .*, not 67,108,864"),
        (61 * 24 * 2, r"part embedding: must be LZMA2 data of exactly 2,928 bytes"),
    ):
        header = header_of(archive)
        header["compression"] = "xz"
        header["parts"][0]["stored_bytes"] = len(text)
        header["parts"][1].update(stored_bytes=len(bomb), raw_bytes=declared)
        blocks = Xz().compress([body_of(archive)[-header["parts"][2]["raw_bytes"] :]])
        header["parts"][2]["stored_bytes"] = len(blocks)
        forged = forge(archive, header, text + bomb + blocks)
        tracemalloc.start()
        try:
            line = refusal(forged)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert_matches(line, message)
        assert peak < 1_000_000


def embedding_of(stored: bytes, tokenizer: Tokenizer) -> bytes:
    """An archive with exponents coded, and these bytes for its embedding."""
    data, _ = pack_model(make_transformer(), tokenizer, method="plain", compression="exponent")
    header, body = header_of(data), body_of(data)
    begin = header["parts"][0]["stored_bytes"]
    end = begin + header["parts"][1]["stored_bytes"]
    header["parts"][1]["stored_bytes"] = len(stored)
    return forge(data, header, body[:begin] + stored + body[end:])


def test_coded_exponents_that_are_not(tokenizer: Tokenizer) -> None:
    words = make_transformer().embedding.weight.detach().numpy().astype("<f2")
    n = words.size
    good = compress_exponents([words.tobytes()])
    unpack_model(embedding_of(good, tokenizer))
    first, count = good[:2]
    table = 2 + 2 * count
    kept = table + n + 3 * n // 8

    def refused(stored: bytes, message: str) -> None:
        assert_matches(refusal(embedding_of(stored, tokenizer)), f"part embedding: {message}")

    refused(good[:kept], "must have the frequencies of the exponents it codes, not others")
    refused(good[: kept - 4], "must be tables, planes and coded exponents for 2,928 bytes of")
    refused(good + b"\1", "must be tables, planes and coded exponents for 2,928 bytes of numbers")
    refused(good + b"\0\0\0\0", "must be whole coded exponents, but is damaged")
    refused(good + b"\1\0\0\0", "must be coded exponents of 1,464 numbers, not of others")
    for shares in (b"\0\0" * count, b"\xff\xff" * count):
        refused(good[:2] + shares + good[table:], "must have exponent frequencies of 32768 togeth")
    refused(good[:1500] + good[1504:], "must ")
    for some in (bytes((32, 1)), bytes((255, 255)), bytes((first, 0)), bytes((first, 33 - first))):
        refused(
            some + good[2:],
            f"must have frequencies of exponents from 0 to 31, not of {some[1]} from {some[0]} on",
        )
    wide = bytes((first, count + 1)) + good[2:table] + bytes(2) + good[table:]
    refused(wide, "must have no frequency of 0 at either end of a table")
    infinite = words.copy()
    infinite[0, 0] = np.inf
    line = refusal(embedding_of(compress_exponents([infinite.tobytes()]), tokenizer))
    assert_matches(line, "tensor embedding.weight: numbers must be finite, but some are not")


def test_tables_of_exponents_are_one_a_tensor() -> None:
    rng = np.random.default_rng(0)
    raw = [rng.normal(size=n).astype("<f2").tobytes() for n in (40, 8)]
    stored = compress_exponents(raw)
    assert decompress_exponents(stored, [80, 16]) == b"".join(raw)
    for lengths in ([96], [16, 80], [80, 8, 8], [80], [80, 16, 2], [80, 15], []):
        with pytest.raises(InvalidFileError, match=r"^must (have|be) "):
            decompress_exponents(stored, lengths)
    second = 2 + 2 * stored[1]
    for end, n_whole in ((0, 0), (1, 0), (2, 0), (second - 1, 0), (second, 1), (second + 3, 1)):
        with pytest.raises(
            InvalidFileError, match=rf"^must have 2 tables of frequencies, not {n_whole}$"
        ):
            decompress_exponents(stored[:end], [80, 16])


def test_planes_end_in_zeros(text: str) -> None:
    model = make_transformer(vocabulary=9, width=3, n_blocks=0)  # 27 numbers, 5 bits over
    small = train_tokenizer(text, 257)
    data, _ = pack_model(model, small, method="plain", compression="exponent")
    header, body = header_of(data), body_of(data)
    begin = header["parts"][0]["stored_bytes"]
    at = begin + 2 + 2 * body[begin + 1] + 27 + 3
    forged = forge(data, header, body[:at] + bytes([body[at] | 1]) + body[at + 1 :])
    assert_matches(refusal(forged), "part embedding: must have zeros after the last bit of each")


def test_tokenizers_that_are_not(archive: bytes) -> None:
    header, body = header_of(archive), body_of(archive)
    rest = body[header["parts"][0]["stored_bytes"] :]
    for text, message in (
        (b"{}", "part tokenizer: must hold a tokenizer, but "),
        (b"\xff" * 9, "part tokenizer: must be UTF-8, but is not"),
        (b"[" * 100_000, "part tokenizer: must hold a tokenizer, but "),
    ):
        header["parts"][0].update(stored_bytes=len(text), raw_bytes=len(text))
        assert_matches(refusal(forge(archive, header, text + rest)), message)


def test_xz_data_that_is_not(archive: bytes) -> None:
    xz = Xz()
    stored = xz.compress([bytes(range(256))])
    for some in (stored[:-1], stored + b"\0", b"", b"\0", bytes(9), lzma.compress(b"x" * 256)):
        with pytest.raises(InvalidFileError, match=r"^must be (LZMA2 data of|whole LZMA2)"):
            xz.decompress(some, [256])
    with pytest.raises(InvalidFileError, match="exactly 255 bytes"):
        xz.decompress(stored, [255])
