"""Transformers with blocks that do nothing or little, a naive search, deep table networks."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from small_transformer import make_tokens, make_transformer

from lutloom.ir import FAN_IN_MAX, UNUSED, LutLayer, Network, verify
from lutloom.language.block_elimination.calibration import TOKENS_AT_ONCE
from lutloom.language.transformer import Transformer
from lutloom.lower.random_network import random_network


def make_deep(
    n_blocks: int = 7,
    seed: int = 0,
    idle: Sequence[int] = (),
    strongest: float = 0.5,
    **changes: object,
) -> Transformer:
    """A random model whose blocks write by very different amounts; idle ones write nothing."""
    model = make_transformer(seed, n_blocks=n_blocks, **changes)
    strength = np.random.default_rng(seed).uniform(0.1 * strongest, strongest, n_blocks)
    with torch.no_grad():
        for index in range(n_blocks):
            block: Any = model.blocks[index]
            factor = 0.0 if index in idle else float(strength[index])
            block.attention.output.weight.mul_(factor)
            block.mlp.down.weight.mul_(factor)
    return model


def make_windows(n: int = 12, length: int = 17, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(make_tokens(n * length, seed=seed).reshape(n, length))


def likely_windows(
    model: Transformer, n: int = 12, length: int = 17, seed: int = 1
) -> torch.Tensor:
    """Windows the model itself goes on to write, so that what it lacks costs something."""
    windows = torch.from_numpy(make_tokens(2 * n, seed=seed).reshape(n, 2))
    with torch.inference_mode():
        while windows.shape[1] < length:
            following = model(windows)[:, -1].argmax(-1, keepdim=True)
            windows = torch.cat([windows, following], dim=1)
    return windows


def make_cancelling(seed: int = 0) -> Transformer:
    """A model of seven blocks in which block 3 takes back what block 2 has written.

    Block 5 costs least alone, so a greedy search removes it first; but 2 and 3 together cost less
    than any other two (with most seeds: the test that needs it checks it).
    """
    model, width = make_transformer(seed, n_blocks=7), 24
    generator = torch.Generator().manual_seed(seed)
    gate, up, down = (
        torch.randn(shape, generator=generator) for shape in ((40, width), (40, width), (width, 40))
    )
    gate[:, width // 2 :] = up[:, width // 2 :] = 0.0  # what is read is not what is written
    down[: width // 2] = 0.0
    with torch.no_grad():
        for index, sign in ((2, 1.0), (3, -1.0)):
            block: Any = model.blocks[index]
            block.attention.output.weight.zero_()
            block.mlp_norm.gain.fill_(1.0)
            block.mlp.gate.weight.copy_(0.25 * gate)
            block.mlp.up.weight.copy_(0.25 * up)
            block.mlp.down.weight.copy_(sign * 0.15 * down)
        weak: Any = model.blocks[5]
        weak.attention.output.weight.mul_(0.03)
        weak.mlp.down.weight.mul_(0.03)
    return model


def rebuild(model: Transformer, alive: Sequence[int]) -> Transformer:
    """A copy of the model with only some blocks, without the code under test."""
    copied = copy.deepcopy(model)
    copied.blocks = torch.nn.ModuleList(copied.blocks[index] for index in alive)
    return copied


def naive_loss(model: Transformer, windows: torch.Tensor) -> float:
    """Run a whole model on every window, as many at a time as the code under test does."""
    total = 0.0
    at_once = max(1, TOKENS_AT_ONCE // (windows.shape[1] - 1))
    with torch.inference_mode():
        for start in range(0, len(windows), at_once):
            part = windows[start : start + at_once]
            logits = model(part[:, :-1]).flatten(0, 1)
            each = torch.nn.functional.cross_entropy(
                logits, part[:, 1:].flatten(), reduction="none"
            )
            total += float(each.double().sum())
    return total / (windows.shape[0] * (windows.shape[1] - 1))


def naive_greedy(
    model: Transformer, windows: torch.Tensor, n: int, keep_first: int = 1, keep_last: int = 1
) -> tuple[list[int], list[float]]:
    """SLEB as published: build every candidate, run it whole, drop the best."""
    alive, order, losses = list(range(len(model.blocks))), [], []
    for _ in range(n):
        best = (math.inf, -1)
        for block in alive[keep_first : len(alive) - keep_last]:
            left = [index for index in alive if index != block]
            best = min(best, (naive_loss(rebuild(model, left), windows), block))
        alive.remove(best[1])
        order.append(best[1])
        losses.append(best[0])
    return order, losses


def with_pass_through(
    network: Network, after: int, seed: int, *, inverted: bool = False
) -> Network:
    """Put a layer behind layer ``after`` whose neurons each hand on one of their four inputs.

    With ``inverted``, every other one hands on the complement, and the readers' tables are
    changed so that no answer does.
    """
    rng = np.random.default_rng(seed)
    n = network.layers[after].n_neurons
    flips = np.arange(n) % 2 == 1 if inverted else np.zeros(n, dtype=bool)
    fan_in, table = np.empty((n, 4), dtype=np.int32), np.zeros(n, dtype=np.uint64)
    for neuron in range(n):
        others = [source for source in range(n) if source != neuron]
        fan_in[neuron] = [neuron, *rng.choice(others, 3, replace=False)]
        own = int(rng.integers(4))
        fan_in[neuron, [0, own]] = fan_in[neuron, [own, 0]]
        ones = sum(1 << a for a in range(16) if (a >> own & 1) ^ int(flips[neuron]))
        table[neuron] = ones
    planted = LutLayer(fan_in, table, np.arange(n))
    layers = list(network.layers)
    layers.insert(after + 1, planted)
    if inverted:
        layers[after + 2] = _reading_flipped(layers[after + 2], flips)
    return verify(Network(network.encoder, tuple(layers), network.head))


def _reading_flipped(layer: LutLayer, flips: np.ndarray) -> LutLayer:
    tables = []
    for row, table in zip(layer.fan_in.tolist(), layer.table.tolist(), strict=True):
        used = [source for source in row if source != UNUSED]
        flip = sum(1 << k for k, source in enumerate(used) if flips[source])
        tables.append(sum(1 << a for a in range(1 << len(used)) if table >> (a ^ flip) & 1))
    return LutLayer(layer.fan_in, np.array(tables, dtype=np.uint64), layer.origin)


def deep_network(seed: int, widths: tuple[int, ...] = (40, 40, 40, 30)) -> Network:
    """A random network of small images in which every layer decides answers."""
    assert FAN_IN_MAX >= 4
    return random_network(seed, widths, n_classes=5, image=(5, 6), thresholds=(80, 160))
