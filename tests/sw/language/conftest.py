from __future__ import annotations

import pytest
from small_transformer import make_text

from lutloom.language.tokenizer import Tokenizer, train_tokenizer


@pytest.fixture(scope="session")
def text() -> str:
    return make_text()


@pytest.fixture(scope="session")
def tokenizer(text: str) -> Tokenizer:
    return train_tokenizer(text, 290)
