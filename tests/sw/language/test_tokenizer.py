from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, trainers

from lutloom.errors import InvalidFileError, InvalidRecipeError
from lutloom.language.tokenizer import Tokenizer, Unit, parse_tokenizer, train_tokenizer

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


@pytest.mark.parametrize("unit", get_args(Unit))
def test_what_it_encodes_by_itself_survives_json(unit: Unit) -> None:
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    text = "the cat\n\n" * 40
    inner.train_from_iterator([text], trainers.BpeTrainer(vocab_size=40, show_progress=False))
    tokenizer = Tokenizer(inner, unit)
    again = parse_tokenizer(tokenizer.to_json(), "x")
    assert again.unit == unit
    assert again.to_json() == tokenizer.to_json()
    lines = text.splitlines(keepends=True)
    by_line = [token for line in lines for token in inner.encode(line).ids]
    wanted = by_line if unit == "line" else inner.encode(text).ids
    assert len(inner.encode(text).ids) < len(by_line), "it joins lines' ends"
    assert tokenizer.encode(text).tolist() == again.encode(text).tolist() == wanted


def test_what_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match=r"must be 257\.\.65536, not 256"):
        train_tokenizer("text", 256)
    page = '{"unit":"page",' + TRAINED.to_json()[1:]
    for wrong in ("", "{}", '{"model": 3}', '{"unit":"text",', '{"unit":"text",}', page):
        with pytest.raises(InvalidFileError, match="model: must hold a tokenizer"):
            parse_tokenizer(wrong, "model")
