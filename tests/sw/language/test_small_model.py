from __future__ import annotations

from pathlib import Path

import pytest

from lutloom.language.mixed_sparsity import mixed_sparsity_plan
from lutloom.language.pretraining import PretrainingPlan, mean_loss, perplexity
from lutloom.language.small_model import SmallModel, prepare_corpus, train_small_model

SIZE = SmallModel(n_blocks=2, width=32, n_heads=2, context=16)
PLAN = PretrainingPlan(steps=40, batch=8, learning_rate=1e-2)


def test_a_model_and_its_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "toy.txt"
    path.write_text(text, encoding="utf-8")
    corpus = prepare_corpus(str(path), 290)
    trained = train_small_model(corpus, SIZE, PLAN)
    record = trained.record
    assert record.corpus == "toy"
    assert record.train_tokens == 40 * 8 * 16
    assert record.parameters == trained.model.n_parameters
    assert record.validation_loss == mean_loss(trained.model, corpus.validation)
    assert record.test_perplexity == pytest.approx(perplexity(trained.model, corpus.test))
    assert record.flops == record.dense_flops > 0
    assert record.pattern == "causal"
    again = train_small_model(corpus, SIZE, PLAN)
    assert again.record.validation_loss == record.validation_loss

    sparse_plan = mixed_sparsity_plan(0.8, keep_sparse_attention=True, pattern="local", stride=4)
    sparse = train_small_model(corpus, SIZE, PLAN, sparse_plan)
    assert sparse.record.flops < 0.6 * sparse.record.dense_flops
    assert sparse.record.dense_flops == record.dense_flops
    assert sparse.record.final_sparsity == 0.0
    assert sparse.model.config.pattern == sparse.record.pattern == "local"


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"width must be a multiple of 2 x n_heads \(6\), not 32"):
        SmallModel(width=32, n_heads=3)
