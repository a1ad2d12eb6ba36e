"""Mixed Sparsity Training: weights and attention that are sparse for most of pre-training.

Densities by layer (``densities``), sparsity over time (``plan``), which weights go and come
(``topology``), the hooks that do it while a model trains (``training``), and what it costs in
floating-point operations (``flops``).

References
----------
Hu et al., "Mixed sparsity training: achieving 4x FLOP reduction for transformer pretraining",
arXiv 2408.11746, 2024.
"""

from lutloom.language.mixed_sparsity.densities import erdos_renyi_densities
from lutloom.language.mixed_sparsity.flops import FlopCount, FlopMeter, forward_flops
from lutloom.language.mixed_sparsity.plan import SparsityPlan, Stage, mixed_sparsity_plan
from lutloom.language.mixed_sparsity.topology import move_mask
from lutloom.language.mixed_sparsity.training import SparseTraining, sparse_matrices

__all__ = [
    "FlopCount",
    "FlopMeter",
    "SparseTraining",
    "SparsityPlan",
    "Stage",
    "erdos_renyi_densities",
    "forward_flops",
    "mixed_sparsity_plan",
    "move_mask",
    "sparse_matrices",
]
