from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_transformer import make_tokens, make_transformer

from lutloom.errors import InvalidFileError
from lutloom.language.model_file import read_transformer, write_transformer
from lutloom.language.tokenizer import Tokenizer


@pytest.mark.parametrize("changes", [{}, {"tied": False}, {"node_widths": (20,) * 7}])
def test_a_model_survives_its_file(
    tmp_path: Path, tokenizer: Tokenizer, changes: dict[str, object]
) -> None:
    model, path = make_transformer(**changes), tmp_path / "m.safetensors"
    write_transformer(model, tokenizer, path)
    random_state = torch.get_rng_state()
    again, its_tokenizer = read_transformer(path)
    assert torch.equal(torch.get_rng_state(), random_state)
    tokens = torch.from_numpy(make_tokens(16))[None]
    assert again.config == model.config
    assert torch.equal(again(tokens), model(tokens))
    assert its_tokenizer.to_json() == tokenizer.to_json()
    first = path.read_bytes()
    write_transformer(again, its_tokenizer, path)
    assert path.read_bytes() == first


def test_what_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path = tmp_path / "m.safetensors"
    write_transformer(make_transformer(), tokenizer, path)
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["lutloom"])
    config = header["config"]

    def refused(message: str, tensors: dict[str, torch.Tensor], **changes: Any) -> None:
        save_file(tensors, path, {"lutloom": json.dumps({**header, **changes})})
        with pytest.raises(InvalidFileError, match=message):
            read_transformer(path)

    name = "final_norm.gain"
    rest = {key: tensor for key, tensor in tensors.items() if key != name}
    refused("gain must be there", rest)
    refused(r"gain must be \[24\], not \[5\]", {**rest, name: torch.ones(5)})
    refused(r"tensor more \(3 numbers\) must not", {**tensors, "more": torch.ones(3)})
    refused("must be of format", tensors, format="another 1")
    refused("header, config lacks the key", tensors, config={})
    refused(
        "header, config: n_heads must be a multiple", tensors, config={**config, "n_kv_heads": 2}
    )
    large = {**config, "vocabulary": 1_000_000}
    refused("and more weights of its configuration", tensors, config=large)
    masked = {**config, "context": 65_536, "pattern": "local"}
    refused("context must be at most 4096 with the pattern 'local'", tensors, config=masked)
    refused("must hold a tokenizer", tensors, tokenizer="{}")
    for damaged in ("{", "[" * 10_000):
        save_file(tensors, path, {"lutloom": damaged})
        with pytest.raises(InvalidFileError, match="header, "):
            read_transformer(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InvalidFileError, match="whole safetensors file"):
        read_transformer(path)
    with pytest.raises(InvalidFileError, match="there is no such file"):
        read_transformer(tmp_path / "none")
