"""``lutloom language train``: a small transformer, dense or mixed-sparse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutloom.cli.console import Console
from lutloom.cli.language.options import Output, TextName
from lutloom.cli.options import Json

NAME = "train"
EXAMPLES = (
    "lutloom language train --text kjv",
    "lutloom language train --text novel.txt --steps 2000 -o novel.safetensors",
    "lutloom language train --sparsity 0.95 --keep-sparse-attention",
)


def run(
    text: TextName = "kjv",
    output: Output = Path("build/language/model.safetensors"),
    vocabulary: Annotated[
        int, typer.Option(metavar="N", min=257, max=65_536, help="Tokens at most.")
    ] = 1024,
    blocks: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Attention and MLP, so often.")
    ] = 4,
    width: Annotated[
        int, typer.Option(metavar="N", min=8, max=4096, help="Of the residual stream.")
    ] = 128,
    heads: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Attention heads.")] = 4,
    context: Annotated[
        int, typer.Option(metavar="N", min=8, max=4096, help="Tokens seen at once.")
    ] = 128,
    steps: Annotated[int, typer.Option(metavar="N", min=1, max=10_000_000, help="Updates.")] = 1500,
    batch: Annotated[
        int, typer.Option(metavar="N", min=1, max=4096, help="Windows in an update.")
    ] = 16,
    learning_rate: Annotated[
        float, typer.Option(metavar="RATE", min=1e-6, max=1.0, help="At its highest.")
    ] = 4e-3,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of weights and windows.")] = 0,
    sparsity: Annotated[
        float,
        typer.Option(
            metavar="SHARE", min=0.0, max=0.99, help="Of weights at the peak; 0 trains densely."
        ),
    ] = 0.0,
    stride: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=4096, help="Of sparse attention, local and strided."),
    ] = 16,
    keep_sparse_attention: Annotated[
        bool, typer.Option("--keep-sparse-attention", help="End with sparse attention only.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a small transformer, dense or mixed-sparse.

    Leaves one file with weights, configuration and tokenizer, and says its perplexity beside that
    of a 5-gram model on a part of the text that was not trained on.
    """
    import msgspec

    from lutloom.errors import InvalidRecipeError
    from lutloom.language.mixed_sparsity import mixed_sparsity_plan
    from lutloom.language.model_file import write_transformer
    from lutloom.language.pretraining import PretrainingPlan
    from lutloom.language.small_model import SmallModel, prepare_corpus, train_small_model

    console = Console(as_json=as_json)
    try:
        size = SmallModel(n_blocks=blocks, width=width, n_heads=heads, context=context)
    except ValueError as error:
        raise InvalidRecipeError(f"language train: {error}; change --width or --heads") from error
    sparse = None
    if sparsity or keep_sparse_attention:
        sparse = mixed_sparsity_plan(
            sparsity, stride=stride, keep_sparse_attention=keep_sparse_attention, seed=seed
        )
    plan = PretrainingPlan(
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        decay_from=sparse.restored_from if sparse else 0.0,
        seed=seed,
    )
    corpus = prepare_corpus(text, vocabulary)
    with console.progress(f"train {corpus.name}") as advance:
        trained = train_small_model(corpus, size, plan, sparse, progress=advance)
    write_transformer(trained.model, corpus.tokenizer, output)
    record = trained.record
    console.table(
        f"{record.corpus}: trained",
        ("#parameters", "#tokens seen", "#loss", "#perplexity", "#5-gram", "#TFLOP", "#dense",
         "#seconds", "attention"),
        [
            (
                f"{record.parameters:,}",
                f"{record.train_tokens:,}",
                f"{record.validation_loss:.3f}",
                f"{record.test_perplexity:.1f}",
                f"{record.ngram_perplexity:.1f}",
                f"{record.flops / 1e12:.2f}",
                f"{record.dense_flops / 1e12:.2f}",
                f"{record.train_seconds:.0f}",
                record.pattern,
            )
        ],
    )  # fmt: skip
    console.say(f"wrote {output}")
    console.result({"model": str(output), **msgspec.to_builtins(record)})
