"""``lutloom attention evaluate``: perplexity with attention in floats and in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lutloom.cli.attention.layer import Lanes
from lutloom.cli.attention.lower import Seed, Windows, say_if_sliced
from lutloom.cli.console import Console
from lutloom.cli.language.options import ModelFile, TextName
from lutloom.cli.options import Json

if TYPE_CHECKING:
    from lutloom.compare.attention_results import LoopResult

NAME = "evaluate"
EXAMPLES = (
    "lutloom attention evaluate build/language/model.safetensors --verilog",
    "lutloom attention evaluate model.safetensors --block 0",
    "lutloom attention evaluate model.safetensors --text novel.txt --test-windows 32 --json",
)

LOOP_COLUMNS = ("attention", "#perplexity", "#change", "#differing integers", "#seconds")
_TITLES = {
    "torch": "torch, floats",
    "numpy": "numpy, integers",
    "onnxruntime": "ONNX Runtime, integers",
    "verilog": "Verilog in Verilator, integers",
}


def run(
    model: ModelFile,
    block: Annotated[
        str, typer.Option(metavar="N|all", help="What attends in integers, counted from 0.")
    ] = "all",
    text: TextName = "kjv",
    windows: Windows = 16,
    test_windows: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=1_000_000, help="Of the test part, at most."),
    ] = 128,
    seed: Seed = 0,
    verilog: Annotated[
        bool, typer.Option("--verilog", help="Attend in each block's Verilog, too, in Verilator.")
    ] = False,
    lanes: Lanes = 8,
    as_json: Json = False,
) -> None:
    """Compare the perplexity of attention in floats with that in integers.

    Integers come from numpy, from ONNX Runtime and, if asked for, from the engine's Verilog, which
    must agree in every one.  Scales come from windows of the text's training part, perplexities
    from its test part.
    """
    from lutloom.cli.console import ResultError
    from lutloom.compare.attention import evaluate_in_the_loop
    from lutloom.compare.attention_results import LoopExecutor
    from lutloom.language.attention_capture import attention_config, attention_of
    from lutloom.language.attention_loop import calibrate_blocks
    from lutloom.language.block_elimination import draw_windows
    from lutloom.language.model_file import read_transformer
    from lutloom.language.text import load_text
    from lutloom_hw.attention_options import AttentionOptions

    console = Console(as_json=as_json)
    transformer, tokenizer = read_transformer(model)
    context = attention_config(transformer.config).context
    blocks = parse_block(block, transformer.config.n_blocks)
    for index in blocks:
        attention_of(transformer, index)
    say_if_sliced(console, sliced=transformer.config.sliced)
    corpus = load_text(text)
    drawn = draw_windows(tokenizer.encode(corpus.train), windows, context, seed)[:, :-1]
    held_out = tokenizer.encode(corpus.test)[: test_windows * context + 1]
    with console.progress("calibrate") as advance:
        calibrated = calibrate_blocks(transformer, drawn, blocks, progress=advance)
    executors: list[LoopExecutor] = ["torch", "numpy", "onnxruntime"]
    options = None
    if verilog:
        executors.append("verilog")
        options = AttentionOptions(lanes=lanes)
    with console.progress("evaluate") as advance:
        found = evaluate_in_the_loop(
            transformer, held_out, calibrated, executors=executors, options=options, watch=advance
        )
    n_windows = (held_out.size - 1) // context
    console.table(
        f"{corpus.name}: perplexity on {n_windows} windows, attention of "
        f"{len(blocks)} of {transformer.config.n_blocks} blocks in integers",
        LOOP_COLUMNS,
        [loop_row(one) for one in found],
    )
    console.result(
        {
            "model": str(model),
            "blocks": blocks,
            "calibration_windows": windows,
            "test_windows": n_windows,
            "sliced": transformer.config.sliced,
            "loop": found,
        }
    )
    for one in found:
        if one.differing:
            raise ResultError(
                f"attention evaluate: {one.executor} must give the integers of numpy, but "
                f"{one.differing:,} of {one.compared:,} differ; report this as a bug of Lutloom"
            )


def loop_row(found: LoopResult) -> tuple[object, ...]:
    """Give a row for :data:`LOOP_COLUMNS`."""
    return (
        _TITLES[found.executor],
        f"{found.perplexity:.3f}",
        "" if found.executor == "torch" else f"{found.change:+.3%}",
        "" if found.compared is None else f"{found.differing:,} of {found.compared:,}",
        f"{found.seconds:.1f}",
    )


def parse_block(word: str, n_blocks: int) -> list[int]:
    """Read a block or ``all``.

    Parameters
    ----------
    word : str
    n_blocks : int
        Of the model.

    Returns
    -------
    list of int

    Raises
    ------
    InvalidRecipeError
        If it is neither.
    """
    from lutloom.errors import InvalidRecipeError

    if word == "all":
        return list(range(n_blocks))
    if not (word.isascii() and word.isdigit() and len(word) <= 4):
        raise InvalidRecipeError(
            f"attention evaluate, block: must be a number or 'all', not {word!r}; change --block"
        )
    return [int(word)]
