import itertools

import numpy as np
import pytest
from attention_engine import drive, expected, make_layer, random_run, words_of

from lutloom.errors import InvalidRecipeError
from lutloom_hw.attention.heads import ParallelHeads
from lutloom_hw.attention.messages import answer_rows


def interleave(streams):
    rounds = itertools.zip_longest(*streams)
    return [word for words in rounds for word in words if word is not None]


@pytest.mark.parametrize("mode", ["causal", "set"])
@pytest.mark.parametrize(("i_stall", "o_stall"), [(0.0, 0.0), (0.4, 0.7)])
def test_heads_of_different_engines_in_turns(mode, i_stall, o_stall):
    layer = make_layer(multiplier=(300, 90, 20), value_shift=(0, 1, 2), mode=mode)
    dut = ParallelHeads(layer, lanes=4, n_engines=2)
    rng = np.random.default_rng(5)
    runs = [random_run(rng, n, 8, head=head) for head, n in enumerate((6, 9, 4))]
    zero, one, two = (words_of(dut, run) for run in runs)  # heads 0 and 2 share an engine
    words = interleave([zero + two, one])
    count = sum(len(run.query) for run in runs) * dut.words
    trace = drive(dut, words, count, i_stall=i_stall, o_stall=o_stall)
    for run in runs:
        own = [word for word in trace.words if word.head == run.head]
        assert (answer_rows(own, head_size=8) == expected(dut, run)).all()
        assert [word.last for word in own] == [0] * (len(own) - 1) + [1]


def test_two_engines_take_about_half_the_time():
    layer = make_layer(multiplier=(300, 300), value_shift=(0, 0))
    rng = np.random.default_rng(6)
    runs = [random_run(rng, 16, 8, head=head) for head in range(2)]
    took = {}
    for n_engines in (1, 2):
        dut = ParallelHeads(layer, lanes=2, n_engines=n_engines)
        streams = [words_of(dut, run) for run in runs]
        words = interleave(streams) if n_engines == 2 else streams[0] + streams[1]
        trace = drive(dut, words, 32 * dut.words)
        took[n_engines] = trace.given[-1]
    assert took[2] < 0.55 * took[1]


@pytest.mark.parametrize("n_engines", [0, 3])
def test_more_engines_than_heads_are_refused(n_engines):
    layer = make_layer(multiplier=(300, 300), value_shift=(0, 0))
    with pytest.raises(InvalidRecipeError) as error:
        ParallelHeads(layer, lanes=2, n_engines=n_engines)
    assert str(error.value) == (
        f"attention heads, n_engines: must be 1..2, one a head at most, not {n_engines}; correct it"
    )
