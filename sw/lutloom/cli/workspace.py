"""A model's folder: which files a command reads and writes, and which recipe it goes by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lutloom.errors import InvalidFileError

if TYPE_CHECKING:
    from lutloom.data import Dataset
    from lutloom.ir import Network
    from lutloom.recipe import Recipe

DEFAULT_RECIPE = "ecp5"
BUILD = Path("build")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Name the files of one model.

    Parameters
    ----------
    folder : Path
    name : str
        The recipe's name, which is also the model's.
    recipe : Recipe
    data : str
        The data set's name or path.
    """

    folder: Path
    name: str
    recipe: Recipe
    data: str

    @property
    def state(self) -> Path:
        """The trained state."""
        return self.folder / "model.safetensors"

    @property
    def network(self) -> Path:
        """The lowered network."""
        return self.folder / "network.onnx"

    @property
    def verilog(self) -> Path:
        """The folder of emitted Verilog."""
        return self.folder / "verilog"

    def record(self, step: str) -> Path:
        """Name the JSON file that tells what a step did."""
        return self.folder / f"{step}.json"

    def need(self, path: Path, command: str) -> Path:
        """Give a path back if the file is there.

        Raises
        ------
        InvalidFileError
            Naming the command that makes it.
        """
        if not path.exists():
            raise InvalidFileError(
                f"{path}: must exist; run first: lutloom {command} --work {self.folder}"
            )
        return path

    def read_network(self) -> Network:
        """Read and verify the lowered network."""
        from lutloom.files.network_onnx import read_network

        return read_network(self.need(self.network, "lower"))

    def load_data(self) -> Dataset:
        """Load the data set."""
        from lutloom.data import load

        return load(self.data)


def open_workspace(work: Path | None, recipe: str | None, data: str | None) -> Workspace:
    """Settle folder, recipe and data set from options.

    An explicit recipe or data set wins over the one the folder was trained with, which wins over
    the default.

    Parameters
    ----------
    work, recipe, data : options as given

    Returns
    -------
    Workspace

    Raises
    ------
    InvalidRecipeError
        When the recipe is not one.
    """
    from lutloom.recipe import load_recipe
    from lutloom.report.records import RecipeRecord
    from lutloom.schema import read_json

    stored = work / "recipe.json" if work is not None else None
    if recipe is None and stored is not None and stored.exists():
        kept = read_json(stored, RecipeRecord)
        name, loaded, known_data = kept.name, kept.recipe, kept.data
    else:
        loaded = load_recipe(recipe or DEFAULT_RECIPE)
        name, known_data = Path(recipe or DEFAULT_RECIPE).stem, loaded.data.name
    return Workspace(
        folder=work if work is not None else BUILD / name,
        name=name,
        recipe=loaded,
        data=data or known_data,
    )
