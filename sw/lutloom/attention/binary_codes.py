"""Codes of queries and keys, learnt from rows without gradients, by matching pursuit.

Bit ``b`` of a code says on which side of a hyperplane a row lies: ``row @ direction[b] >=
threshold[b]``, with hyperplanes of their own for queries and keys.  Many pairs of hyperplanes are
drawn; those are taken, one by one and then one for another, whose number of equal bits follows the
scores ``query . key`` best: least squares over the keys each query sees, less their mean, keys of
much weight counting more.  Then pairs near those taken are drawn, and so on.

Coefficients of a direction are powers of two, or 0, so a row is encoded by shifts and additions.

Example
-------
>>> codes = learn_codes(query, key, seen, 32, np.random.default_rng(0))      # doctest: +SKIP
>>> codes.query.encode(query).dtype                                  # doctest: +SKIP
dtype('uint64')

References
----------
Mallat and Zhang, "Matching pursuits with time-frequency dictionaries", 1993.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_POOL = 384
"""Pairs of hyperplanes drawn in a round."""
_ROUNDS = 4
_NEAR_SHARE = 2 / 3
"""Of a pool, near pairs taken before."""
_EXCHANGES = 200
_POWERS = 3
"""Halvings from the largest coefficient of a direction to the smallest that is not 0."""
_NEVER = 1e30
"""A threshold no row reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class CodeMap:
    """Hold hyperplanes.

    Parameters
    ----------
    direction : float64[code_bits, head_size]
    threshold : float64[code_bits]
    """

    direction: Reals
    threshold: Reals

    def bits(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Tell on which side rows lie.

        Parameters
        ----------
        rows : float[..., head_size]

        Returns
        -------
        bool[..., code_bits]
        """
        sides: NDArray[np.bool_] = rows.astype(np.float64) @ self.direction.T >= self.threshold
        return sides

    def encode(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.uint64]:
        """Give codes.

        Parameters
        ----------
        rows : float[..., head_size]

        Returns
        -------
        uint64[...]
            Bit ``b`` is hyperplane ``b``.
        """
        places = np.uint64(1) << np.arange(len(self.threshold), dtype=np.uint64)
        codes: NDArray[np.uint64] = np.where(self.bits(rows), places, np.uint64(0)).sum(axis=-1)
        return codes


@dataclass(frozen=True, slots=True, eq=False)
class CodePair:
    """Hold the hyperplanes of a head.

    Parameters
    ----------
    query, key : CodeMap
    """

    query: CodeMap
    key: CodeMap


def learn_codes(
    query: NDArray[np.floating[Any]],
    key: NDArray[np.floating[Any]],
    seen: NDArray[np.bool_],
    code_bits: int,
    rng: np.random.Generator,
    *,
    pool: int = _POOL,
    rounds: int = _ROUNDS,
) -> CodePair:
    """Learn the codes of one head.

    Parameters
    ----------
    query, key : float[n_windows, n_positions, head_size]
    seen : bool[n_positions, n_positions]
    code_bits : int
    rng : Generator
    pool, rounds : int
        Pairs drawn in a round, and rounds.

    Returns
    -------
    CodePair
    """
    queries: Reals = query.astype(np.float64)
    keys: Reals = key.astype(np.float64)
    to_query, to_key, strength = _balance(queries, keys)
    taken = np.empty((0, query.shape[-1]))
    pair = CodePair(CodeMap(taken, taken[:, 0]), CodeMap(taken, taken[:, 0]))
    for _ in range(rounds):
        drawn = _draw(rng, max(pool, 2 * code_bits), strength, taken)
        more = CodePair(
            _fit(rng, drawn @ to_query, queries, constant_share=0.1),
            _fit(rng, drawn @ to_key, keys, constant_share=0.0),
        )
        known = np.concatenate([taken, drawn])
        both = CodePair(_join(pair.query, more.query), _join(pair.key, more.key))
        gain, gram = _statistics(queries, keys, seen, both)
        chosen = _pursue(gain, gram, code_bits, list(range(len(taken))))
        taken = known[chosen]
        pair = CodePair(_select(both.query, chosen), _select(both.key, chosen))
    return pair


def round_to_powers(direction: Reals) -> Reals:
    """Round coefficients to powers of two, relative to each direction's largest.

    Parameters
    ----------
    direction : float64[n, head_size]

    Returns
    -------
    float64[n, head_size]
        0, or plus or minus 1, 1/2, 1/4 or 1/8; of a direction of zeros zeros.
    """
    largest = np.abs(direction).max(axis=1, keepdims=True)
    share = np.abs(direction) / np.where(largest > 0, largest, 1.0)
    power = np.rint(np.log2(np.maximum(share, 2.0**-64)))
    rounded: Reals = np.where(power < -_POWERS, 0.0, np.sign(direction) * 2.0**power)
    return rounded


def _balance(query: Reals, key: Reals) -> tuple[Reals, Reals, Reals]:
    """Find coordinates in which queries and keys have the same, diagonal, second moments."""
    size = query.shape[-1]
    roots = []
    for rows in (query.reshape(-1, size), key.reshape(-1, size)):
        moments = rows.T @ rows / len(rows)
        floor = 1e-6 * np.trace(moments) / size + 1e-12
        roots.append(np.linalg.cholesky(moments + floor * np.eye(size)))
    left, strength, right = np.linalg.svd(roots[0].T @ roots[1])
    scale = np.sqrt(strength)[:, None]
    to_query = scale * (left.T @ np.linalg.inv(roots[0]))
    to_key = scale * (right @ np.linalg.inv(roots[1]))
    return to_query, to_key, strength / strength[0]


def _draw(rng: np.random.Generator, n: int, strength: Reals, taken: Reals) -> Reals:
    """Draw directions in balanced coordinates: anywhere, or near those taken."""
    size = len(strength)
    drawn: Reals = rng.normal(size=(n, size)) * strength ** rng.choice(
        [0.0, 0.25, 0.5], size=(n, 1)
    )
    if len(taken):
        n_near = int(n * _NEAR_SHARE)
        origin = taken[rng.integers(0, len(taken), n_near)]
        step = np.linalg.norm(origin, axis=1, keepdims=True) / np.sqrt(size)
        spread = rng.choice([0.1, 0.3, 0.6], size=(n_near, 1))
        drawn[:n_near] = origin + rng.normal(size=(n_near, size)) * step * spread
    return drawn


def _fit(
    rng: np.random.Generator, direction: Reals, rows: Reals, *, constant_share: float
) -> CodeMap:
    """Round directions, and put each threshold at a quantile, at the median, at 0, or out of reach.

    A query's bit that is never set leaves a bit of the key alone: a key liked by every query.
    """
    direction = round_to_powers(direction)
    along = np.sort((rows @ direction.T).reshape(-1, len(direction)), axis=0)
    n = len(direction)
    quantile = np.where(rng.random(n) < 0.3, 0.5, rng.uniform(0.1, 0.9, n))
    threshold = along[(quantile * len(along)).astype(int), np.arange(n)]
    threshold = np.where(rng.random(n) < 0.2, 0.0, threshold)
    threshold = np.where(rng.random(n) < constant_share, _NEVER, threshold)
    return CodeMap(direction, threshold)


def _join(first: CodeMap, second: CodeMap) -> CodeMap:
    return CodeMap(
        np.concatenate([first.direction, second.direction]),
        np.concatenate([first.threshold, second.threshold]),
    )


def _select(codes: CodeMap, chosen: list[int]) -> CodeMap:
    return CodeMap(codes.direction[chosen], codes.threshold[chosen])


def _statistics(
    query: Reals, key: Reals, seen: NDArray[np.bool_], pair: CodePair
) -> tuple[Reals, Reals]:
    """Correlate the agreement of each pair of bits with scores, and with that of each other."""
    n_bits = len(pair.query.threshold)
    gain, gram = np.zeros(n_bits), np.zeros((n_bits, n_bits))
    rows, columns = np.nonzero(seen)
    uniform = seen / seen.sum(axis=1, keepdims=True)
    for q, k in zip(query, key, strict=True):
        scores = q @ k.T / np.sqrt(q.shape[1])
        known = np.where(seen, scores, -np.inf)
        softmax = np.exp(known - known.max(axis=1, keepdims=True))
        weight = 0.5 * softmax / softmax.sum(axis=1, keepdims=True) + 0.5 * uniform
        wanted = scores - (weight * scores).sum(axis=1, keepdims=True)
        signs = [
            np.where(codes.bits(part), 1.0, -1.0).astype(np.float32)
            for codes, part in ((pair.query, q), (pair.key, k))
        ]
        mean = (weight @ signs[1]).astype(np.float32)
        root = np.sqrt(weight[rows, columns]).astype(np.float32)
        agreement = (signs[1][columns] - mean[rows]) * signs[0][rows] * root[:, None]
        gain += agreement.T @ (wanted[rows, columns].astype(np.float32) * root)
        gram += agreement.T @ agreement
    return gain, gram


def _pursue(gain: Reals, gram: Reals, n_bits: int, chosen: list[int]) -> list[int]:
    """Choose bits whose sum, scaled, leaves the least error: its gain squared over its power."""

    def worth(without: list[int]) -> Reals:
        more_gain = gain[without].sum() + gain
        power = gram[np.ix_(without, without)].sum() + 2 * gram[without].sum(axis=0)
        found = np.maximum(more_gain, 0) ** 2 / (power + np.diag(gram) + 1e-9)
        found[without] = -1.0
        return np.asarray(found, dtype=np.float64)

    while len(chosen) < n_bits:
        chosen = [*chosen, int(worth(chosen).argmax())]
    for _ in range(_EXCHANGES):
        trials = []
        for place in range(n_bits):
            others = chosen[:place] + chosen[place + 1 :]
            found = worth(others)
            trials.append((float(found.max()), place, int(found.argmax()), found[chosen[place]]))
        best, place, bit, now = max(trials)
        if best <= now * (1 + 1e-6):
            break
        chosen = [*chosen[:place], bit, *chosen[place + 1 :]]
    return chosen
