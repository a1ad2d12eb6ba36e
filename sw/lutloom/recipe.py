r"""Recipes: what to train, from what, for which chip, as typed TOML.

A recipe is a TOML file of four tables.  Every key has a default, a range and a one-line meaning;
unknown keys are refused.  Shipped recipes are found by name, others by path.

Example
-------
>>> recipe = parse_recipe('[training]\nepochs = 5')
>>> recipe.training.epochs, recipe.network.fan_in
(5, 4)
"""

from __future__ import annotations

import hashlib
import itertools
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lutloom.errors import InvalidRecipeError
from lutloom.schema import SchemaError, convert, did_you_mean

RECIPE_BYTES_MAX = 1 << 20
"""A recipe larger than this is not a recipe."""

Seed = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Thresholds = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=255)], ...], Meta(min_length=1, max_length=64)
]
Widths = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=1_000_000)], ...], Meta(min_length=1, max_length=1024)
]


class DataSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say where images come from and how pixels become bits.

    Members
    -------
    name : a shipped data set, a directory of IDX files, or an ``.npz`` file
    thresholds : rising grey levels 1..255, or ``"quantile"`` to take them from the training pixels
    n_thresholds : how many, when they are quantiles
    validation_images : images held out of the training part; they pick everything; 0 holds out a
        twelfth
    shift_pixels : training images are moved by up to this many pixels each way
    """

    name: Annotated[str, Meta(min_length=1)] = "mnist"
    thresholds: Thresholds | Literal["quantile"] = (32, 96, 160)
    n_thresholds: Annotated[int, Meta(ge=1, le=64)] = 3
    validation_images: Annotated[int, Meta(ge=0)] = 0
    shift_pixels: Annotated[int, Meta(ge=0, le=8)] = 0

    def __post_init__(self) -> None:
        levels = self.thresholds
        if isinstance(levels, tuple) and any(a >= b for a, b in itertools.pairwise(levels)):
            raise ValueError(f"thresholds must rise strictly, not {list(levels)}")


class NetworkSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say what is trained: one such network for every class.

    Members
    -------
    widths : neurons of each layer, for each class; the last layer's neurons vote
    fan_in : inputs of a neuron
    kind : ``"table"`` (counters by address) or ``"activation_first"`` (polarity weights)
    window_pixels : a first-layer neuron reads pixels within this distance; 0 reads anywhere
    grouped : later layers read neighbours only, so that the network routes
    """

    widths: Widths = (256, 64)
    fan_in: Annotated[int, Meta(ge=1, le=6)] = 4
    kind: Literal["table", "activation_first"] = "table"
    window_pixels: Annotated[int, Meta(ge=0, le=64)] = 4
    grouped: bool = True


class TrainingSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how the rule is applied.

    Members
    -------
    epochs : passes over the training part, at most
    patience : epochs without a better validation accuracy before it stops early; 0 never does
    batch : images whose errors are applied together; a multiple of 64
    learning_rate : how far the last layer moves for an error of one, as a share of its range
    hidden_learning_rate : the same for all layers before it; 0 takes 0.015, and from the 17th
        hidden layer on less, by the root of how many there are
    final_learning_rate_share : what is left of both at the end; they fall evenly
    temperature : votes that change the odds by a factor of e; 0 takes 0.75 sqrt(votes of a class)
    error_floor : errors below this move nothing
    active_share : at most this share of a batch's images, the strongest errors, move an output
    counter_bits : 0 keeps counters as floats, 2..8 as saturating integers
    rewire_share : share of layer 1 that is rewired after the first epoch; falls evenly to zero
    rewire_until : share of training after which the wiring stays
    candidates : fan-ins tried for each neuron that is rewired
    trained_layers : which layers learn; anything but ``"all"`` is a control
    seed : decides wiring, order and shifts
    """

    epochs: Annotated[int, Meta(ge=1, le=10_000)] = 20
    patience: Annotated[int, Meta(ge=0, le=10_000)] = 0
    batch: Annotated[int, Meta(ge=64, le=65_536, multiple_of=64)] = 512
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.03
    hidden_learning_rate: Share = 0.0
    final_learning_rate_share: Share = 0.1
    temperature: Annotated[float, Meta(ge=0.0, le=1000.0)] = 0.0
    error_floor: Share = 0.05
    active_share: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.25
    counter_bits: Literal[0, 2, 3, 4, 5, 6, 7, 8] = 0
    rewire_share: Share = 0.5
    rewire_until: Share = 0.7
    candidates: Annotated[int, Meta(ge=1, le=1024)] = 16
    trained_layers: Literal["all", "last", "all_but_last"] = "all"
    seed: Seed = 0


class HardwareSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say which chip the network is for and how it is built there.

    Members
    -------
    device : the chip placed and routed for
    pixels_per_beat : pixels that enter with one beat of the input stream
    class_groups : up to this many groups of classes have input flip-flops of their own, for fast
        clocks; 0: all classes read one image
    vote_form : how votes are counted; ``"auto"`` takes the family's best
    vote_register_every : adder levels between two ranks of registers; 0 takes the family's best
    argmax_clocks_per_round : 3 compares in two clocks and selects in another, 2 compares in one, 1
        does all in one; 0 takes the best
    clock_mhz : the clock asked of place and route; 0 asks the device's usual one
    seeds : place-and-route runs over which the clock is given as minimum and median
    """

    device: Literal["hx8k", "up5k", "25k", "45k", "85k"] = "25k"
    pixels_per_beat: Annotated[int, Meta(ge=1, le=8)] = 4
    class_groups: Annotated[int, Meta(ge=0, le=100)] = 0
    vote_form: Literal["auto", "compressor", "carry"] = "auto"
    vote_register_every: Annotated[int, Meta(ge=0, le=16)] = 0
    argmax_clocks_per_round: Annotated[int, Meta(ge=0, le=3)] = 0
    clock_mhz: Annotated[int, Meta(ge=0, le=1000)] = 0
    seeds: Annotated[int, Meta(ge=1, le=100)] = 3


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hold one complete recipe, defaults filled in."""

    data: DataSection = DataSection()
    network: NetworkSection = NetworkSection()
    training: TrainingSection = TrainingSection()
    hardware: HardwareSection = HardwareSection()


def recipe_names() -> list[str]:
    """List the shipped recipes.

    Returns
    -------
    list of str
        Sorted names that :func:`load_recipe` accepts.
    """
    folder = resources.files("lutloom") / "recipes"
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Load a shipped recipe by name or any recipe by path.

    Parameters
    ----------
    name_or_path : str or Path
        A name of :func:`recipe_names`, or a path that ends in ``.toml`` or has a separator.

    Returns
    -------
    Recipe

    Raises
    ------
    InvalidRecipeError
        When there is no such recipe, it is not TOML, or a key is unknown or out of range.
    """
    text = str(name_or_path)
    if text.endswith(".toml") or "/" in text or isinstance(name_or_path, Path):
        return parse_recipe(_read(Path(text)), source=text)
    if text not in recipe_names():
        raise InvalidRecipeError(
            f"recipe: must be one of {', '.join(recipe_names())} or a .toml file, not {text!r}"
            f"{did_you_mean(text, recipe_names())}"
        )
    shipped = resources.files("lutloom") / "recipes" / f"{text}.toml"
    return parse_recipe(shipped.read_text(encoding="utf-8"), source=text)


def parse_recipe(text: str, source: str = "recipe") -> Recipe:
    """Read a recipe from TOML text.

    Parameters
    ----------
    text : str
    source : str
        What error messages call it.

    Returns
    -------
    Recipe

    Raises
    ------
    InvalidRecipeError
        Naming the key, what must hold, what came and what to do.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRecipeError(
            f"{source}: must be TOML, but {error}; correct the syntax"
        ) from error
    try:
        return convert(raw, Recipe)
    except SchemaError as error:
        raise InvalidRecipeError(f"{source}: {error}; correct the recipe") from error


def recipe_digest(recipe: Recipe) -> str:
    """Digest every value of a recipe, defaults included.

    Returns
    -------
    str
        64 hexadecimal digits; equal for equal recipes however their files are written.
    """
    return hashlib.sha256(msgspec.json.encode(recipe, order="sorted")).hexdigest()


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > RECIPE_BYTES_MAX:
            raise InvalidRecipeError(
                f"{path}: must be at most {RECIPE_BYTES_MAX} bytes, not {path.stat().st_size};"
                " give a recipe (TOML)"
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRecipeError(f"{path}: must be UTF-8 text; give a recipe (TOML)") from error
    except OSError as error:
        raise InvalidRecipeError(
            f"{path}: cannot be read ({error.strerror}); give a recipe's path or one of the names"
            f" {', '.join(recipe_names())}"
        ) from error
