"""Bits of many images as tensors of words: image ``i`` is bit ``i % 64`` of word ``i // 64``."""

from __future__ import annotations

import torch
from torch import Tensor

WORD_BITS = 64
"""Images in one word."""
_LANES = 255
"""Most votes that a byte lane of a word can count."""


def pack_bits(bits: Tensor) -> Tensor:
    """Pack zeros and ones of many images into words.

    Parameters
    ----------
    bits : uint8[n_signals, n_images]
        ``n_images`` is a multiple of 64.

    Returns
    -------
    int64[n_signals, n_images / 64]
    """
    weights = torch.tensor([1 << i for i in range(8)], dtype=torch.uint8, device=bits.device)
    by_byte = bits.view(bits.shape[0], -1, 8) * weights
    return by_byte.sum(-1, dtype=torch.uint8).view(torch.int64)


def take_images(words: Tensor, images: Tensor) -> Tensor:
    """Read the bits of chosen images, group by group.

    Parameters
    ----------
    words : int64[n_groups, n_signals, n_words]
    images : int64[n_groups, n_chosen]

    Returns
    -------
    uint8[n_groups, n_signals, n_chosen]
    """
    octets = words.view(torch.uint8)
    n_groups, n_signals, _ = octets.shape
    at = (images >> 3)[:, None, :].expand(n_groups, n_signals, images.shape[1])
    place = (images & 7).to(torch.uint8)[:, None, :]
    return (octets.gather(2, at) >> place) & 1


def look_up(words: Tensor, fan_in: Tensor, masks: Tensor) -> Tensor:
    """Evaluate truth tables on 64 images a word, by halving the table with each input.

    Parameters
    ----------
    words : int64[n_inputs, n_words]
    fan_in : int64[n_neurons, k]
    masks : int64[n_neurons, 2**k]
        All ones where the table has a one, else zero.

    Returns
    -------
    int64[n_neurons, n_words]
    """
    entries = [masks[:, a, None] for a in range(masks.shape[1])]
    for k in range(fan_in.shape[1]):
        signal = words.index_select(0, fan_in[:, k])
        entries = [
            low ^ ((low ^ high) & signal)
            for low, high in zip(entries[0::2], entries[1::2], strict=True)
        ]
    return entries[0].expand(fan_in.shape[0], words.shape[1])


def byte_lanes(device: torch.device | str) -> Tensor:
    """Give the table that spreads a byte's bits into the eight bytes of a word.

    Returns
    -------
    int64[256]
    """
    octets = torch.arange(256, device=device)[:, None] >> torch.arange(8, device=device)
    return (octets & 1).to(torch.uint8).contiguous().view(torch.int64).view(256)


def count_votes(words: Tensor, n_groups: int, lanes: Tensor) -> Tensor:
    """Count set bits by group and image.

    Parameters
    ----------
    words : int64[n_groups * n_votes, n_words]
    n_groups : int
    lanes : int64[256]
        From :func:`byte_lanes`.

    Returns
    -------
    int32[n_groups, n_words * 64]
    """
    n_words = words.shape[1]
    octets = words.contiguous().view(torch.uint8).view(n_groups, -1, n_words * 8)
    total = torch.zeros((n_groups, n_words * 64), dtype=torch.int32, device=words.device)
    for start in range(0, octets.shape[1], _LANES):
        some = octets[:, start : start + _LANES].to(torch.int64)
        total += lanes[some].sum(1).view(torch.uint8).to(torch.int32)
    return total
