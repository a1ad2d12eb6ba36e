r"""How far integer attention can be from softmax attention: a proven bound, and what is measured.

Let ``p`` be softmax's shares of the keys of a query, ``u`` those of the integers, and every number
of a value at most 127 steps.  Then an output is off by at most ``127 |u - p|`` steps of a value,
``|.|`` the sum of magnitudes, and half a step of the output more.  The way from ``p`` to ``u`` has
three parts.

Multiplier.  It is rounded by ``d <= 1/2``, so exponents are scaled by ``t``, from 1 to
``1 + d / m``.  Along the way ``|dp/dt| <= 2 E[x]``, ``x`` how far a score is behind the highest;
``t E[x]`` is at most the entropy of the shares, so at most ``ln n``.  Together:
``2 ln(n) |ln(1 - 1/(2 m))|``.  And no exponent is off by more than ``2 * 127**2 * head_size``
times ``d``, which is the better bound for small ``m``.

Exponent.  It is cut to fractions of 1/256 and looked up in a rounded table: every weight is
multiplied by something between ``a`` and ``b``.  Shares then move by at most
``2 (sqrt(b/a) - 1) / (sqrt(b/a) + 1) = 2 tanh(ln(b/a) / 4)``.

Truncation.  A shift takes less than 1 off each weight but the highest, which is ``2**15``: shares
move by at most ``2 (n - 1) / 2**15``.

Example
-------
>>> bound = bound_error(layer, 128, np.array([0.01]))                # doctest: +SKIP
>>> float(bound.total[0])                                            # doctest: +SKIP
0.0169
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.calibrate import CalibratedAttention, float_attention
from lutloom.attention.config import (
    FRACTION_BITS,
    INT8_MAX,
    MULTIPLIER_SHIFT,
    WEIGHT_BITS,
    IntegerAttention,
)
from lutloom.attention.integer import FRACTIONS, POWERS, seen_keys
from lutloom.attention.rows import Floats
from lutloom.errors import InvalidDataError

_HIGHEST_WEIGHT = 1 << (WEIGHT_BITS - 1)
_ROUNDING_MAX = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ErrorBound:
    """Hold how much each part of integer attention adds to an output's error at most.

    Parameters
    ----------
    multiplier, exponent, truncation, rounding : float64[n_heads]
        In the unit of the value's scale; ``exponent`` is floor and table together, ``rounding``
        that of the output.
    """

    multiplier: NDArray[np.float64]
    exponent: NDArray[np.float64]
    truncation: NDArray[np.float64]
    rounding: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """The bound, float64[n_heads]."""
        return self.multiplier + self.exponent + self.truncation + self.rounding


def bound_error(
    layer: IntegerAttention, n_keys: int, value_scale: NDArray[np.float64]
) -> ErrorBound:
    """Bound the error of integer attention against softmax of the same, dequantised rows.

    It holds for any queries, keys and values, if multipliers are those of the scales, against the
    softmax output held to what an int8 can say: ``127 * value_scale / 2**value_shift``.

    Parameters
    ----------
    layer : IntegerAttention
    n_keys : int
        That a query sees, at most; at least 1.
    value_scale : float64[n_heads]

    Returns
    -------
    ErrorBound

    Raises
    ------
    InvalidDataError
        If there is no key.
    """
    if n_keys < 1:
        raise InvalidDataError(f"error bound: keys must be at least 1, not {n_keys}; correct it")
    full = INT8_MAX * value_scale
    least, most = _table_error()
    exponent = _reweighting(math.log(2) / FRACTIONS + math.log(most) - math.log(least))
    behind = 2 * INT8_MAX**2 * layer.config.head_size
    exponent_error = behind * _ROUNDING_MAX / (1 << (MULTIPLIER_SHIFT + FRACTION_BITS))
    multiplier = np.minimum(
        2 * math.log(n_keys) * -np.log1p(-_ROUNDING_MAX / layer.multiplier),
        _reweighting(math.log(2) * exponent_error),
    )
    alone = n_keys == 1
    return ErrorBound(
        multiplier=full * multiplier,
        exponent=full * (0.0 if alone else exponent),
        truncation=full * (2 * (n_keys - 1) / _HIGHEST_WEIGHT),
        rounding=value_scale * (0.5 / (1 << layer.value_shift)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredError:
    """Hold how far integer attention was from softmax on some rows.

    Parameters
    ----------
    dequantised : float64[n_heads]
        Largest error against softmax of the dequantised rows, held as in :func:`bound_error`.
    bound : float64[n_heads]
        What that can be at most.
    largest, rms : float64[n_heads]
        Largest and root-mean-square error against softmax of the rows as they came.
    output_rms : float64[n_heads]
        Of that softmax's output, to compare.
    """

    dequantised: NDArray[np.float64]
    bound: NDArray[np.float64]
    largest: NDArray[np.float64]
    rms: NDArray[np.float64]
    output_rms: NDArray[np.float64]

    @property
    def tightness(self) -> NDArray[np.float64]:
        """Share of the bound that was met, float64[n_heads]."""
        share: NDArray[np.float64] = self.dequantised / self.bound
        return share


def measure_error(
    calibrated: CalibratedAttention, query: Floats, key: Floats, value: Floats
) -> MeasuredError:
    """Measure the error of integer attention on rows.

    Parameters
    ----------
    calibrated : CalibratedAttention
    query, key, value : float[n_heads, ..., n_positions, head_size]

    Returns
    -------
    MeasuredError
    """
    config, ndim = calibrated.layer.config, query.ndim
    across = tuple(range(1, ndim))
    scales = (calibrated.query_scale, calibrated.key_scale, calibrated.value_scale)
    rows = [
        integers * scale.reshape(-1, *[1] * (ndim - 1))
        for integers, scale in zip(calibrated.quantise(query, key, value), scales, strict=True)
    ]
    found = calibrated.run(query, key, value)
    highest = INT8_MAX * calibrated.output_scale.reshape(-1, *[1] * (ndim - 1))
    held = np.clip(float_attention(config, *rows), -highest, highest)
    exact = float_attention(config, query, key, value)
    n_keys = int(seen_keys(config, query.shape[-2]).sum(axis=1).max())
    return MeasuredError(
        dequantised=np.abs(found - held).max(axis=across),
        bound=bound_error(calibrated.layer, n_keys, calibrated.value_scale).total,
        largest=np.abs(found - exact).max(axis=across),
        rms=np.sqrt(np.square(found - exact).mean(axis=across)),
        output_rms=np.sqrt(np.square(exact).mean(axis=across)),
    )


def _reweighting(log_ratio: float) -> float:
    """Bound how far shares move when weights are multiplied by factors of that ratio at most."""
    return 2 * math.tanh(log_ratio / 4)


def _table_error() -> tuple[float, float]:
    """Give the least and largest factor by which an entry of the table is off."""
    exact = 2.0 ** (WEIGHT_BITS - 1 - np.arange(FRACTIONS) / FRACTIONS)
    factors = POWERS / exact
    return float(factors.min()), float(factors.max())
