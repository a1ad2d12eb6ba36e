"""Recipes: defaults, ranges, and one clear line for every fault."""

from __future__ import annotations

import string
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom.errors import InvalidRecipeError, LutloomError
from lutloom.recipe import (
    RECIPE_BYTES_MAX,
    Recipe,
    load_recipe,
    parse_recipe,
    recipe_digest,
    recipe_names,
)


def test_an_empty_recipe_has_every_default() -> None:
    assert parse_recipe("") == Recipe()


def test_values_are_taken() -> None:
    recipe = parse_recipe("[network]\nwidths = [416, 104]\n[data]\nthresholds = 'quantile'")
    assert recipe.network.widths == (416, 104)
    assert recipe.data.thresholds == "quantile"
    assert recipe.training == Recipe().training


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[training]\nepoch = 3", "training has no key 'epoch'; did you mean 'epochs'?"),
        ("[trainin]\nepochs = 3", "has no key 'trainin'; did you mean 'training'?"),
        ("[training]\nzzz = 3", "training has no key 'zzz' (keys: epochs,"),
        ("[network]\nfan_in = 9", "network.fan_in: must be an integer 1..6, not 9"),
        ("[network]\nfan_in = 0", "network.fan_in: must be an integer 1..6, not 0"),
        ("[network]\nfan_in = '4'", "network.fan_in: must be an integer 1..6, not '4'"),
        ("[network]\nfan_in = true", "network.fan_in: must be an integer 1..6, not True"),
        ("[network]\nwidths = [4, 0]", "network.widths[1]: must be an integer 1..1000000, not 0"),
        ("[network]\nwidths = []", "network.widths: must be a list of 1..1024 items"),
        ("[network]\nkind = 'x'", "network.kind: must be 'activation_first' or 'table', not 'x'"),
        ("[network]\ngrouped = 1", "network.grouped: must be true or false, not 1"),
        ("[training]\nlearning_rate = nan", "training.learning_rate: must be a number above 0"),
        ("[training]\nlearning_rate = inf", "training.learning_rate: must be a number above 0"),
        ("[data]\nthresholds = [9, 9]", "thresholds must rise strictly, not [9, 9]"),
        ("[data]\nthresholds = [0]", "data.thresholds[0]: must be an integer 1..255, not 0"),
        ("[data]\nthresholds = 'x'", "or 'quantile', not 'x'"),
        ("[data]\nname = ''", "data.name: must be text that is not empty, not ''"),
        ("[training]\nbatch = 65", "an integer 64..65536, a multiple of 64, not 65"),
        ("training = 3", "training: must be a table of the keys epochs,"),
        ("[training", "must be TOML, but"),
        ("[training]\nepochs = 1\nepochs = 2", "must be TOML, but"),
    ],
)
def test_each_fault_gives_one_line(text: str, said: str) -> None:
    with pytest.raises(InvalidRecipeError) as caught:
        parse_recipe(text, source="mine.toml")
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert said in message
    assert "\n" not in message


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["data", "network", "training", "hardware", "x"]),
        st.dictionaries(
            st.sampled_from(["epochs", "fan_in", "widths", "thresholds", "name", "y"]),
            st.one_of(
                st.integers(-(2**70), 2**70),
                st.booleans(),
                st.text(string.printable, max_size=4),
                st.lists(st.integers(-3, 300), max_size=4),
                st.floats(allow_nan=True),
            ),
            max_size=3,
        ),
        max_size=3,
    )
)
def test_any_document_is_a_recipe_or_an_error(raw: dict[str, dict[str, object]]) -> None:
    lines = []
    for section, values in raw.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
    try:
        recipe = parse_recipe("\n".join(lines))
    except InvalidRecipeError as error:
        assert str(error).startswith("recipe: ")  # noqa: PT017  # either outcome is right
    else:
        assert msgspec.convert(msgspec.to_builtins(recipe), Recipe) == recipe


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return str(value)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[training]\nepochs = 7\n", encoding="utf-8")
    assert load_recipe(path).training.epochs == 7
    assert load_recipe(str(path)).training.epochs == 7


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"\xff\xfe", "UTF-8"), (b"#" * (RECIPE_BYTES_MAX + 1), "at most")],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LutloomError, match=said):
        load_recipe(path)


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipeError, match="cannot be read"):
        load_recipe(tmp_path)


def test_every_shipped_recipe_loads() -> None:
    names = recipe_names()
    assert {"ecp5", "hx8k"} <= set(names)
    for name in names:
        assert isinstance(load_recipe(name), Recipe)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRecipeError, match=r"did you mean 'hx8k'\?"):
        load_recipe("hx8")


def test_the_digest_is_of_values_not_of_text() -> None:
    spelled = parse_recipe("# a comment\n[training]\nepochs = 20\n[network]\n")
    assert recipe_digest(spelled) == recipe_digest(Recipe())
    assert recipe_digest(parse_recipe("[training]\nseed = 1")) != recipe_digest(Recipe())
