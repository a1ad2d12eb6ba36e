"""``lutloom language eliminate``: the same model with fewer blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lutloom.cli.console import Console
from lutloom.cli.language.options import ModelFile, Output, TextName
from lutloom.cli.options import Json

NAME = "eliminate"
EXAMPLES = (
    "lutloom language eliminate build/language/model.safetensors --blocks 1",
    "lutloom language eliminate model.safetensors --blocks 3 --method swap -o shorter.safetensors",
    "lutloom language eliminate model.safetensors --blocks 2 --text novel.txt --windows 64",
)


Method = Literal["greedy", "swap", "one_shot", "block_influence", "last"]
"""As :mod:`lutloom.language.block_elimination` names them, which is only imported to run."""


def run(
    model: ModelFile,
    blocks: Annotated[
        int, typer.Option("--blocks", metavar="N", min=1, max=256, help="How many go.")
    ],
    method: Annotated[
        Method,
        typer.Option(
            help="greedy: SLEB; swap: greedy, then swaps; one_shot and block_influence rank once; "
            "last: from the back."
        ),
    ] = "greedy",
    text: TextName = "kjv",
    windows: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=1_000_000, help="Of the text's training part."),
    ] = 32,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the windows drawn.")] = 0,
    output: Output = Path("build/language/shorter.safetensors"),
    as_json: Json = False,
) -> None:
    """Remove the blocks of a transformer that it misses least, without training.

    Blocks are chosen by the loss on windows of the text's training part; the perplexity before and
    after is also that of its test part, which no choice reads.  The first and last block stay.
    """
    import math

    from lutloom.language.block_elimination import choose_blocks, draw_windows, without_blocks
    from lutloom.language.model_file import read_transformer, write_transformer
    from lutloom.language.pretraining import perplexity
    from lutloom.language.text import load_text

    console = Console(as_json=as_json)
    whole, tokenizer = read_transformer(model)
    corpus = load_text(text)
    context = whole.config.context
    drawn = draw_windows(tokenizer.encode(corpus.train), windows, context, seed)
    held_out = tokenizer.encode(corpus.test)
    with console.progress(f"eliminate by {method}") as advance:
        choice = choose_blocks(method, whole, drawn, blocks, progress=advance)
    shorter = without_blocks(whole, choice.removed)
    before, after = perplexity(whole, held_out), perplexity(shorter, held_out)
    write_transformer(shorter, tokenizer, output)
    console.table(
        f"{corpus.name}: {len(choice.removed)} of {whole.config.n_blocks} blocks removed by "
        f"{method}: {', '.join(map(str, choice.removed))}",
        ("", "#blocks", "#parameters", "#calibration perplexity", "#test perplexity"),
        [
            (name, some.config.n_blocks, f"{some.n_parameters:,}", f"{math.exp(loss):.2f}",
             f"{test:.2f}")
            for name, some, loss, test in (
                ("before", whole, choice.start_loss, before),
                ("after", shorter, choice.loss, after),
            )
        ],
    )  # fmt: skip
    console.say(f"wrote {output}")
    console.result(
        {
            "model": str(output),
            "method": method,
            "removed": list(choice.removed),
            "blocks": shorter.config.n_blocks,
            "parameters": shorter.n_parameters,
            "parameters_before": whole.n_parameters,
            "calibration_windows": windows,
            "calibration_perplexity": math.exp(choice.loss),
            "calibration_perplexity_before": math.exp(choice.start_loss),
            "test_perplexity": after,
            "test_perplexity_before": before,
        }
    )
