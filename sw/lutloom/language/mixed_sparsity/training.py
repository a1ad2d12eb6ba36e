"""Hooks that keep a model sparse while it trains, and move what is sparse.

Example
-------
>>> optimizer = make_optimizer(model, training_plan)                 # doctest: +SKIP
>>> sparse = SparseTraining(model, optimizer, plan, training_plan)   # doctest: +SKIP
>>> pretrain(model, tokens, training_plan, optimizer=optimizer, hooks=sparse)  # doctest: +SKIP
>>> sparse.flops.total()                                             # doctest: +SKIP
"""

from __future__ import annotations

import math

import msgspec
import torch
from torch import Tensor, nn

from lutloom.language.masks import Pattern
from lutloom.language.mixed_sparsity.densities import erdos_renyi_densities
from lutloom.language.mixed_sparsity.flops import FlopCount, FlopMeter, forward_flops
from lutloom.language.mixed_sparsity.plan import SparsityPlan
from lutloom.language.mixed_sparsity.topology import move_mask, random_mask
from lutloom.language.pretraining import PretrainingPlan
from lutloom.language.transformer import INITIAL_STD, Transformer

_MOMENTS = ("exp_avg", "exp_avg_sq")


def sparse_matrices(model: Transformer, *, sparse_head: bool) -> dict[str, Tensor]:
    """Name the matrices that become sparse.

    Parameters
    ----------
    model : Transformer
    sparse_head : bool
        The head's matrix too; of a tied head that is the embedding.

    Returns
    -------
    dict of str to Tensor
        The model's own parameters.
    """
    chosen: dict[str, Tensor] = {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name != "head"
    }
    if sparse_head:
        head = model.embedding.weight if model.head is None else model.head.weight
        chosen["head.weight"] = head
    return chosen


class SparseTraining:
    """Follow a plan of sparsity; see :class:`~lutloom.language.pretraining.StepHooks`.

    Every step's gradient is applied: where the topology moves, it moves first, by that gradient.

    Parameters
    ----------
    model : Transformer
    optimizer : Optimizer
        AdamW; its moments are handled as the plan says.
    plan : SparsityPlan
    training : PretrainingPlan

    Attributes
    ----------
    flops : FlopCount
        Of all steps so far.
    dense_flops : FlopCount
        What the same steps cost a dense model with causal attention.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: torch.optim.Optimizer,
        plan: SparsityPlan,
        training: PretrainingPlan,
    ) -> None:
        self.model, self.optimizer, self.plan, self.training = model, optimizer, plan, training
        self.matrices = sparse_matrices(model, sparse_head=plan.sparse_head)
        self.masks = {
            name: torch.ones_like(w, dtype=torch.bool) for name, w in self.matrices.items()
        }
        self._generator = torch.Generator().manual_seed(plan.seed)
        self._sparsity = 0.0
        self._pattern: Pattern = "causal"
        self._meter, self._dense_meter = FlopMeter(training.batch), FlopMeter(training.batch)
        self._dense_forward = self._forward(dense=True)
        self._forward_now = self._dense_forward
        self._moved_at = 0

    @property
    def flops(self) -> FlopCount:
        """Operations of all steps so far."""
        return self._meter.total

    @property
    def dense_flops(self) -> FlopCount:
        """Operations the same steps cost a dense model with causal attention."""
        return self._dense_meter.total

    @property
    def sparsity(self) -> float:
        """The share of zeros there is now over all matrices that may have them."""
        kept = sum(int(mask.sum()) for mask in self.masks.values())
        return 1.0 - kept / sum(mask.numel() for mask in self.masks.values())

    def begin_step(self, step: int) -> None:
        """Switch attention, and start sparse where the plan does."""
        done = step / self.training.steps
        pattern = self.plan.pattern_at(done)
        if pattern != self._pattern:
            self.model.set_pattern(pattern, self.plan.stride)
            self._pattern = pattern
            self._forward_now = self._forward()
        if step == 0 and self.plan.sparsity_at(0.0):
            self._start_sparse(self.plan.sparsity_at(0.0))

    def after_backward(self, step: int) -> None:
        """Move the topology if it is time; then take pruned weights out of the gradient."""
        done = step / self.training.steps
        target = self.plan.sparsity_at(done)
        interval = self.plan.interval
        changes = target != self._sparsity
        due = changes or bool(
            interval and step - self._moved_at >= interval and self.plan.drop_at(done) and target
        )
        by_gradient = due and self._gradient_share > 0 and self.sparsity > 0
        self._meter.add_step(self._forward_now, self._dense_forward if by_gradient else None)
        self._dense_meter.add_step(self._dense_forward)
        if due:
            self._move(target, self.plan.drop_at(done) if target else 0.0)
            self._moved_at = step
        for name, weight in self.matrices.items():
            if weight.grad is not None:
                weight.grad.mul_(self.masks[name])

    def after_update(self, step: int) -> None:
        """Keep pruned weights at zero."""
        del step
        if self._sparsity:
            with torch.no_grad():
                for name, weight in self.matrices.items():
                    weight.mul_(self.masks[name])

    def finish(self) -> Transformer:
        """Write the attention pattern the model ended with into its configuration.

        Returns
        -------
        Transformer
            The same model.
        """
        config = self.model.config
        if self.plan.keeps_sparse_attention:
            config = msgspec.structs.replace(
                config, pattern=self.plan.pattern, stride=self.plan.stride
            )
        self.model.config = config
        self.model.set_pattern(config.pattern, config.stride)
        return self.model

    @property
    def _gradient_share(self) -> float:
        ratio = self.plan.gradient_to_random
        return {"gradient": 1.0, "random": 0.0, "mixed": ratio / (1.0 + ratio)}[self.plan.growth]

    def _targets(self, sparsity: float) -> dict[str, float]:
        shapes = [(w.shape[0], w.shape[1]) for w in self.matrices.values()]
        densities = erdos_renyi_densities(shapes, sparsity)
        return dict(zip(self.matrices, densities, strict=True))

    def _start_sparse(self, sparsity: float) -> None:
        for name, density in self._targets(sparsity).items():
            weight = self.matrices[name]
            shape = (weight.shape[0], weight.shape[1])
            self.masks[name] = random_mask(shape, density, self._generator)
        self._settle(sparsity)

    def _move(self, sparsity: float, drop_share: float) -> None:
        """Go to a sparsity, and replace a share of the weights that are left."""
        for name, density in self._targets(sparsity).items():
            weight, mask = self.matrices[name], self.masks[name]
            surplus = int(mask.sum()) - round(density * mask.numel())
            n_prune = max(math.floor(drop_share * int(mask.sum())), surplus, 0)
            moved = move_mask(
                mask, weight.detach(), weight.grad, n_prune, n_prune - surplus,
                self._gradient_share, self._generator,
            )  # fmt: skip
            self._forget(weight, mask, moved)
            self.masks[name] = moved
        self._settle(sparsity)

    def _settle(self, sparsity: float) -> None:
        self._sparsity = sparsity
        self._forward_now = self._forward()
        with torch.no_grad():
            for name, weight in self.matrices.items():
                weight.mul_(self.masks[name])

    def _forget(self, weight: Tensor, before: Tensor, after: Tensor) -> None:
        """Clear the moments of weights that went or came; weights that came begin at zero.

        But where a whole row was empty they begin small: nothing flows into that feature, so if
        nothing read it either, both sides would have no gradient and stay at zero for ever.
        """
        came = after & ~before
        with torch.no_grad():
            weight[~before] = 0.0
            revived = came & ~before.any(dim=1, keepdim=True)
            drawn = torch.randn(int(revived.sum()), generator=self._generator)
            weight[revived] = INITIAL_STD * drawn
        if self.plan.moments == "keep":
            return
        state = self.optimizer.state.get(weight, {})
        for name in _MOMENTS:
            if name in state:
                state[name][came | (before & ~after)] = 0.0

    def _forward(self, *, dense: bool = False) -> FlopCount:
        model = self.model
        head = model.embedding.weight if model.head is None else model.head.weight
        kept = {
            name: mask.numel() if dense else int(mask.sum()) for name, mask in self.masks.items()
        }
        head_weights = kept.pop("head.weight", head.numel())
        return forward_flops(
            model.config,
            block_weights=sum(kept.values()),
            head_weights=head_weights,
            pattern="causal" if dense else self._pattern,
            stride=self.plan.stride,
        )
