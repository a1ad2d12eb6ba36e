"""The corpora of every arm of the experiment: what each trains on, from one call.

Arms: raw; a random subset as large as the role-key corpus; exact; MinHash; role keys; and role keys
with one surface drawn anew each epoch, which keeps every form and removes none.

Example
-------
>>> arms = prepare_arms(sentences, "en", seed=0)                     # doctest: +SKIP
>>> arms["role"].epoch(0) == arms["role"].epoch(1)                   # doctest: +SKIP
True
>>> arms["resampled"].epoch(0) == arms["resampled"].epoch(1)         # doctest: +SKIP
False
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lutloom.errors import InvalidDataError
from lutloom.language.corpus.keys import KEY_BYTES
from lutloom.language.corpus.reduce import Reduction, first_of_each, reduce_sentences
from lutloom.language.roles.extractor import Language, frame_keys, load_extractor
from lutloom.language.roles.frame import RoleFrame

ArmName = Literal["raw", "random", "exact", "minhash", "role", "resampled"]


@dataclass(frozen=True, slots=True)
class Arm:
    """Hold what one arm trains on.

    Parameters
    ----------
    name : ArmName
    sentences : tuple of str
        Of the whole corpus.
    groups : tuple of tuple of int
        Indices of the sentences one of which is read in an epoch; single ones in all arms but
        ``resampled``.
    seed : int
    seconds : float
        What preparing it cost, to be charged to it; loading a parser not counted.
    frames : tuple of (RoleFrame or None)
        Of the whole corpus; empty in arms that read none.
    """

    name: ArmName
    sentences: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    seed: int
    seconds: float
    frames: tuple[RoleFrame | None, ...] = ()

    def indices(self, epoch: int) -> tuple[int, ...]:
        """Give which sentences an epoch reads, in the corpus's order."""
        if all(len(group) == 1 for group in self.groups):
            return tuple(group[0] for group in self.groups)
        rng = np.random.default_rng([self.seed, epoch])
        return tuple(sorted(group[int(rng.integers(len(group)))] for group in self.groups))

    def epoch(self, epoch: int) -> tuple[str, ...]:
        """Give the sentences an epoch reads."""
        return tuple(self.sentences[k] for k in self.indices(epoch))


def prepare_arms(
    sentences: Sequence[str], language: Language = "en", seed: int = 0
) -> dict[ArmName, Arm]:
    """Prepare every arm's corpus.

    Parameters
    ----------
    sentences : sequence of str
        The training corpus; nothing of a test set.
    language : Language
    seed : int
        Of the random subset and of the surfaces drawn.

    Returns
    -------
    dict of str to Arm

    Raises
    ------
    InvalidDataError
        If there are no sentences.
    """
    if not sentences:
        raise InvalidDataError("arms: there must be at least 1 sentence, not 0; give a corpus")
    texts = tuple(sentences)
    exact = reduce_sentences(texts, "exact", language)
    near = reduce_sentences(texts, "minhash", language)
    frames, role = _reduce_by_role(texts, language)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(texts), len(role.kept), replace=False)).tolist()

    def arm(name: ArmName, kept: Sequence[int], seconds: float, *, framed: bool = False) -> Arm:
        groups = tuple((int(k),) for k in kept)
        return Arm(name, texts, groups, seed, seconds, frames if framed else ())

    members: dict[bytes, list[int]] = {}
    for k, key in enumerate(role.keys):
        members.setdefault(key, []).append(k)
    surfaces = tuple(tuple(group) for group in members.values())
    arms = (
        arm("raw", range(len(texts)), 0.0),
        arm("random", chosen, 0.0),
        arm("exact", exact.kept, exact.seconds),
        arm("minhash", near.kept, near.seconds),
        arm("role", role.kept, role.seconds, framed=True),
        Arm("resampled", texts, surfaces, seed, role.seconds, frames),
    )
    return {a.name: a for a in arms}


def _reduce_by_role(
    texts: tuple[str, ...], language: Language
) -> tuple[tuple[RoleFrame | None, ...], Reduction]:
    """Reduce by role keys and keep the frames, so that no sentence is parsed twice."""
    import time

    extractor = load_extractor(language)
    begun = time.perf_counter()
    frames = tuple(extractor.frames(texts))
    keys = tuple(bytes.fromhex(key)[:KEY_BYTES] for key in frame_keys(texts, frames))
    kept = first_of_each(keys)
    return frames, Reduction("role", keys, kept, time.perf_counter() - begun)
