"""Frames become slot trees with nothing lost."""

from __future__ import annotations

from typing import get_args

import pytest
from role_sentences import DIFFERENT, PARAPHRASES, SAME_INSIDE

from lutloom.language.roles import frame_parts, load_extractor, role_key
from lutloom.language.roles.extractor import Language
from lutloom.language.slots import tree_digest, tree_from_frame

LANGUAGES = get_args(Language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_trees_differ_exactly_where_keys_do(language: Language) -> None:
    sentences = [s for group in PARAPHRASES[language] for s in group] + DIFFERENT[language]
    frames = [f for f in load_extractor(language).frames(sentences) if f is not None]
    keys = [role_key(frame) for frame in frames]
    digests = [tree_digest(tree_from_frame(frame_parts(frame))) for frame in frames]
    assert len(set(keys)) == len(set(digests)) == len(set(zip(keys, digests, strict=True)))
    assert len(SAME_INSIDE[language]) < len(set(keys)) < len(keys)
