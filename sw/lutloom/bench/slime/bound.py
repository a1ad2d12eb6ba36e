"""What any reader of role frames could merge at most: units that share their content lemmas.

Two sentences, or two clauses, can say the same in other words only if they share the multiset of
their content lemmas.  The bound does not depend on the reader of role frames, only on the parser's
lemmas, and counts as the same whatever differs in order, negation, tense, number or article.

Example
-------
>>> share_bound(content(tokens) for tokens in clause_tokens(document))   # doctest: +SKIP
{'units': 3, 'share': 0.0, 'factor_allowed': 1.0, 'factor_exact': 1.0}
"""

from __future__ import annotations

import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from spacy.tokens import Doc, Token

_CONTENT = {"NOUN", "PROPN", "VERB", "ADJ", "ADV", "NUM"}
_NO_HEADS = {"aux", "auxpass", "aux:pass", "cop", "fixed", "mark", "compound", "case", "amod"}
_LEAST = 2
"""Content lemmas that a sentence or clause must have to be compared."""
_PARTICLES = {"が", "を", "に", "で", "へ", "と", "から", "まで", "は", "も"}

Unit = tuple[frozenset[tuple[str, int]], str]
"""Content lemmas, each with how often it comes, and the surface."""
Arguments = tuple[str, tuple[tuple[str, str], ...]]
"""A verb, and particle and noun of each of its phrases."""


def clause_tokens(document: Doc) -> list[list[Token]]:
    """Give the tokens of each clause: those below its head but not below a nested clause's.

    A head is a root, or a verb that is no auxiliary, copula or part of a compound.

    Parameters
    ----------
    document : Doc

    Returns
    -------
    list of list of Token
    """
    heads = {token.i for token in document if _is_head(token)}
    clauses: dict[int, list[Token]] = defaultdict(list)
    for token in document:
        above = token
        while above.i not in heads and above.head.i != above.i:
            above = above.head
        clauses[above.i].append(token)
    return list(clauses.values())


def content(tokens: Sequence[Token]) -> Unit | None:
    """Give the multiset of content lemmas, and the surface without case and punctuation.

    Parameters
    ----------
    tokens : sequence of Token

    Returns
    -------
    (frozenset, str) or None
        None with fewer than two content lemmas.
    """
    lemmas = Counter(t.lemma_.casefold() for t in tokens if t.pos_ in _CONTENT)
    return None if lemmas.total() < _LEAST else (frozenset(lemmas.items()), _surface(tokens))


def share_bound(units: Iterable[Unit | None]) -> dict[str, float]:
    """Say how many units share their content lemmas with an earlier one put differently.

    Parameters
    ----------
    units : iterable of (frozenset, str) or None
        Of sentences or clauses, by :func:`content`.

    Returns
    -------
    dict
        ``units`` that have at least two content lemmas; ``share`` of them; ``factor_allowed``,
        units over different multisets; ``factor_exact``, units over different surfaces.
    """
    surfaces: dict[Hashable, set[str]] = defaultdict(set)
    n = shared = 0
    for unit in units:
        if unit is None:
            continue
        n += 1
        lemmas, surface = unit
        there = surfaces[lemmas]
        shared += bool(there - {surface})
        there.add(surface)
    different = sum(len(there) for there in surfaces.values())
    return {
        "units": n,
        "share": shared / max(1, n),
        "factor_allowed": n / max(1, len(surfaces)),
        "factor_exact": n / max(1, different),
    }


def marked_arguments(document: Doc) -> list[Arguments]:
    """Give the verbs that have two phrases with particles or more.

    Parameters
    ----------
    document : Doc

    Returns
    -------
    list of (str, tuple of (str, str))
        The verb, and particle and noun of each phrase in their order.
    """
    found = []
    for token in document:
        marked = tuple(
            (case.text, child.lemma_)
            for child in token.children
            for case in child.children
            if case.dep_ == "case" and case.text in _PARTICLES
        )
        if token.pos_ == "VERB" and len(marked) > 1:
            found.append((token.lemma_, marked))
    return found


def argument_orders(arguments: Iterable[Arguments]) -> dict[str, float]:
    """Say how often the marked phrases of a Japanese verb come in more than one order.

    Parameters
    ----------
    arguments : iterable of (str, tuple of (str, str))
        By :func:`marked_arguments`.

    Returns
    -------
    dict
        ``clauses`` with two marked phrases or more; ``sets`` of verb and marked nouns among them;
        those ``repeated``, those of them with ``several_orders``; and the ``usual_share`` of
        clauses in the commonest order of their set of particles.
    """
    orders: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    patterns: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for verb, marked in arguments:
        orders[verb, frozenset(Counter(marked).items())][marked] += 1
        particles = tuple(particle for particle, _ in marked)
        patterns[frozenset(Counter(particles).items())][particles] += 1
    clauses = sum(own.total() for own in patterns.values())
    usual = sum(max(own.values()) for own in patterns.values())
    return {
        "clauses": clauses,
        "sets": len(orders),
        "repeated": sum(own.total() > 1 for own in orders.values()),
        "several_orders": sum(len(own) > 1 for own in orders.values()),
        "usual_share": usual / max(1, clauses),
    }


def _is_head(token: Token) -> bool:
    if token.head.i == token.i:
        return True
    return token.pos_ == "VERB" and token.dep_.removesuffix("_bunsetu") not in _NO_HEADS


def _surface(tokens: Sequence[Token]) -> str:
    words = (unicodedata.normalize("NFKC", token.text).casefold() for token in tokens)
    kept = (word.strip(string.punctuation + "。、「」・") for word in words)
    return " ".join(word for word in kept if word)
