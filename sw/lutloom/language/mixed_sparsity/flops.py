"""Floating-point operations of training, counted exactly, in every convention people use.

A multiply-add is two operations.  Masks are simulated by dense kernels here, so operations are not
seconds; both are reported, apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lutloom.language.masks import Pattern, mask_density
from lutloom.language.transformer import TransformerConfig


class FlopCount(msgspec.Struct, frozen=True, kw_only=True):
    """Hold operations of one pass or of a whole training.

    Members
    -------
    blocks : matrices of the blocks
    head : the head, nonzero weights only
    attention_triangle : scores and their use, of the pairs that are attended to
    attention_square : the same, where a causal pattern is computed as the whole square
    """

    blocks: float = 0.0
    head: float = 0.0
    attention_triangle: float = 0.0
    attention_square: float = 0.0

    def __add__(self, other: FlopCount) -> FlopCount:
        """Add count by count."""
        return FlopCount(**{n: getattr(self, n) + getattr(other, n) for n in _NAMES})

    def times(self, factor: float) -> FlopCount:
        """Multiply every count."""
        return FlopCount(**{n: factor * getattr(self, n) for n in _NAMES})

    def total(self, *, square: bool = False, head: bool = True) -> float:
        """Add up under a convention.

        Parameters
        ----------
        square : bool
            Whether dense causal attention counts as the whole square or as its triangle.
        head : bool
            Whether the head counts.

        Returns
        -------
        float
        """
        attention = self.attention_square if square else self.attention_triangle
        return self.blocks + attention + (self.head if head else 0.0)


_NAMES = ("blocks", "head", "attention_triangle", "attention_square")


def forward_flops(
    config: TransformerConfig,
    *,
    block_weights: int,
    head_weights: int,
    pattern: Pattern = "causal",
    stride: int = 1,
) -> FlopCount:
    """Count the forward pass of one window of ``config.context`` tokens.

    Norms, softmax, rotations and look-ups are left out: they are below a hundredth.

    Parameters
    ----------
    config : TransformerConfig
    block_weights, head_weights : int
        Weights that are not zero.
    pattern, stride : as in :func:`~lutloom.language.masks.attention_mask`

    Returns
    -------
    FlopCount
    """
    t = config.context
    per_pair = 4.0 * config.n_blocks * config.n_heads * config.head_size
    triangle = mask_density(pattern, t, stride) * t * (t + 1) / 2
    return FlopCount(
        blocks=2.0 * block_weights * t,
        head=2.0 * head_weights * t,
        attention_triangle=per_pair * triangle,
        attention_square=per_pair * (t * t if pattern == "causal" else triangle),
    )


@dataclass(slots=True)
class FlopMeter:
    """Add up a training, step by step.

    Parameters
    ----------
    windows : int
        Of one batch.
    total : FlopCount
    """

    windows: int
    total: FlopCount = FlopCount()  # noqa: RUF009 - frozen

    def add_step(self, forward: FlopCount, dense_forward: FlopCount | None = None) -> None:
        """Add one step: forward, and twice that backward.

        Parameters
        ----------
        forward : FlopCount
            Of one window, as sparse as it is.
        dense_forward : FlopCount or None
            Given where this step needs the gradient of every weight, the pruned ones too: that
            third of the work is then dense.
        """
        factor = 3.0 if dense_forward is None else 2.0
        self.total += forward.times(factor * self.windows)
        if dense_forward is not None:
            self.total += dense_forward.times(1.0 * self.windows)
