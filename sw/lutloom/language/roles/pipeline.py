"""What readers of all languages share: sentences go through a spaCy pipeline, many at a time.

Example
-------
>>> import spacy
>>> class Words(PipelineRoles):
...     def read(self, document):
...         return None
...     def lemma(self, token):
...         return token.lower_
>>> words = Words(spacy.blank("en"), between_words=" ", not_for_lemmas=())
>>> words.frames(["A cat."]), words.lemmas(["A cat."])
([None], [('a', 'cat')])
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from spacy.language import Language as SpacyPipeline
from spacy.tokens import Doc, Token

from lutloom.language.roles.frame import RoleFrame


class PipelineRoles(ABC):
    """Parse sentences, and leave to a language what one parse says.

    Parameters
    ----------
    pipeline : spacy.language.Language
    between_words : str
        What white space of a sentence is replaced by.
    not_for_lemmas : sequence of str
        Names of the pipeline's steps that lemmas do not need.
    """

    def __init__(
        self, pipeline: SpacyPipeline, *, between_words: str, not_for_lemmas: Iterable[str]
    ) -> None:
        self._pipeline = pipeline
        self._between_words = between_words
        self._not_for_lemmas = list(not_for_lemmas)

    def frames(self, sentences: Sequence[str]) -> list[RoleFrame | None]:
        """Give each sentence's frame.

        Parameters
        ----------
        sentences : sequence of str

        Returns
        -------
        list of RoleFrame or None
        """
        texts = (self._between_words.join(sentence.split()) for sentence in sentences)
        return [self.read(document) for document in self._pipeline.pipe(texts)]

    def lemmas(self, sentences: Sequence[str]) -> list[tuple[str, ...]]:
        """Give each sentence's lemmas, punctuation left out.

        Parameters
        ----------
        sentences : sequence of str

        Returns
        -------
        list of tuple of str
        """
        return [
            tuple(self.lemma(t) for t in document if not (t.is_punct or t.is_space))
            for document in self._pipeline.pipe(sentences, disable=self._not_for_lemmas)
        ]

    @abstractmethod
    def read(self, document: Doc) -> RoleFrame | None:
        """Give the frame of one parsed sentence, None where it cannot be read for certain."""

    @abstractmethod
    def lemma(self, token: Token) -> str:
        """Give a token's lemma."""
