import numpy as np
import pytest

from lutloom import ir
from lutloom_hw.vote import Vote

FORMS = [("compressor", 1), ("compressor", 2), ("carry", 1), ("carry", 2), ("carry", 3)]


def vote(head, n_inputs, form="carry", every=1):
    return Vote(head, n_inputs=n_inputs, form=form, register_every=every)


@pytest.mark.parametrize(("form", "every"), FORMS)
def test_all_values_of_ten_bits(check_stage, form, every):
    head = ir.VoteHead(np.arange(10), [0] * 7 + [1] * 3, [0, 2])
    rows = (np.arange(1 << 10)[:, None] >> np.arange(10)) & 1
    check_stage(vote(head, 10, form, every), np.random.default_rng(1).permutation(rows)[:40])


@pytest.mark.parametrize(("form", "every"), FORMS)
def test_all_values_of_ten_bits_back_to_back(settle, form, every):
    head = ir.VoteHead(np.arange(10), [0] * 10, [3])
    stage = vote(head, 10, form, every)
    rows = (np.arange(1 << 10)[:, None] >> np.arange(10)) & 1
    assert (settle(stage, rows)[:, 0] == rows.sum(axis=1) + 3).all()


@pytest.mark.parametrize(("form", "every"), FORMS)
def test_uneven_classes_have_one_latency(check_stage, form, every):
    """No votes, one vote, many votes, one output voting twice, biases."""
    source = np.concatenate([[5], np.arange(30), [5, 5, 9]])
    classes = [1] + [2] * 30 + [4] * 3
    head = ir.VoteHead(source, classes, [3, 0, 1, 0, 7])
    rows = np.random.default_rng(2).integers(0, 2, (30, 30))
    rows[0], rows[1] = 0, 1
    check_stage(vote(head, 30, form, every), rows)


def test_votes_that_are_all_constant(check_stage):
    head = ir.VoteHead(np.zeros(0), np.zeros(0), [2, 5])
    check_stage(vote(head, 4), np.eye(4, dtype=int))


def test_a_missing_vote_is_caught(check_stage):
    rows = np.random.default_rng(2).integers(0, 2, (30, 12))
    right = ir.VoteHead(np.arange(12), np.arange(12) // 6, [0, 0])
    wrong = ir.VoteHead([0, 1, 2, 3, 4, 4, *range(6, 12)], np.arange(12) // 6, [0, 0])
    with pytest.raises(AssertionError, match="wrong answers"):
        check_stage(vote(wrong, 12), rows, golden=vote(right, 12))


def test_a_wrong_bias_is_caught(check_stage):
    rows = np.random.default_rng(2).integers(0, 2, (30, 12))
    heads = [ir.VoteHead(np.arange(12), np.arange(12) // 6, [0, b]) for b in (1, 0)]
    with pytest.raises(AssertionError, match="wrong answers"):
        check_stage(vote(heads[1], 12), rows, golden=vote(heads[0], 12))
