"""A transformer in one safetensors file: weights, configuration and tokenizer; no code.

Example
-------
>>> write_transformer(model, tokenizer, "build/tiny.safetensors")    # doctest: +SKIP
>>> model, tokenizer = read_transformer("build/tiny.safetensors")    # doctest: +SKIP
"""

from __future__ import annotations

import math
import os

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from lutloom.errors import InvalidFileError
from lutloom.files.atomic import write_bytes
from lutloom.files.bounded import check_file
from lutloom.language.tokenizer import Tokenizer, parse_tokenizer
from lutloom.language.transformer import Transformer, TransformerConfig
from lutloom.schema import SchemaError, convert

FILE_BYTES_MAX = 8 << 30
"""Largest model file that is read."""

MASKED_CONTEXT_MAX = 4096
"""Longest context of a model with a pattern other than causal that is read."""

_FORMAT = "lutloom transformer 1"
_KEY = "lutloom"
"""The header's only entry: the library writes several in an order that changes from run to run."""


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    config: TransformerConfig
    tokenizer: str


def write_transformer(
    model: Transformer, tokenizer: Tokenizer, path: str | os.PathLike[str]
) -> None:
    """Write a model; the same model gives the same bytes.

    Parameters
    ----------
    model : Transformer
    tokenizer : Tokenizer
    path : path

    Raises
    ------
    InvalidFileError
        If the system refuses; nothing is changed.
    """
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    header = _Header(_FORMAT, model.config, tokenizer.to_json())
    written = msgspec.json.encode(header, order="sorted").decode()
    write_bytes(path, save(tensors, {_KEY: written}))


def read_transformer(path: str | os.PathLike[str]) -> tuple[Transformer, Tokenizer]:
    """Read a model.

    Parameters
    ----------
    path : path

    Returns
    -------
    Transformer, Tokenizer

    Raises
    ------
    InvalidFileError
        If the file is missing, malformed, or its tensors are not those of its configuration.
    """
    checked = check_file(path, FILE_BYTES_MAX)
    try:
        with safe_open(checked, framework="pt") as file:
            header = _read_header(path, file.metadata() or {}, checked.stat().st_size)
            wanted = tensor_shapes(header.config)
            names = list(file.keys())
            there = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            if wanted != there:
                raise InvalidFileError(f"{path}: {_difference(wanted, there)}; train it again")
            tensors = {name: file.get_tensor(name).to(torch.float32) for name in wanted}
    except SafetensorError as error:
        raise InvalidFileError(
            f"{path}: must be a whole safetensors file, but {error}; train the model again"
        ) from error
    tokenizer = parse_tokenizer(header.tokenizer, str(path))
    return build_transformer(header.config, tensors), tokenizer


def build_transformer(config: TransformerConfig, tensors: dict[str, torch.Tensor]) -> Transformer:
    """Make a model of given weights, without drawing any.

    Parameters
    ----------
    config : TransformerConfig
    tensors : dict of str to Tensor
        Exactly those of ``Transformer(config).state_dict()``.

    Returns
    -------
    Transformer
    """
    with torch.random.fork_rng(devices=[]):  # the draw is thrown away; leave the generator alone
        model = Transformer(config)
    model.load_state_dict(tensors)
    return model.eval()


def tensor_shapes(config: TransformerConfig) -> dict[str, tuple[int, ...]]:
    """Give the shape of every tensor of a configuration, without making one.

    Parameters
    ----------
    config : TransformerConfig

    Returns
    -------
    dict of str to tuple of int
    """
    # No tensor depends on the context, but masks and rotations do, and are not made on "meta".
    short = msgspec.structs.replace(config, context=1, pattern="causal")
    with torch.device("meta"):
        model = Transformer(short)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def least_weights(config: TransformerConfig) -> int:
    """Give a number of weights that no model of a configuration has fewer than, without making one.

    Parameters
    ----------
    config : TransformerConfig

    Returns
    -------
    int
    """
    heads = 2 * (config.n_heads + config.kv_heads) * config.head_size
    return config.vocabulary * config.width + config.n_blocks * (heads + 3 * config.hidden)


def _read_header(
    path: str | os.PathLike[str], metadata: dict[str, str], size_bytes: int
) -> _Header:
    try:
        raw = msgspec.json.decode(metadata.get(_KEY, "{}"))
        came = raw.get("format") if isinstance(raw, dict) else None
        if came != _FORMAT:
            raise InvalidFileError(
                f"{path}: must be of format {_FORMAT!r}, not {came!r}; give a file that "
                "'lutloom language train' wrote"
            )
        header = convert(raw, _Header)
    except (msgspec.DecodeError, SchemaError, RecursionError) as error:
        raise InvalidFileError(f"{path}: header, {error}; train the model again") from error
    # Before anything is allocated: a small file cannot ask for a large mask, or hold a large model.
    config = header.config
    if config.pattern != "causal" and config.context > MASKED_CONTEXT_MAX:
        raise InvalidFileError(
            f"{path}: context must be at most {MASKED_CONTEXT_MAX} with the pattern "
            f"{config.pattern!r}, whose mask is kept, not {config.context}; train the model again"
        )
    least = least_weights(config)
    if least > size_bytes:
        raise InvalidFileError(
            f"{path}: must hold the {least:,} and more weights of its configuration, but is "
            f"{size_bytes:,} bytes long; copy it again"
        )
    return header


def _difference(wanted: dict[str, tuple[int, ...]], there: dict[str, tuple[int, ...]]) -> str:
    for name, shape in wanted.items():
        if name not in there:
            return f"tensor {name} must be there, but is not"
        if there[name] != shape:
            return f"tensor {name} must be {list(shape)}, not {list(there[name])}"
    surplus = sorted(set(there) - set(wanted))[0]
    return f"tensor {surplus} ({math.prod(there[surplus]):,} numbers) must not be there"
