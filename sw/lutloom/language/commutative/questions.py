"""Role questions: who ate, what was eaten; a set with one filler masked, and the filler as answer.

Example
-------
>>> train_questions(model, sets, QuestionPlan(steps=400))            # doctest: +SKIP
>>> accuracy(IntegerSetTransformer(model), *mask_each_slot(held_out))   # doctest: +SKIP
0.97
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from lutloom.language.commutative.integer_model import IntegerSetTransformer
from lutloom.language.commutative.model import SetTransformer
from lutloom.language.commutative.slot_batch import SlotBatch
from lutloom.language.slots.vocabulary import MASK

_AT_ONCE = 256


class QuestionPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how a set transformer is trained.

    Members
    -------
    steps : updates
    batch : questions in each
    learning_rate : at the beginning; it falls to 0 in a straight line
    weight_decay : of matrices
    seed : decides which questions are asked; weights are the model's own
    exact_loss : whether the loss is that of the integer model, by :func:`straight_through`
    """

    steps: Annotated[int, Meta(ge=1, le=10_000_000)] = 400
    batch: Annotated[int, Meta(ge=1, le=65_536)] = 64
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)] = 3e-3
    weight_decay: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.1
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    exact_loss: bool = False


def mask_each_slot(
    sets: SlotBatch, roles: tuple[int, ...] | None = None
) -> tuple[SlotBatch, Tensor]:
    """Ask for each filler of each set in turn.

    Parameters
    ----------
    sets : SlotBatch
    roles : tuple of int, optional
        Roles to ask for; None: all.

    Returns
    -------
    questions : SlotBatch
        One for each slot present, its filler replaced by ``MASK``.
    answers : int64[n_questions]
    """
    asked = sets.present
    if roles is not None:
        asked = asked & torch.isin(sets.roles, torch.tensor(roles, dtype=torch.int64))
    which, slot = torch.nonzero(asked, as_tuple=True)
    questions = sets.select(which)
    fillers = questions.fillers.clone()
    row = torch.arange(len(which))
    answers = fillers[row, slot]
    fillers[row, slot] = MASK
    return SlotBatch(questions.roles, fillers, questions.present), answers


def straight_through(model: SetTransformer, batch: SlotBatch) -> Tensor:
    """Give the logits of the integer model, with the gradients of the float model.

    The loss is then the same bits for every order of the slots; gradients, which are sums of
    floats, are the same but for their rounding.

    Parameters
    ----------
    model : SetTransformer
    batch : SlotBatch

    Returns
    -------
    float32[n, n_fillers]

    References
    ----------
    Bengio et al., "Estimating or propagating gradients through stochastic neurons", 2013.
    """
    exact = IntegerSetTransformer(model)(batch).to_float().logits.to(torch.float32)
    approximate: Tensor = model(batch).logits
    # Not approximate + (exact - approximate): the float sum would not be the exact logits.
    return _Replace.apply(approximate, exact)  # type: ignore[no-untyped-call, no-any-return]


def train_questions(
    model: SetTransformer,
    questions: SlotBatch,
    answers: Tensor,
    plan: QuestionPlan,
) -> tuple[float, ...]:
    """Train a model, in place.

    Parameters
    ----------
    model : SetTransformer
    questions : SlotBatch
    answers : int64[n_questions]
    plan : QuestionPlan

    Returns
    -------
    tuple of float
        Loss in nats of every step.
    """
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    gains = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": plan.weight_decay},
        {"params": gains, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate)
    generator = torch.Generator().manual_seed(plan.seed)
    losses: list[float] = []
    model.train()
    for step in range(plan.steps):
        index = torch.randint(0, len(questions), (plan.batch,), generator=generator)
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * (1 - step / plan.steps)
        batch = questions.select(index)
        logits = straight_through(model, batch) if plan.exact_loss else model(batch).logits
        loss = nn.functional.cross_entropy(logits, answers[index])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    model.eval()
    return tuple(losses)


@torch.inference_mode()
def accuracy(
    model: SetTransformer | IntegerSetTransformer, questions: SlotBatch, answers: Tensor
) -> float:
    """Give the share of questions answered right; of equal logits the lowest filler is taken.

    Parameters
    ----------
    model : SetTransformer or IntegerSetTransformer
    questions : SlotBatch
    answers : int64[n_questions]

    Returns
    -------
    float
    """
    right = 0
    for index in torch.split(torch.arange(len(questions)), _AT_ONCE):
        logits = model(questions.select(index)).logits
        right += int((logits.argmax(-1) == answers[index]).sum())
    return right / len(questions)


class _Replace(torch.autograd.Function):
    """Pass other values forward, and gradients back as they come."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,  # noqa: ARG004
        approximate: Tensor,  # noqa: ARG004
        exact: Tensor,
    ) -> Tensor:
        return exact

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx,  # noqa: ARG004
        gradient: Tensor,
    ) -> tuple[Tensor, None]:
        return gradient, None
