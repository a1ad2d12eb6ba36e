"""Corpus reduction: which sentences say what another already said, by four notions of "same"."""

from lutloom.language.corpus.arms import Arm, ArmName, prepare_arms
from lutloom.language.corpus.bag import FilesReduction, reduce_files
from lutloom.language.corpus.keys import Method, sentence_keys
from lutloom.language.corpus.rates import Rates, merge_rates
from lutloom.language.corpus.reduce import Reduction, reduce_sentences
from lutloom.language.corpus.report import CorpusReport, MethodResult, corpus_report
from lutloom.language.corpus.sentences import split_sentences

__all__ = [
    "Method",
    "sentence_keys",
    "Reduction",
    "reduce_sentences",
    "FilesReduction",
    "reduce_files",
    "Rates",
    "merge_rates",
    "Arm",
    "ArmName",
    "prepare_arms",
    "CorpusReport",
    "MethodResult",
    "corpus_report",
    "split_sentences",
]
