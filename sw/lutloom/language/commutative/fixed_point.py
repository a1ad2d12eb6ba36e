"""Fixed-point arithmetic in int64: sums that are the same in every order.

A number is an integer over ``2**FRACTION_BITS``.  A float sum depends on its order, and a float
product of matrices on their shapes; integer sums depend on neither as long as nothing overflows.
What excludes it, with a value below ``2**23``, a weight at most ``2**20``, and at most ``2**12``
features and slots:

=====================  ==========================================  ========
sum                    largest term x terms                        below
=====================  ==========================================  ========
linear map             2**23 x 2**20 x 2**12 features              2**55
mean square            2**46 x 2**12 features, x 2**4              2**62
score                  2**46 x 2**9 features of a head             2**55
attention, normaliser  2**20 x 2**12 slots                         2**32
attention, values      2**20 x 2**23 x 2**12 slots, x 2            2**56
pooled read-out        2**23 x 2**12 slots, x 2                    2**36
=====================  ==========================================  ========

Example
-------
>>> linear(to_fixed(torch.tensor([[0.5, 2.0]])), to_fixed(torch.tensor([[4.0, 0.25]])))
tensor([[163840]])
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

FRACTION_BITS = 16
VALUE_MAX = (1 << 23) - 1
"""Of a value, 128 less a step; activations beyond saturate."""
WEIGHT_MAX = 1 << 20
"""Of a weight, 16.0; larger ones are refused, see :class:`IntegerSetTransformer`."""
WIDTH_MAX = SLOTS_MAX = 1 << 12
HEAD_SIZE_MAX = 1 << 9

SCORE_BITS = 12
"""Fraction bits of what the exponential is looked up by."""
EXP_BITS = 20
"""Fraction bits of an exponential; that of 0 is ``2**EXP_BITS``."""
EXP_RANGE = 16
"""Where the exponential is taken to be 0: it is below ``2**-23`` there."""

_SQUARE_BITS = 4
"""More bits of the mean square, so that its root has two more than a value."""


def to_fixed(x: Tensor) -> Tensor:
    """Round floats to fixed point, ``int64``, without a limit."""
    return torch.round(x.detach().to(torch.float64) * (1 << FRACTION_BITS)).to(torch.int64)


def to_float(x: Tensor) -> Tensor:
    """Give the ``float64`` of fixed-point numbers, exactly."""
    return x.to(torch.float64) / (1 << FRACTION_BITS)


def round_shift(x: Tensor, bits: int) -> Tensor:
    """Divide by ``2**bits`` and round to the nearest, halves up."""
    return (x + (1 << (bits - 1))) >> bits


def divide_round(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide by a positive number and round to the nearest, halves up."""
    return torch.div(2 * numerator + denominator, 2 * denominator, rounding_mode="floor")


def saturate(x: Tensor) -> Tensor:
    """Keep values within ``VALUE_MAX`` of 0."""
    return x.clamp(-VALUE_MAX, VALUE_MAX)


def integer_sqrt(n: Tensor) -> Tensor:
    """Give the largest integer whose square is at most ``n``.

    Parameters
    ----------
    n : int64[...]
        0 to ``2**62``.

    Returns
    -------
    int64[...]
    """
    # The float root is less than 1 away, for rounding moves it by less than 2**-20 there.
    root = torch.sqrt(n.to(torch.float64)).to(torch.int64)
    root = root - (root * root > n).to(torch.int64)
    return root + ((root + 1) * (root + 1) <= n).to(torch.int64)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """Map values by a matrix.

    Parameters
    ----------
    x : int64[..., width_in]
    weight : int64[width_out, width_in]

    Returns
    -------
    int64[..., width_out]
    """
    return saturate(round_shift(x @ weight.T, FRACTION_BITS))


def rms_norm(x: Tensor, gain: Tensor, epsilon: int) -> Tensor:
    """Divide by the root of the mean square, and multiply by a gain.

    Parameters
    ----------
    x : int64[..., width]
    gain : int64[width]
    epsilon : int
        Added to the mean square; from :func:`fixed_epsilon`.

    Returns
    -------
    int64[..., width]
    """
    squares = (x * x).sum(-1, keepdim=True) << _SQUARE_BITS
    mean = torch.div(squares, x.shape[-1], rounding_mode="floor") + epsilon
    root = integer_sqrt(mean)  # over 2**(FRACTION_BITS + 2)
    return saturate(divide_round((x * gain) << (_SQUARE_BITS // 2), root))


def fixed_epsilon(epsilon: float) -> int:
    """Give an epsilon as :func:`rms_norm` takes it."""
    return round(epsilon * (1 << (2 * FRACTION_BITS + _SQUARE_BITS)))


def exp_negative(x: Tensor) -> Tensor:
    """Look up ``exp(-x)``.

    Parameters
    ----------
    x : int64[...]
        0 and above, over ``2**SCORE_BITS``.

    Returns
    -------
    int64[...]
        Over ``2**EXP_BITS``, within half a step of the exponential; 0 from ``EXP_RANGE`` on.
    """
    table = _exp_table()
    return table[x.clamp(max=len(table) - 1)]


def silu(x: Tensor) -> Tensor:
    """Give ``x / (1 + exp(-x))`` of values ``int64[...]``."""
    power = exp_negative(round_shift(x.abs(), FRACTION_BITS - SCORE_BITS))
    one = 1 << EXP_BITS
    share = divide_round(torch.where(x < 0, power, one) << EXP_BITS, one + power)
    return round_shift(x * share, EXP_BITS)


@functools.cache
def _exp_table() -> Tensor:
    x = np.arange((EXP_RANGE << SCORE_BITS) + 1) / (1 << SCORE_BITS)
    table = np.rint(np.exp(-x) * (1 << EXP_BITS)).astype(np.int64)
    table[-1] = 0
    return torch.from_numpy(table)
