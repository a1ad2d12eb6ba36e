from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutloom.errors import InvalidFileError, InvalidRecipeError
from lutloom.language.tokenizer import Tokenizer, parse_tokenizer, train_tokenizer

TRAINED = train_tokenizer("the cat sat on the mat\n" * 50, 300)


@given(st.text(max_size=60))
def test_no_text_is_lost(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text
    tokens = TRAINED.encode(text)
    assert TRAINED.decode(tokens) == text
    assert ((tokens >= 0) & (tokens < TRAINED.vocabulary)).all()


def test_merges_shorten_what_was_seen(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.vocabulary <= 290
    assert len(tokenizer.encode(text)) < 0.5 * len(text)
    assert tokenizer.encode("").dtype == np.int64


def test_it_survives_json(tokenizer: Tokenizer) -> None:
    again = parse_tokenizer(tokenizer.to_json(), "x")
    assert again.to_json() == tokenizer.to_json()
    sentence = "the bird hears Ωmega"
    assert (again.encode(sentence) == tokenizer.encode(sentence)).all()


def test_what_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match=r"must be 257\.\.65536, not 256"):
        train_tokenizer("text", 256)
    for wrong in ("", "{}", '{"model": 3}'):
        with pytest.raises(InvalidFileError, match="model: must hold a tokenizer"):
            parse_tokenizer(wrong, "model")
