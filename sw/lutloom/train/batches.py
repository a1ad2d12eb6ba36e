"""Training images batch by batch: shuffled, shifted, encoded, packed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from lutloom.models import VotingClassifier
from lutloom.models.bits import WORD_BITS, pack_bits


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold some images as bits and as words, with their labels.

    Parameters
    ----------
    bits : uint8[n_bits, n_images]
    words : int64[n_bits, n_images / 64]
    labels : int64[n_images]
    """

    bits: Tensor
    words: Tensor
    labels: Tensor


def shift_images(images: Tensor, pixels: int, generator: Generator) -> Tensor:
    """Move each image by up to ``pixels`` each way, filling with black.

    Parameters
    ----------
    images : uint8[n, height, width]
    pixels : int
    generator : Generator

    Returns
    -------
    uint8[n, height, width]
    """
    if not pixels:
        return images
    _, height, width = images.shape
    side = 2 * pixels + 1
    padded = torch.nn.functional.pad(images, (pixels,) * 4)
    choice = torch.randint(0, side * side, (len(images),), generator=generator)
    shifted = torch.empty_like(images)
    for step in range(side * side):
        chosen = (choice == step).nonzero()[:, 0].to(images.device)
        top, left = divmod(step, side)
        shifted[chosen] = padded[chosen, top : top + height, left : left + width]
    return shifted


def epoch_batches(
    model: VotingClassifier,
    images: Tensor,
    labels: Tensor,
    batch: int,
    shift_pixels: int,
    generator: Generator,
) -> Iterator[Batch]:
    """Go through the training images once, in random order.

    Images that do not fill a word of 64 are left for another epoch.

    Parameters
    ----------
    model : VotingClassifier
        Its encoder is used.
    images : uint8[n, height, width]
    labels : int64[n]
    batch : int
        Images of a batch, a multiple of 64.
    shift_pixels : int
    generator : Generator

    Yields
    ------
    Batch
    """
    order = torch.randperm(len(images), generator=generator)
    order = order[: len(order) - len(order) % WORD_BITS].to(images.device)
    for start in range(0, order.numel(), batch):
        some = order[start : start + batch]
        bits = model.encode(shift_images(images[some], shift_pixels, generator))
        yield Batch(bits, pack_bits(bits), labels[some])
