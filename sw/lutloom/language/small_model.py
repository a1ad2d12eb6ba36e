"""Train a small language model from a text: tokenizer, transformer, sparse or dense, and a rival.

Example
-------
>>> corpus = prepare_corpus("kjv", vocabulary=1024)                  # doctest: +SKIP
>>> trained = train_small_model(corpus, SmallModel(), PretrainingPlan(steps=500))  # doctest: +SKIP
>>> trained.record.test_perplexity < trained.record.ngram_perplexity  # doctest: +SKIP
True
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray

from lutloom.language.kneser_ney import KneserNey
from lutloom.language.masks import Pattern
from lutloom.language.mixed_sparsity import SparseTraining, SparsityPlan
from lutloom.language.pretraining import (
    PretrainingPlan,
    PretrainingRun,
    make_optimizer,
    mean_loss,
    pretrain,
)
from lutloom.language.text import load_text
from lutloom.language.tokenizer import Tokenizer, train_tokenizer
from lutloom.language.transformer import Transformer, TransformerConfig

_HIDDEN_PER_WIDTH = 8 / 3
_HIDDEN_MULTIPLE = 8


class SmallModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how large the transformer is; the rest follows.

    Members
    -------
    n_blocks, width, n_heads, context, tied : as in
        :class:`~lutloom.language.transformer.TransformerConfig`
    """

    n_blocks: Annotated[int, Meta(ge=1, le=64)] = 4
    width: Annotated[int, Meta(ge=8, le=4096)] = 128
    n_heads: Annotated[int, Meta(ge=1, le=64)] = 4
    context: Annotated[int, Meta(ge=8, le=4096)] = 128
    tied: bool = True

    def __post_init__(self) -> None:
        if self.width % (2 * self.n_heads):
            raise ValueError(
                f"width must be a multiple of 2 x n_heads ({2 * self.n_heads}), not {self.width}"
            )

    def config(self, vocabulary: int) -> TransformerConfig:
        """Give the whole configuration; the MLP is 8/3 as wide as the model."""
        hidden = round(self.width * _HIDDEN_PER_WIDTH / _HIDDEN_MULTIPLE) * _HIDDEN_MULTIPLE
        return TransformerConfig(
            vocabulary=vocabulary,
            n_blocks=self.n_blocks,
            width=self.width,
            n_heads=self.n_heads,
            head_size=self.width // self.n_heads,
            hidden=hidden,
            context=self.context,
            tied=self.tied,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Hold a text as tokens, in three parts.

    Parameters
    ----------
    name : str
    tokenizer : Tokenizer
        Learnt from the training part.
    train, validation, test : int64[n]
    """

    name: str
    tokenizer: Tokenizer
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def prepare_corpus(name_or_path: str, vocabulary: int) -> Corpus:
    """Load a text and turn it into tokens.

    Parameters
    ----------
    name_or_path : str
        See :func:`lutloom.language.text.load_text`.
    vocabulary : int

    Returns
    -------
    Corpus
    """
    text = load_text(name_or_path)
    tokenizer = train_tokenizer(text.train, vocabulary)
    parts = (tokenizer.encode(part) for part in (text.train, text.validation, text.test))
    return Corpus(text.name, tokenizer, *parts)


class SmallModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Hold how a training went.

    Members
    -------
    corpus : its name
    parameters : of all kinds
    train_tokens : seen in training, repeats counted
    validation_loss : nats a token, after the last step
    test_perplexity : of the model, on the part that is read once, after training
    ngram_perplexity : of a 5-gram Kneser-Ney model of the same training tokens, on the same part
    train_seconds : of training
    flops : operations of training, attention as its triangle, head counted
    dense_flops : what the same steps would have cost dense
    final_sparsity : share of zeros at the end
    pattern : attention pattern at the end
    """

    corpus: str
    parameters: int
    train_tokens: int
    validation_loss: float
    test_perplexity: float
    ngram_perplexity: float
    train_seconds: float
    flops: float
    dense_flops: float
    final_sparsity: float
    pattern: Pattern


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """Hold a model and how it came about.

    Parameters
    ----------
    model : Transformer
    record : SmallModelRecord
    run : PretrainingRun
    sparse : SparseTraining
        Its counts of operations, in every convention.
    """

    model: Transformer
    record: SmallModelRecord
    run: PretrainingRun
    sparse: SparseTraining


def train_small_model(
    corpus: Corpus,
    size: SmallModel,
    plan: PretrainingPlan,
    sparsity: SparsityPlan | None = None,
    *,
    progress: Callable[[float, float, str], None] | None = None,
) -> TrainedModel:
    """Train a transformer on a corpus, and an n-gram model beside it.

    Parameters
    ----------
    corpus : Corpus
    size : SmallModel
    plan : PretrainingPlan
        Its seed also draws the weights.
    sparsity : SparsityPlan, optional
        Dense without.
    progress : callable, optional

    Returns
    -------
    TrainedModel
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        model = Transformer(size.config(corpus.tokenizer.vocabulary))
    optimizer = make_optimizer(model, plan)
    sparse = SparseTraining(model, optimizer, sparsity or SparsityPlan(), plan)
    run = pretrain(model, corpus.train, plan, optimizer=optimizer, hooks=sparse, progress=progress)
    sparse.finish()
    ngram = KneserNey(corpus.train, corpus.tokenizer.vocabulary)
    record = SmallModelRecord(
        corpus=corpus.name,
        parameters=model.n_parameters,
        train_tokens=plan.steps * plan.batch * size.context,
        validation_loss=mean_loss(model, corpus.validation),
        test_perplexity=math.exp(mean_loss(model, corpus.test)),
        ngram_perplexity=ngram.perplexity(corpus.test),
        train_seconds=run.seconds,
        flops=sparse.flops.total(),
        dense_flops=sparse.dense_flops.total(),
        final_sparsity=sparse.sparsity,
        pattern=model.config.pattern,
    )
    return TrainedModel(model, record, run, sparse)
