"""Run one benchmark: ``python -m lutloom.bench train --seeds 3``."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

from lutloom.errors import LutloomError
from lutloom.files.atomic import write_json

BENCHMARKS = {
    "train": "accuracy, seconds and memory of the shipped recipes on MNIST",
    "depth": "3, 100 and 256 layers against their controls",
    "lower": "seconds and memory of lowering, 10,000 to 1,000,000 neurons",
    "bulk": "images a second of the Verilated pipeline",
    "eliminate": "3 and 6 of SmolLM2-135M's 30 blocks removed, by five methods",
    "orders": "answers that all orders of a set get, in integers and in floats",
    "pack": "SmolLM2-135M sliced by 30 %, packed by every method under every compression",
    "language": "perplexity of the small transformer beside a 5-gram model",
    "mixed_sparsity": "a transformer trained sparse, against dense ones of equal operations",
    "attention": "attention on chips, by int8 and by codes, every integer compared",
    "attention_accuracy": "perplexity of attention in floats, in int8 and by codes",
    "boards": "shipped bitstreams built again, a board's twin, the fast clock",
    "slime": "role frames: what they remove from corpora, what models learn from them",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark named on the command line and write its JSON.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of the process's own.

    Returns
    -------
    int
        Exit status.
    """
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure, and write the figures to docs/results/NAME.json.",
        epilog="\n".join(f"  {name:14} {text}" for name, text in BENCHMARKS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1 (3)")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), metavar="DIR")
    options = parser.parse_args(arguments)
    if not 1 <= options.seeds <= 100:
        parser.error(f"argument --seeds: must be 1..100, not {options.seeds}")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does
    bench = importlib.import_module(f"lutloom.bench.{options.name}")
    try:
        figures = bench.measure(
            options.seeds, lambda text: sys.stderr.write(f"bench {options.name}: {text}\n")
        )
        conditions = {
            "command": f"scripts/bench {options.name} --seeds {options.seeds}",
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        path = options.out / f"{options.name}.json"
        write_json(path, {"conditions": conditions, **figures})
    except LutloomError as error:
        sys.stderr.write(f"scripts/bench: error: {error}\n")
        return 1
    sys.stderr.write(f"bench {options.name}: wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
