"""What goes into an attention engine's streams and what must come out, as rows of bytes.

Example
-------
>>> beats = attention_beats(top, rows)                               # doctest: +SKIP
>>> expected = attention_payloads(top, answers)                      # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.attention.batch import AttentionBatch
from lutloom.attention.binary import BinaryAttention, attend_binary
from lutloom.attention.integer import attend
from lutloom_hw.attention.messages import run_words
from lutloom_hw.attention_binary.messages import run_rows
from lutloom_hw.attention_top import AttentionTop
from lutloom_hw.stage import bits_for
from lutloom_sim.beats import Payloads

_KIND_BITS = 2


def expected_answers(top: AttentionTop, batch: AttentionBatch) -> NDArray[np.int8]:
    """Attend by the specification.

    Parameters
    ----------
    top : AttentionTop
    batch : AttentionBatch

    Returns
    -------
    int8[n_sequences, n_heads, n_positions, head_size]

    Raises
    ------
    InvalidDataError
        If a row is not what the layer takes.
    """
    layer = top.layer
    sequences = zip(batch.query, batch.key, batch.value, strict=True)
    if isinstance(layer, BinaryAttention):
        return np.stack([attend_binary(layer, *rows) for rows in sequences])
    return np.stack([attend(layer, *rows) for rows in sequences])


def attention_beats(top: AttentionTop, batch: AttentionBatch) -> NDArray[np.uint8]:
    """Cut sequences into beats: head after head, or word by word where engines work in parallel.

    Parameters
    ----------
    top : AttentionTop
    batch : AttentionBatch

    Returns
    -------
    uint8[n_beats, beat_bytes]
        Bit 0 of byte 0 is payload bit 0.
    """
    n_engines = top.options.n_engines
    beats: list[dict[str, Any]] = []
    for query, key, value in zip(batch.query, batch.key, batch.value, strict=True):
        runs = [
            _run_beats(top, head, *rows)
            for head, rows in enumerate(zip(query, key, value, strict=True))
        ]
        for start in range(0, len(runs), n_engines):
            side_by_side = zip_longest(*runs[start : start + n_engines])
            beats += [beat for beat in chain.from_iterable(side_by_side) if beat is not None]
    return _pack_beats(top, beats)


def _run_beats(top: AttentionTop, head: int, *rows: NDArray[Any]) -> list[dict[str, Any]]:
    """Give one run as the beats of the top's port."""
    layer, size = top.layer, top.features_per_beat
    if not isinstance(layer, BinaryAttention):
        return run_words(*rows, mode=layer.config.mode, lanes=size, head=head)
    beats = []
    for word in run_rows(layer, *rows, head=head):
        features = word["features"]
        for start in range(0, len(features), size):
            last = word["last"] and start + size == len(features)
            beats.append({**word, "features": features[start : start + size], "last": last})
    return beats


def _pack_beats(top: AttentionTop, beats: Sequence[dict[str, Any]]) -> NDArray[np.uint8]:
    features = np.array([beat["features"] for beat in beats], dtype=np.int8).view(np.uint8)
    head_bits = bits_for(top.layer.config.n_heads - 1)
    marks = np.array(
        [
            beat["head"]
            | beat["kind"].value << head_bits
            | int(beat["last"]) << head_bits + _KIND_BITS
            for beat in beats
        ],
        dtype="<u2",
    )
    beat_bytes = -(-len(top.i.payload.as_value()) // 8)
    tail = marks.view(np.uint8).reshape(-1, 2)
    return np.concatenate([features, tail], axis=1)[:, :beat_bytes]


def head_key(top: AttentionTop) -> tuple[int, int]:
    """Give the field of answers that says whose they are, where heads' answers are mixed.

    Parameters
    ----------
    top : AttentionTop

    Returns
    -------
    (int, int)
        First bit and width; width 0 with one engine, whose answers keep their order.
    """
    if top.options.n_engines == 1:
        return 0, 0
    return 8 * top.features_per_answer, bits_for(top.layer.config.n_heads - 1)


def attention_payloads(top: AttentionTop, answers: NDArray[np.int8]) -> Payloads:
    """Give answers as the payloads that must come out.

    Parameters
    ----------
    top : AttentionTop
    answers : int8[n_sequences, n_heads, n_positions, head_size]

    Returns
    -------
    uint64[n_answers, n_words]
        Sequence after sequence, head after head.
    """
    n, n_heads, positions, head_size = answers.shape
    size = top.features_per_answer
    per_run = positions * (head_size // size)
    n_words = -(-len(top.o.payload.as_value()) // 64)
    data = np.zeros((n * n_heads * per_run, 8 * n_words + 2), dtype=np.uint8)
    data[:, :size] = answers.reshape(-1, size).view(np.uint8)
    head_bits = bits_for(n_heads - 1)
    marks = np.tile(np.repeat(np.arange(n_heads), per_run), n)
    marks[per_run - 1 :: per_run] |= 1 << head_bits
    data[:, size : size + 2] = marks.astype("<u2")[:, None].view(np.uint8)
    return np.ascontiguousarray(data[:, : 8 * n_words]).view("<u8")


def read_answers(top: AttentionTop, payloads: Payloads, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Undo :func:`attention_payloads`; marks are not considered.

    Parameters
    ----------
    top : AttentionTop
    payloads : uint64[n_answers, n_words]
        Sequence after sequence, head after head.
    shape : (n_sequences, n_heads, n_positions, head_size)

    Returns
    -------
    int8[n_sequences, n_heads, n_positions, head_size]
    """
    data = np.ascontiguousarray(payloads.astype("<u8")).view(np.uint8)
    features = data.reshape(len(payloads), -1)[:, : top.features_per_answer]
    return np.ascontiguousarray(features).view(np.int8).reshape(shape)
