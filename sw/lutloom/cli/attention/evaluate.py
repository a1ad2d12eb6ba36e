"""``lutloom attention evaluate``: perplexity with attention in floats and in integers."""

from __future__ import annotations

from typing import Annotated

import typer

from lutloom.cli.attention.lower import Seed, Windows, say_if_sliced
from lutloom.cli.console import Console
from lutloom.cli.language.options import ModelFile, TextName
from lutloom.cli.options import Json

NAME = "evaluate"
EXAMPLES = (
    "lutloom attention evaluate build/language/model.safetensors",
    "lutloom attention evaluate model.safetensors --block 0",
    "lutloom attention evaluate model.safetensors --text novel.txt --test-windows 32 --json",
)


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
    as_json: Json = False,
) -> None:
    """Compare the perplexity of attention in floats with that in integers.

    Integers come from numpy and from ONNX Runtime, which must agree in every one.  Scales come
    from windows of the text's training part, perplexities from its test part.
    """
    import tempfile
    from pathlib import Path

    from lutloom.attention.calibrate import Attend, CalibratedAttention
    from lutloom.cli.console import ResultError
    from lutloom.files.attention_onnx import OnnxRuntimeAttention, write_attention
    from lutloom.language.attention_capture import attention_config, attention_of
    from lutloom.language.attention_loop import (
        DifferenceCount,
        attend_in_numpy,
        calibrate_blocks,
        with_integer_attention,
    )
    from lutloom.language.block_elimination import draw_windows
    from lutloom.language.model_file import read_transformer
    from lutloom.language.pretraining import perplexity
    from lutloom.language.text import load_text

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

    def attend_in_onnxruntime(layer: CalibratedAttention) -> Attend:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "attention.onnx"
            write_attention(layer, path)
            return OnnxRuntimeAttention(path).run

    count = DifferenceCount(attend_in_numpy, attend_in_onnxruntime)
    by_onnxruntime = with_integer_attention(transformer, calibrated, count)
    found = {"torch": perplexity(transformer, held_out)}
    console.say(f"torch: {found['torch']:.3f}")
    found["numpy"] = perplexity(with_integer_attention(transformer, calibrated), held_out)
    console.say(f"numpy: {found['numpy']:.3f}")
    found["onnxruntime"] = perplexity(by_onnxruntime, held_out)
    change = {name: value / found["torch"] - 1 for name, value in found.items()}
    console.table(
        f"{corpus.name}: perplexity on {(held_out.size - 1) // context} windows, attention of "
        f"{len(blocks)} of {transformer.config.n_blocks} blocks in integers",
        ("attention", "#perplexity", "#change", "#differing integers"),
        [
            ("torch, floats", f"{found['torch']:.3f}", "", ""),
            ("numpy, integers", f"{found['numpy']:.3f}", f"{change['numpy']:+.3%}", ""),
            ("ONNX Runtime, integers", f"{found['onnxruntime']:.3f}",
             f"{change['onnxruntime']:+.3%}", f"{count.differing:,} of {count.compared:,}"),
        ],
    )  # fmt: skip
    console.result(
        {
            "model": str(model),
            "blocks": blocks,
            "calibration_windows": windows,
            "test_windows": (held_out.size - 1) // context,
            "sliced": transformer.config.sliced,
            "perplexity": found,
            "change": change,
            "differing": count.differing,
            "compared": count.compared,
        }
    )
    if count.differing:
        raise ResultError(
            f"attention evaluate: ONNX Runtime must give the integers of numpy, but "
            f"{count.differing:,} of {count.compared:,} differ; report this as a bug of Lutloom"
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
