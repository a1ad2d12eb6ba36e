from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from archived_models import body_of, header_of, make_sliced, words_of
from hypothesis import given, settings
from hypothesis import strategies as st
from small_transformer import make_tokens, make_transformer

from lutloom.errors import InvalidNetworkError, InvalidRecipeError
from lutloom.language.archive import Compression, Method, pack_model, parts_of, unpack_model
from lutloom.language.archive.coding import CODINGS
from lutloom.language.archive.exponents import compress_exponents, decompress_exponents
from lutloom.language.archive.methods import Words, widen
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer

COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
GAUGES: tuple[Method, ...] = ("triangular", "symmetric")

MODELS: dict[str, dict[str, Any]] = {
    "tied": {},
    "untied": {"tied": False, "n_kv_heads": 1},
    "no blocks": {"n_blocks": 0},
    "sparse attention": {"pattern": "local", "stride": 4, "rope_base": 0.0},
    "sliced": {"node_widths": (20, 16, 18, 12, 15, 9, 9)},
    "sliced, no blocks": {"n_blocks": 0, "node_widths": (8,)},
}


def check_words(model: Transformer, unpacked: Transformer) -> None:
    """Every weight is the one that numpy rounds to, and nothing is missing."""
    held, wanted = unpacked.state_dict(), model.state_dict()
    assert held.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert held[name].dtype == torch.float32
        assert words_of(held[name]) == words_of(tensor), name


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", MODELS)
def test_plain_keeps_every_weight_as_fp16(
    tokenizer: Tokenizer, name: str, compression: Compression
) -> None:
    model = make_transformer(**MODELS[name])
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    data, report = pack_model(model, tokenizer, method="plain", compression=compression)
    unpacked, its_tokenizer = unpack_model(data)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert unpacked.config == model.config
    assert its_tokenizer.to_json() == tokenizer.to_json()
    check_words(model, unpacked)
    again, _ = pack_model(unpacked, its_tokenizer, method="plain", compression=compression)
    assert again == data
    assert report.total == len(data) == sum(parts_of(report).values())
    assert report.plain_fp16_bytes == 2 * sum(p.numel() for p in model.parameters())
    if compression == "none":
        assert report.weights == report.plain_fp16_bytes
        assert report.saving == 0


def test_a_lost_bit_of_a_mantissa_is_seen(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(name: str, words: Words) -> torch.Tensor:
        return widen(name, words & np.uint16(0xFFFE))

    monkeypatch.setattr("lutloom.language.archive.methods.widen", lossy)
    model = make_transformer()
    data, _ = pack_model(model, tokenizer, method="plain", compression="exponent")
    with pytest.raises(AssertionError, match=r"embedding\.weight"):
        check_words(model, unpack_model(data)[0])


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("method", GAUGES)
def test_a_gauge_keeps_the_function_and_leaves_out_what_follows(
    tokenizer: Tokenizer, method: Method, compression: Compression
) -> None:
    model = make_sliced()
    data, report = pack_model(model, tokenizer, method=method, compression=compression)
    unpacked, _ = unpack_model(data)
    tokens = torch.from_numpy(make_tokens(16))[None]
    plain, _ = unpack_model(pack_model(model, tokenizer, method="plain", compression="none")[0])
    with torch.inference_mode():
        exact = model(tokens)
        error, rounding = ((m(tokens) - exact).abs().max() for m in (unpacked, plain))
    assert 0 < rounding < 0.02 * exact.std()
    assert error < 4 * rounding
    # Below the diagonals nothing is stored, counted one by one.
    shapes = [t.shape for name, t in model.state_dict().items() if is_shortcut(name)]
    into = [shape for shape in shapes if shape[0] != 24]  # all but the exit
    below = sum(i > j for rows, columns in into for i in range(rows) for j in range(columns))
    raw = {part["name"]: part["raw_bytes"] for part in header_of(data)["parts"]}
    assert raw["shortcuts"] == 2 * (sum(math.prod(shape) for shape in shapes) - below)
    if compression == "none":
        assert report.plain_fp16_bytes - report.weights == 2 * below
    for name, tensor in unpacked.state_dict().items():
        if is_shortcut(name) and name != "exit.weight":
            square = tensor[: min(tensor.shape), : min(tensor.shape)]
            wanted = square.T if method == "symmetric" else torch.zeros_like(square)
            assert torch.equal(torch.tril(square, -1), torch.tril(wanted, -1)), name


def is_shortcut(name: str) -> bool:
    return "shortcut" in name or name in ("entry.weight", "exit.weight")


def test_a_model_in_another_gauge_would_be_seen(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lutloom.language.archive.methods.to_gauge", lambda model, _: model)
    with pytest.raises(InvalidNetworkError, match=r"shortcut.weight: must be triangular"):
        pack_model(make_sliced(), tokenizer, method="triangular", compression="none")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", GAUGES)
def test_a_gauge_is_left_as_it_is(tokenizer: Tokenizer, method: Method, seed: int) -> None:
    data, _ = pack_model(make_sliced(seed), tokenizer, method=method, compression="none")
    again, _ = pack_model(unpack_model(data)[0], tokenizer, method=method, compression="none")
    assert again == data


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_bits_back_keeps_the_function_and_every_bit_of_the_embedding(
    tokenizer: Tokenizer, compression: Compression
) -> None:
    model = make_sliced()
    data, report = pack_model(model, tokenizer, method="bits_back", compression=compression)
    unpacked, its_tokenizer = unpack_model(data)
    tokens = torch.from_numpy(make_tokens(16))[None]
    plain, _ = unpack_model(pack_model(model, tokenizer, method="plain", compression="none")[0])
    with torch.inference_mode():
        exact = model(tokens)
        error, rounding = ((m(tokens) - exact).abs().max() for m in (unpacked, plain))
    assert error < 4 * rounding
    assert unpacked.config == model.config
    assert its_tokenizer.to_json() == tokenizer.to_json()
    assert words_of(unpacked.embedding.weight) == words_of(model.embedding.weight)
    assert [part["name"] for part in header_of(data)["parts"]] == ["tokenizer", "message"]
    assert report.total == len(data) == sum(parts_of(report).values())
    assert report.weights == report.message
    assert (carried := report.rotations) is not None
    assert carried.coded_bits == 8 * report.message
    assert 0 < carried.correction_bits < carried.popped_bits
    if compression == "exponent":
        whole, _ = pack_model(model, tokenizer, method="bits_back", compression="xz")
        assert len(data) < len(whole) - 0.05 * report.message
    else:
        assert report.plain_fp16_bytes - report.weights == carried.saved_bits / 8 > 0


def test_the_same_bytes_in_another_process(tokenizer: Tokenizer) -> None:
    program = (
        "import hashlib, sys\n"
        "from archived_models import make_sliced\n"
        "from lutloom.language.archive import pack_model\n"
        "from lutloom.language.tokenizer import parse_tokenizer\n"
        "tokenizer = parse_tokenizer(sys.stdin.read(), 'stdin')\n"
        "for method, compression in (('plain', 'xz'), ('symmetric', 'exponent')):\n"
        "    data, _ = pack_model(\n"
        "        make_sliced(), tokenizer, method=method, compression=compression)\n"
        "    sys.stdout.write(hashlib.sha256(data).hexdigest() + '\\n')\n"
    )
    here = []
    pairs: tuple[tuple[Method, Compression], ...] = (("plain", "xz"), ("symmetric", "exponent"))
    for method, compression in pairs:
        data, _ = pack_model(make_sliced(), tokenizer, method=method, compression=compression)
        here.append(hashlib.sha256(data).hexdigest())
    helpers = Path(__file__).parents[2] / "helpers"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=tokenizer.to_json(),
        env={**os.environ, "PYTHONPATH": str(helpers), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == here


def test_the_layout_is_the_documented_one(tokenizer: Tokenizer) -> None:
    model = make_transformer()
    data, report = pack_model(model, tokenizer, method="plain", compression="none")
    assert data[:8] == b"LUTLOOM\n"
    assert int.from_bytes(data[8:12], "little") == 2
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()
    header = header_of(data)
    assert list(header) == ["compression", "config", "method", "parts"]
    names = [part["name"] for part in header["parts"]]
    assert names == ["tokenizer", "embedding", "blocks"]
    body = body_of(data)
    text = tokenizer.to_json().encode()
    assert body.startswith(text)
    words = np.frombuffer(body, "<f2", offset=len(text))
    wanted = np.concatenate([t.numpy().astype("<f2").ravel() for t in model.state_dict().values()])
    assert words.tobytes() == wanted.tobytes()
    assert report.header == 16 + int.from_bytes(data[12:16], "little") + 32


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.integers(0, 0xFFFF), max_size=40), max_size=4))
def test_any_words_survive_exponent_coding(tensors: list[list[int]]) -> None:
    raw = [np.array(words, "<u2").tobytes() for words in tensors]
    stored = compress_exponents(raw)
    assert decompress_exponents(stored, [len(tensor) for tensor in raw]) == b"".join(raw)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 9))
def test_any_bytes_survive_xz(some: bytes, times: int) -> None:
    xz = CODINGS["xz"]
    assert xz.decompress(xz.compress([some] * times), [len(some)] * times) == some * times


def test_exponents_cost_each_tensors_entropy_and_the_planes_are_readable() -> None:
    rng = np.random.default_rng(0)
    sizes, deviations = (20_001, 12_000, 1), (0.02, 0.5, 1.0)
    halves = [rng.normal(0, d, n).astype("<f2") for n, d in zip(sizes, deviations, strict=True)]
    stored = compress_exponents([tensor.tobytes() for tensor in halves])
    begin, entropy_bits = 0, 0.0
    for tensor in halves:
        counts = [0] * 32
        for word in tensor.view("<u2").tolist():
            counts[word >> 10 & 31] += 1
        entropy_bits -= sum(c * math.log2(c / tensor.size) for c in counts if c)
        first, n_shares = stored[begin], stored[begin + 1]
        table = [
            int.from_bytes(stored[at : at + 2], "little")
            for at in range(begin + 2, begin + 2 + 2 * n_shares, 2)
        ]
        assert sum(table) == 1 << 15
        shares = [0] * first + table + [0] * (32 - first - n_shares)
        assert [bool(share) for share in shares] == [bool(count) for count in counts]
        begin += 2 + 2 * n_shares
    words = np.concatenate(halves).view("<u2")
    plane = -(-words.size // 8)
    coded_bytes = len(stored) - begin - words.size - 3 * plane
    assert entropy_bits / 8 <= coded_bytes < 1.002 * entropy_bits / 8 + 8
    for i in (0, 1, 7, 8, 9_999, 20_001, 32_001):
        word = int(words[i])
        assert stored[begin + i] == word & 255
        for index, bit in enumerate((8, 9, 15)):
            byte = stored[begin + words.size + index * plane + i // 8]
            assert byte >> (7 - i % 8) & 1 == word >> bit & 1


def test_tensors_of_different_scales_cost_less_apart_than_together() -> None:
    rng = np.random.default_rng(1)
    raw = [rng.normal(0, d, 5000).astype("<f2").tobytes() for d in (0.02, 1.0)]
    assert len(compress_exponents(raw)) < len(compress_exponents([b"".join(raw)])) - 500


def test_a_rare_exponent_keeps_a_share() -> None:
    words = np.full(300_000, 1.0, "<f2")
    words[123] = 2.0**-14
    raw = words.tobytes()
    assert decompress_exponents(compress_exponents([raw]), [len(raw)]) == raw


def change(model: Transformer, name: str, value: float) -> Transformer:
    with torch.no_grad():
        model.state_dict()[name].view(-1)[3] = value
    return model


def test_what_is_not_packed(tokenizer: Tokenizer) -> None:
    def refused(
        message: str, model: Transformer, method: Any = "plain", compression: Any = "none"
    ) -> None:
        with pytest.raises((InvalidNetworkError, InvalidRecipeError), match=message) as caught:
            pack_model(model, tokenizer, method=method, compression=compression)
        assert "\n" not in str(caught.value)

    name = "blocks.0.mlp.up.weight"
    large = change(make_transformer(), name, 65_520.0)
    refused(rf"tensor {name}: numbers must be within fp16's 65,504, but some are not", large)
    for value in (math.nan, math.inf):
        for method in ("plain", "symmetric"):
            broken = change(make_sliced(), name, value)
            refused(rf"tensor {name}: numbers must be finite, but some are not", broken, method)
    for method in get_args(Method)[1:]:
        refused(
            f"method {method}: the model must be sliced, but is not", make_transformer(), method
        )
    refused("archive, method: must be one of plain, .*, not 'zip'", make_transformer(), "zip")
    refused("archive, compression: must be .*, not 'zip'", make_transformer(), "plain", "zip")
    empty = make_transformer()
    with torch.no_grad():
        for parameter in empty.parameters():
            parameter.zero_()
    refused("part embedding: must not compress to .* which no reader accepts", empty, "plain", "xz")
    long = make_transformer(context=4097, pattern="local", rope_base=0.0)
    refused("config: context must be at most 4,096 where the pattern is local, not 4,097", long)
    long = make_transformer(context=1 << 15, head_size=256)
    refused("config: context x head_size must be at most 4,194,304, not 8,388,608", long)
