import pytest

from lutloom.errors import InvalidRecipeError
from lutloom_hw.options import PipelineOptions


def test_families_choose_their_own_forms():
    assert PipelineOptions(family="ice40").vote == ("carry", 2)
    assert PipelineOptions(family="ice40").argmax_clocks == 1
    assert PipelineOptions(family="ecp5").vote == ("carry", 1)
    assert PipelineOptions(family="ecp5").argmax_clocks == 2


def test_what_is_given_wins_over_the_family():
    options = PipelineOptions(
        family="ice40", vote_form="compressor", vote_register_every=5, argmax_clocks_per_round=2
    )
    assert options.vote == ("compressor", 5)
    assert options.argmax_clocks == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "virtex"),
        ("lut_style", "poem"),
        ("vote_form", "raised hands"),
        ("vote_register_every", 0),
        ("vote_register_every", 17),
        ("argmax_clocks_per_round", 4),
        ("class_groups", -1),
        ("class_groups", True),
        ("class_groups", 1.0),
        ("pixels_per_beat", 0),
        ("pixels_per_beat", 9),
    ],
)
def test_a_value_out_of_range_names_the_option_and_the_value(name, value):
    with pytest.raises(InvalidRecipeError, match=rf"{name}: must be .*, not .*; correct '{name}'"):
        PipelineOptions(**{name: value})
