"""The demo's steps as data: what each runs, reads, writes, and which code decides its result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lutloom.recipe import Recipe, load_recipe, recipe_digest

_Paths = tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Describe one run of the command line.

    Parameters
    ----------
    name : str
        Unique; ``model/command`` or ``report``.
    command : tuple of str
        Words after ``lutloom``.
    reads, writes : tuple of Path
        Files it needs and files it must leave; who reads a file waits for who writes it.
    code : tuple of str
        Packages and modules whose sources decide the result.
    inputs : tuple of str
        What else decides its result.
    cores : int
        Processor cores it can use.
    resume : tuple of str
        Words added when the same step, from the same inputs, was begun before and did not end.
    """

    name: str
    command: tuple[str, ...]
    reads: tuple[Path, ...]
    writes: tuple[Path, ...]
    code: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    cores: int = 1
    resume: tuple[str, ...] = ()


_HARDWARE = ("lutloom.ir", "lutloom.emit", "lutloom_hw", "lutloom.cli.hardware")
_TRAINING = ("lutloom.recipe", "lutloom.data", "lutloom.rules", "lutloom.models", "lutloom.train")
_ROAD: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    # command, reads, writes, code
    (
        "train",
        (),
        ("recipe.json", "model.safetensors", "train.json"),
        (*_TRAINING, "lutloom.cli.training"),
    ),
    (
        "lower",
        ("recipe.json", "model.safetensors"),
        ("network.onnx", "lower.json"),
        (*_HARDWARE, "lutloom.lower", "lutloom.files", "lutloom.cli.lowering"),
    ),
    (
        "emit",
        ("recipe.json", "network.onnx"),
        ("emit.json", "verilog/pipeline.v", "verilog/top.v", "verilog/top.il"),
        (*_HARDWARE, "lutloom.cli.emission"),
    ),
    (
        "simulate",
        ("recipe.json", "network.onnx"),
        ("simulate.json",),
        (*_HARDWARE, "lutloom_sim", "lutloom.cli.simulation"),
    ),
    (
        "synth",
        ("recipe.json", "network.onnx"),
        ("synth-{device}.json",),
        (*_HARDWARE, "lutloom_sim", "lutloom.flow", "lutloom.cli.synthesis"),
    ),
    (
        "compare",
        (
            "recipe.json",
            "model.safetensors",
            "network.onnx",
            "simulate.json",
            "synth-{device}.json",
        ),
        ("compare.json",),
        ("lutloom.ir", "lutloom.models", "lutloom.compare", "lutloom.cli.comparison"),
    ),
)


_REPORTED = ("train.json", "lower.json", "emit.json", "simulate.json", "synth-{device}.json",
             "compare.json")  # fmt: skip


def demo_steps(folder: Path, recipes: tuple[str, ...], data: str | None) -> tuple[Step, ...]:
    """List the steps of the whole road for some recipes.

    Parameters
    ----------
    folder : Path
        Each recipe gets a folder of its own in it; the report goes beside them.
    recipes : tuple of str
        Names or files.
    data : str or None
        A data set other than the recipes'.

    Returns
    -------
    tuple of Step

    Raises
    ------
    InvalidRecipeError
        When a recipe is not one.
    """
    steps: list[Step] = []
    reported: list[Path] = []
    for name_or_path in recipes:
        recipe = load_recipe(name_or_path)
        work = folder / Path(name_or_path).stem

        def at(files: Iterable[str], work: Path = work, recipe: Recipe = recipe) -> _Paths:
            return tuple(work / file.format(device=recipe.hardware.device) for file in files)

        chosen = ("--recipe", name_or_path, *(("--data", data) if data else ()))
        for command, reads, writes, code in _ROAD:
            begins = command == "train"
            steps.append(
                Step(
                    name=f"{work.name}/{command}",
                    command=(command, "--work", str(work), *(chosen if begins else ()), "--json"),
                    reads=at(reads) + (_data_files(data or recipe.data.name) if begins else ()),
                    writes=at(writes),
                    code=code,
                    inputs=(recipe_digest(recipe),) if begins else (),
                    resume=("--resume",) if begins else (),
                )
            )
        reported += at(_REPORTED)
    works = [str(folder / Path(recipe).stem) for recipe in recipes]
    steps.append(
        Step(
            name="report",
            command=("report", *works, "--output", str(folder / "report.html"), "--json"),
            reads=tuple(reported),
            writes=(folder / "report.html", folder / "report.json"),
            code=("lutloom.report", "lutloom.compare"),
        )
    )
    return tuple(steps)


def _data_files(name_or_path: str) -> _Paths:
    """List the files of a data set that is not a shipped one."""
    path = Path(name_or_path)
    if path.is_dir():
        return tuple(sorted(file for file in path.iterdir() if file.is_file()))
    return (path,) if path.is_file() else ()
