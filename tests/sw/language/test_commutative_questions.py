"""Role questions: a tiny language in which any two of agent, verb and object decide the third."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_set_transformer import all_orders, make_set_transformer, make_sets, repeated

from lutloom.language.commutative import (
    IntegerSetTransformer,
    QuestionPlan,
    SetTransformer,
    SetTransformerConfig,
    SlotBatch,
    accuracy,
    mask_each_slot,
    pack_sets,
    straight_through,
    train_questions,
)
from lutloom.language.slots import MASK

VERB, AGENT, OBJECT, PLACE = 2, 3, 4, 5
N = 5
ASKED = (VERB, AGENT, OBJECT)


def make_sentences(seed: int = 0) -> tuple[SlotBatch, SlotBatch]:
    """All sentences in random order of slots, a fifth of them held out.

    The object is what the agent and the verb make of it; the place is of no help.  Held out are
    sentences and orders of slots, not pairs of agent and verb: the table is to be learnt.
    """
    rng = np.random.default_rng(seed)
    sets = []
    for agent, verb, place in np.ndindex(N, N, N):
        first = 2  # agents, objects and places are words of their own
        roles = np.array([VERB, AGENT, OBJECT, PLACE])
        kinds = np.array([verb, agent, (agent + verb) % N, place])
        fillers = first + np.array([3, 0, 1, 2]) * N + kinds
        order = rng.permutation(4)
        sets.append((roles[order], fillers[order]))
    chosen = rng.permutation(len(sets))
    cut = len(sets) // 5
    held_out, train = ([sets[i] for i in part] for part in (chosen[:cut], chosen[cut:]))
    return pack_sets(train), pack_sets(held_out)


def make_learner(seed: int, grouping: str = "none") -> SetTransformer:
    torch.manual_seed(seed)
    return SetTransformer(
        SetTransformerConfig(
            n_roles=6, n_fillers=2 + 4 * N, width=32, n_blocks=2, n_heads=4, head_size=8,
            hidden=64, grouping=grouping,  # type: ignore[arg-type]
        )
    )  # fmt: skip


def test_the_task_is_learnt_and_kept_in_integers() -> None:
    train, held_out = make_sentences()
    model = make_learner(0)
    questions = mask_each_slot(held_out, ASKED)
    assert len(questions[0]) == 3 * 25
    assert accuracy(model, *questions) < 0.2
    losses = train_questions(model, *mask_each_slot(train, ASKED), QuestionPlan(steps=300))
    assert len(losses) == 300
    assert losses[-1] < 0.1 < 2.0 < losses[0]
    exact = IntegerSetTransformer(model)
    assert accuracy(exact, *questions) > 0.95
    assert accuracy(model, *questions) > 0.95
    for order in all_orders(4):
        batch, answers = questions
        moved = batch.reorder(order.expand(len(batch), -1))
        assert torch.equal(exact(moved).logits, exact(batch).logits)
        assert accuracy(exact, moved, answers) == accuracy(exact, *questions)


def test_shuffled_answers_are_not_learnt() -> None:
    """The planted fault: with answers of other questions nothing is right but by chance."""
    train, held_out = make_sentences()
    questions, answers = mask_each_slot(train, ASKED)
    other = answers[torch.randperm(len(answers), generator=torch.Generator().manual_seed(0))]
    model = make_learner(0)
    train_questions(model, questions, other, QuestionPlan(steps=60))
    assert accuracy(model, *mask_each_slot(held_out, ASKED)) < 0.5


def test_training_is_repeatable() -> None:
    train, _ = make_sentences()
    runs = [
        train_questions(make_learner(1), *mask_each_slot(train), QuestionPlan(steps=5, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_each_slot_is_asked_for_once() -> None:
    sets = pack_sets([([2, 3], [5, 6]), ([4], [7])])
    questions, answers = mask_each_slot(sets)
    assert questions.fillers.tolist() == [[MASK, 6], [5, MASK], [MASK, 0]]
    assert questions.present.tolist() == [[True, True], [True, True], [True, False]]
    assert answers.tolist() == [5, 6, 7]
    questions, answers = mask_each_slot(sets, (3, 4))
    assert questions.fillers.tolist() == [[5, MASK], [MASK, 0]]
    assert answers.tolist() == [6, 7]
    assert sets.fillers.tolist() == [[5, 6], [7, 0]], "the sets stay as they were"


def test_the_exact_loss_is_the_same_bits_for_every_order() -> None:
    model, orders = make_set_transformer(4), all_orders(4)
    one = make_sets(1, 4, 3)
    target = torch.tensor([7])

    def loss_and_gradient(batch: SlotBatch, exact: bool) -> tuple[float, torch.Tensor]:
        model.zero_grad()
        logits = straight_through(model, batch) if exact else model(batch).logits
        loss = torch.nn.functional.cross_entropy(logits, target)
        torch.autograd.backward(loss)
        grad = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        return float(loss.detach()), grad

    exact = [loss_and_gradient(one.reorder(order[None]), True) for order in orders]
    plain = [loss_and_gradient(one.reorder(order[None]), False) for order in orders]
    assert len({loss for loss, _ in exact}) == 1
    assert len({loss for loss, _ in plain}) > 1, "a float loss depends on the order"
    for (_, a), (_, b) in zip(exact, plain, strict=True):
        assert a.abs().max() > 0.1
        torch.testing.assert_close(a, b, atol=2e-3, rtol=2e-3)


def test_straight_through_logits_are_those_in_integers() -> None:
    model, batch = make_set_transformer(5), repeated(make_sets(1, 3), 2)
    expected = IntegerSetTransformer(model)(batch).to_float().logits.float()
    assert torch.equal(straight_through(model, batch), expected)


@pytest.mark.parametrize("changes", [{"exact_loss": True}, {}], ids=["exact loss", "float loss"])
@pytest.mark.parametrize("grouping", ["none", "role"])
def test_every_way_of_training_lowers_the_loss(changes: dict[str, bool], grouping: str) -> None:
    train, _ = make_sentences()
    model = make_learner(2, grouping)
    losses = train_questions(
        model, *mask_each_slot(train, ASKED), QuestionPlan(steps=40, **changes)
    )
    assert np.mean(losses[-5:]) < 0.75 * losses[0]
