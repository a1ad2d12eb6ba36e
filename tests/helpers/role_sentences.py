"""Sentences to judge readers of role frames by: paraphrases, near misses, what to leave alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lutloom.language.roles import RoleFrame, frame_keys, load_extractor
from lutloom.language.roles.extractor import Language

PARAPHRASES: dict[Language, list[list[str]]] = {
    "en": [
        [
            "The cat eats the fish.",
            "The fish is eaten by the cat.",
            "It is the cat that eats the fish.",
            "It is the fish that the cat eats.",
            "The fish the cat eats.",
            "The fish, the cat eats.",
            "What the cat eats is the fish.",
            "The  cat eats\nthe fish!",
        ],
        [
            "The girl gives the boy a book.",
            "The girl gives a book to the boy.",
            "A book is given to the boy by the girl.",
            "It is the girl who gives the boy a book.",
        ],
        ["The cat will not chase the dog.", "The cat won't chase the dog."],
        ["She saw him.", "He was seen by her."],
        [
            "The girl said that the cat chased the dog.",
            "The girl said the dog was chased by the cat.",
        ],
        ["The cat chased the dog in the garden.", "In the garden the cat chased the dog."],
    ],
    "ja": [
        [
            "猫が魚を食べる。",
            "魚を猫が食べる。",
            "猫は魚を食べる。",
            "魚は猫が食べる。",
            "魚が猫に食べられる。",
            "魚を食べるのは猫だ。",
            "猫が食べるのは魚だ。",
            "猫が魚を食べます。",
        ],
        ["猫が魚を食べなかった。", "猫が魚を食べませんでした。"],
        ["少女が公園で少年に本を渡した。", "本を少年に公園で少女が渡した。"],
        ["本が少女によって少年に渡された。", "少女が少年に本を渡した。"],
        ["母が猫に魚を食べさせる。", "魚を猫に母が食べさせる。", "母は猫に魚を食べさせる。"],
        ["少女が猫が魚を食べると言った。", "猫が魚を食べると少女が言った。"],
    ],
}

DIFFERENT: dict[Language, list[str]] = {
    "en": [
        "These fish eat the cat.",
        "This fish eats the cat.",
        "Those fish eat the cat.",
        "The cat eats the fish.",
        "The fish eats the cat.",
        "The cat is eaten by the fish.",  # the same as the one before
        "The cat does not eat the fish.",
        "The cat ate the fish.",
        "The cat has eaten the fish.",
        "The cat had eaten the fish.",
        "The cat is eating the fish.",
        "The cat will eat the fish.",
        "The cat may eat the fish.",
        "The cat may not eat the fish.",
        "The cat must eat the fish.",
        "The cats eat the fish.",
        "A cat eats the fish.",
        "Every cat eats the fish.",
        "No cat eats the fish.",
        "Two cats eat the fish.",
        "Some cats eat the fish.",
        "This cat eats the fish.",
        "My cat eats the fish.",
        "The black cat eats the fish.",
        "The blacker cat eats the fish.",
        "The cat eats a fish.",
        "The cat eats no fish.",
        "The cat eats.",
        "The fish is eaten.",
        "The cat eats the fish in the garden.",
        "The cat eats the fish near the garden.",
        "Does the cat eat the fish?",
        "Eat the fish!",
        "The cat only eats the fish.",
        "The cat never eats the fish.",
        "The cat that saw the dog eats the fish.",
        "The girl says that the cat eats the fish.",
        "The cat says that the girl eats the fish.",
        "Every cat eats a fish.",
        "A fish is eaten by every cat.",
        "Cats eat fish.",
        "Every cat does not eat the fish.",
        "The fish is not eaten by every cat.",
        "It is not the cat that eats the fish.",
        "It is two cats that eat the fish.",
        "If the cat eats the fish.",
        "The cat or the dog eats the fish.",
        "The soldier killed the king.",
        "The king was killed by the soldier.",  # the same as the one before
        "The sword killed the king.",
        "The king was killed by the sword.",
        "The king was killed by the Sword.",
        "It killed the king.",
        "The king was killed by it.",
        "May saw the king.",
        "The king was seen by May.",
        "The dog was hit by the cats.",
        "The dog is hit by the cats.",
        "The cats hit the dog.",
        "It is the dog that the cats hit.",
        "The dog the cats hit.",
        "The dog was hit by the sheep.",
        "The dog is hit by the sheep.",
        "The sheep hit the dog.",
        "The girl that hit the dog saw the cat.",
        "The girls that hit the dog saw the cat.",
        "The king demands that the cat hit the dog.",
        "The king demands that the dog was hit by the cat.",
        "The cat saw Polish tables.",
        "The cat saw polish tables.",
        "Polish tables were seen by the cat.",
        "The cat saw the Polish table.",
        "The cat saw the polish table.",
        "The cat saw the Polish.",
        "The cat saw the polish.",
        "The cat saw polish.",
        "Polish was seen by the cat.",
        "The cat saw Poles.",
        "The cat saw poles.",
        "Poles were seen by the cat.",
        "The cat saw the china cup.",
        "The cat saw the China cup.",
    ],
    "ja": [
        "猫が魚を食べる。",
        "魚が猫を食べる。",
        "猫が魚に食べられる。",  # the same as the one before
        "猫が魚を食べない。",
        "猫が魚を食べた。",
        "猫が魚を食べている。",
        "猫が魚を食べるだろう。",
        "猫が魚を食べるかもしれない。",
        "猫が魚を食べなければならない。",
        "猫が魚を食べることができる。",
        "猫が魚を食べるらしい。",
        "猫が魚を食べたい。",
        "猫が魚を食べるか。",
        "猫も魚を食べる。",
        "猫だけが魚を食べる。",
        "猫たちが魚を食べる。",
        "この猫が魚を食べる。",
        "黒い猫が魚を食べる。",
        "二匹の猫が魚を食べる。",
        "すべての猫が魚を食べる。",
        "すべての猫が魚を食べない。",
        "魚がすべての猫に食べられない。",
        "猫が二匹の魚を食べる。",
        "猫が庭で魚を食べる。",
        "母が猫に魚を食べさせる。",
        "猫が母に魚を食べさせる。",
        "少女が猫が魚を食べると言った。",
        "猫が少女が魚を食べると言った。",
        "魚は食べる。",
        "魚を食べるのは公園だ。",
        "猫が魚を食べれば。",
        "箸が魚を食べる。",
        "魚を食べるのは箸だ。",
        "魚を食べるのはこの箸だ。",
        "箸は魚を食べる。",
        "猫が箸で魚を食べる。",
        "猫が箸を食べる。",
        "猫が食べるのは箸だ。",
        "箸は猫が食べる。",
        "刀が王を殺した。",
        "王を殺したのは刀だ。",
        "王が刀に殺された。",
        "王が刀によって殺された。",
    ],
}
SAME_INSIDE: dict[Language, set[frozenset[str]]] = {
    "en": {
        frozenset({"The fish eats the cat.", "The cat is eaten by the fish."}),
        frozenset({"The soldier killed the king.", "The king was killed by the soldier."}),
    },
    "ja": {frozenset({"魚が猫を食べる。", "猫が魚に食べられる。"})},
}
"""The pairs of :data:`DIFFERENT` that are paraphrases after all, so that a blind reader fails."""

EXCHANGED: dict[Language, list[tuple[str, str]]] = {
    "en": [
        (
            "The girl sent the letter from the garden to the house.",
            "The girl sent the letter from the house to the garden.",
        ),
        (
            "The cat chased the dog in the garden near the house.",
            "The cat chased the dog in the house near the garden.",
        ),
        (
            "The cat in the garden chased the dog near the house.",
            "The cat in the house chased the dog near the garden.",
        ),
        (
            "In the garden the cat chased the dog near the house.",
            "In the house the cat chased the dog near the garden.",
        ),
        (
            "The cat chased the dog in the garden and near the house.",
            "The cat chased the dog in the house and near the garden.",
        ),
        (
            "The girl in the garden said that the cat chased the dog in the house.",
            "The girl in the house said that the cat chased the dog in the garden.",
        ),
    ],
    "ja": [
        ("少女が庭で家へ手紙を送った。", "少女が家で庭へ手紙を送った。"),
        ("少女が庭から家へ手紙を送った。", "少女が家から庭へ手紙を送った。"),
        ("庭の猫が家で犬を追った。", "家の猫が庭で犬を追った。"),
        ("庭の家で猫が犬を追った。", "家の庭で猫が犬を追った。"),
        ("庭で少女が猫が家で魚を食べると言った。", "家で少女が猫が庭で魚を食べると言った。"),
    ],
}
"""Pairs that differ by which of two places is where; both may be left without a frame."""

REFUSED: dict[Language, list[str]] = {
    "en": [
        "",
        "Does the cat eat the fish?",
        "Eat the fish!",
        "The cat only eats the fish.",
        "The cat saw himself.",
        "The boy loves his mother.",
        "The cat and the dog eat the fish.",
        "It is not the cat that eats the fish.",
        "It is two cats that eat the fish.",
        "It was the cat that eats the fish.",
        "The fish is eaten by noon.",
        "The fish is eaten by Monday.",
        "The fish is eaten by the sword.",
        "The fish is eaten by it.",
        "The cats hit the fish.",
        "They read the book.",
        "The sheep hit the fish.",
        "Polish cats eat the fish.",
        "Poles eat the fish.",
        "The fish got eaten by the cat.",
        "The cat wants to eat the fish.",
        "The cat sat; the dog slept.",
        "The fish are eaten by the cat, I think.",
        "Yes.",
    ],
    "ja": [
        "猫が魚を食べろ。",
        "猫が魚を食べよう。",
        "",
        "猫が魚を食べるか。",
        "猫も魚を食べる。",
        "猫だけが魚を食べる。",
        "猫が二匹魚を食べる。",
        "魚は食べる。",
        "猫が魚を食べたい。",
        "公園は猫が走る。",
        "魚を食べるのは公園だ。",
        "魚を食べるのは箸だ。",
        "猫が食べるのは箸だ。",
        "箸は魚を食べる。",
        "箸は猫が食べる。",
        "王が刀に殺された。",
        "王が刀によって殺された。",
        "手紙が学校に届けられた。",
        "二匹の猫は魚を食べる。",
        "すべての猫は魚を食べない。",
        "猫が魚を食べさせられる。",
        "はい。",
    ],
}


def keys_of(sentences: Sequence[str], language: Language) -> list[str]:
    """The key of each sentence."""
    return frame_keys(sentences, load_extractor(language).frames(sentences))


def wrong_merges(
    sentences: Sequence[str],
    frames: Sequence[RoleFrame | None],
    same: set[frozenset[str]],
    key: Callable[[str, RoleFrame | None], str],
) -> set[frozenset[str]]:
    """Pairs of sentences that share a key, but for those that should."""
    keys = [key(sentence, frame) for sentence, frame in zip(sentences, frames, strict=True)]
    merged = {
        frozenset({sentences[i], sentences[j]})
        for i in range(len(keys))
        for j in range(i)
        if keys[i] == keys[j]
    }
    return merged ^ same
