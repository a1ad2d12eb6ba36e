"""Beats joined to words and words split into beats: the same features in the same order."""

from typing import Any

import numpy as np
import pytest
from attention_engine import drive

from lutloom_hw.attention import words as words_module
from lutloom_hw.attention.messages import RowKind
from lutloom_hw.attention.words import WordJoiner, WordSplitter

SIZES = [(1, 2), (1, 8), (2, 8), (4, 8), (3, 12), (8, 8)]


def random_words(rng, n, size) -> list[dict[str, Any]]:
    """Words of ``size`` features, with random marks."""
    return [
        {
            "features": rng.integers(-127, 128, size).tolist(),
            "head": int(rng.integers(3)),
            "last": int(rng.integers(2)),
        }
        for _ in range(n)
    ]


def pieces(word, size):
    features = word["features"]
    return [features[start : start + size] for start in range(0, len(features), size)]


def join(rng, per_beat, per_word, **options):
    """Send words as beats, with other marks in all beats but a word's last one."""
    words = random_words(rng, 24, per_word)
    for word in words:
        word["kind"] = RowKind(int(rng.integers(3)))
    beats = []
    for word in words:
        own = [{**word, "features": part, "last": 0} for part in pieces(word, per_beat)]
        own[-1]["last"] = word["last"]
        beats += own
    joiner = WordJoiner(features_per_beat=per_beat, features_per_word=per_word, n_heads=3)
    return words, drive(joiner, beats, len(words), **options)


def split(rng, per_beat, per_word, **options):
    words = random_words(rng, 24, per_word)
    splitter = WordSplitter(features_per_word=per_word, features_per_beat=per_beat, n_heads=3)
    n_beats = len(words) * per_word // per_beat
    return words, drive(splitter, words, n_beats, **options)


def fields(word):
    return {"features": list(word.features), "head": word.head, "last": word.last}


def check_joined(words, trace):
    assert [{**fields(word), "kind": RowKind(word.kind)} for word in trace.words] == words


def check_split(words, trace, per_beat):
    wanted = []
    for word in words:
        own = [{**word, "features": part, "last": 0} for part in pieces(word, per_beat)]
        own[-1]["last"] = word["last"]
        wanted += own
    assert [fields(beat) for beat in trace.words] == wanted


@pytest.mark.parametrize(("i_stall", "o_stall"), [(0.0, 0.0), (0.6, 0.0), (0.0, 0.8), (0.5, 0.5)])
@pytest.mark.parametrize(("per_beat", "per_word"), SIZES)
def test_what_is_cut_is_put_together_under_stalls(per_beat, per_word, i_stall, o_stall):
    rng = np.random.default_rng(per_word)
    words, trace = join(rng, per_beat, per_word, i_stall=i_stall, o_stall=o_stall)
    check_joined(words, trace)
    words, trace = split(rng, per_beat, per_word, i_stall=i_stall, o_stall=o_stall)
    check_split(words, trace, per_beat)


@pytest.mark.parametrize(("per_beat", "per_word"), SIZES)
def test_a_beat_a_clock_without_delay(per_beat, per_word):
    n_beats = per_word // per_beat
    _, trace = join(np.random.default_rng(1), per_beat, per_word)
    assert np.diff(trace.taken).tolist() == [1] * (24 * n_beats - 1)
    assert trace.given == trace.taken[n_beats - 1 :: n_beats]
    _, trace = split(np.random.default_rng(1), per_beat, per_word)
    assert np.diff(trace.given).tolist() == [1] * (24 * n_beats - 1)
    assert trace.taken == trace.given[n_beats - 1 :: n_beats]


@pytest.mark.parametrize("reset_at", [1, 2, 3, 7])
def test_a_reset_in_the_middle_of_a_word_starts_anew(reset_at):
    rng = np.random.default_rng(reset_at)
    check_joined(*join(rng, 1, 4, reset_at=reset_at))
    check_split(*split(rng, 1, 4, reset_at=reset_at), 1)


def test_a_wrong_order_of_beats_is_caught(monkeypatch):
    cat = words_module.Cat

    def reversed_cat(*parts):
        return cat(*reversed(parts))

    monkeypatch.setattr(words_module, "Cat", reversed_cat)
    with pytest.raises(AssertionError):
        check_joined(*join(np.random.default_rng(2), 1, 2))
