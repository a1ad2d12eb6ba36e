"""Mutated files: refused in one clear line, or read as exactly what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lutloom.errors import InvalidFileError
from lutloom.files.model_state import LayerState, ModelState, model_digest, read_model, write_model
from lutloom.files.network_onnx import read_network, write_network
from lutloom.ir import ThermometerEncoder, network_digest
from lutloom.lower.random_network import random_network

MUTANTS = 500


def write_state(path: Path) -> str:
    rng = np.random.default_rng(12)
    layers = (
        LayerState("table", rng.integers(0, 16, (6, 3)), rng.normal(size=(6, 8))),
        LayerState(
            "activation_first",
            rng.integers(0, 6, (4, 2)),
            weight=rng.random((4, 2)),
            polarity_in=rng.choice([-1, 1], (4, 2)),
            threshold=rng.normal(size=4),
        ),
    )
    encoder = ThermometerEncoder(4, 4, np.array([100], np.uint8))
    state = ModelState(encoder, 2, layers, {"seed": "12"})
    write_model(state, path)
    return model_digest(state)


def write_onnx(path: Path) -> str:
    network = random_network(13, (6, 4), n_classes=2, image=(3, 3), thresholds=(90,), waste=0.4)
    write_network(network, path)
    return network_digest(network)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    at, other = (int(i) for i in np.sort(rng.integers(0, len(data), 2)))
    span = data[at : min(other, at + 40)]
    if rng.random() < 0.3:  # where headers and names are
        at = int(rng.integers(0, min(64, len(data))))
    kinds: list[Callable[[], bytes]] = [
        lambda: data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :],
        lambda: data[:at] + rng.bytes(1) + data[at + 1 :],
        lambda: data[:at],
        lambda: data[:at] + data[at + len(span) :],
        lambda: data[:at] + span + data[at:],
        lambda: data[:at] + rng.bytes(len(span)) + data[at + len(span) :],
        lambda: data[:at] + bytes(len(span)) + data[at + len(span) :],
        lambda: data[:at] + b"\xff" * 9 + data[at + 9 :],
        lambda: data + rng.bytes(int(rng.integers(1, 40))),
    ]
    return kinds[int(rng.integers(len(kinds)))]()


@pytest.mark.parametrize(
    ("write", "read", "name"),
    [(write_state, read_model, model_digest), (write_onnx, read_network, network_digest)],
    ids=["safetensors", "onnx"],
)
def test_mutated_files_are_refused_or_equal(
    write: Callable[[Path], str],
    read: Callable[[Path], Any],
    name: Callable[[Any], str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    digest = write(path)
    valid = path.read_bytes()
    refused = 0
    for seed in range(MUTANTS):
        path.write_bytes(mutate(valid, np.random.default_rng(seed)))
        try:
            held = read(path)
        except InvalidFileError as error:
            refused += 1
            message = str(error)
            assert message.startswith(f"{path}: "), f"seed {seed}"
            assert "\n" not in message, f"seed {seed}"
            assert len(message) < 600, f"seed {seed}"
        else:
            assert name(held) == digest, f"seed {seed}"
    assert refused > MUTANTS * 0.8
    path.write_bytes(valid)
    assert name(read(path)) == digest
