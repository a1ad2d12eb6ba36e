"""When what happens in the binary engine: the ranks of its two pipelines, and the clocks of a run.

A key's slot passes one rank a clock and never stops, and so does a slot of a candidate's word::

    0              query and key are read                0   the list of candidates is read
    1              their codes enter the comparison      2   the value is read
    1 + match      score                                 3   how far behind; word of the value
    2 + match      highest scores; candidate or not      3 + values   sums

The list of a query may be read three clocks after the rank at which its last score was compared.
How many candidates there are depends on the scores, so the clocks of a run do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lutloom.attention.binary import BinaryAttention, Codes, count_equal_bits
from lutloom.attention.integer import seen_keys
from lutloom_hw.attention.intake import PAUSE_CYCLES, Intake
from lutloom_hw.attention_binary.candidates import BEHIND_RANK, FOUND_RANK, count_candidates
from lutloom_hw.attention_binary.sequencer import ScoreSequencer

SCORE_READ_RANK = 1
LIST_CYCLES = 3
"""From the rank at which a query's last score is compared to the first slot of its list."""
VALUE_READ_RANK = FOUND_RANK
_TOKEN_CYCLES = Intake.latency_cycles + ScoreSequencer.latency_cycles


@dataclass(frozen=True, slots=True)
class BinaryTiming:
    """Give the clocks of an engine whose input never waits and whose output is never refused.

    Parameters
    ----------
    layer : BinaryAttention
    lanes : int
    clocks_per_word, divider_latency_cycles : int
        Of the divider.
    match_latency_cycles, values_latency_cycles, queue_latency_cycles : int
        Of the comparison, the sums of values and the queue of answers.
    """

    layer: BinaryAttention
    lanes: int
    clocks_per_word: int
    divider_latency_cycles: int
    match_latency_cycles: int
    values_latency_cycles: int
    queue_latency_cycles: int

    @property
    def words(self) -> int:
        """Words of an answer."""
        return self.layer.config.head_size // self.lanes

    @property
    def score_rank(self) -> int:
        """The rank at which a score is compared with the highest."""
        return SCORE_READ_RANK + self.match_latency_cycles

    @property
    def stages_latency_cycles(self) -> int:
        """Clocks from the slot that ends a word to that word out of the divider."""
        return BEHIND_RANK + self.values_latency_cycles + self.divider_latency_cycles

    @property
    def answer_latency_cycles(self) -> int:
        """Clocks from the slot that ends a word to that word at the engine's output."""
        return self.stages_latency_cycles + self.queue_latency_cycles

    @property
    def words_in_flight(self) -> int:
        """Words of answers between the lists and the output when nothing waits."""
        return -(-(self.answer_latency_cycles + 1) // self.clocks_per_word)

    def candidates(self, query: Codes, key: Codes, head: int = 0) -> list[int]:
        """Count the candidates of each query of a run.

        Parameters
        ----------
        query, key : uint64[n]
        head : int

        Returns
        -------
        list of int
        """
        scores = count_equal_bits(query, key, self.layer.code_bits)
        return count_candidates(self.layer, scores, seen_keys(self.layer.config, len(query)), head)

    def cycles(self, candidates: Sequence[int]) -> int:
        """Count the clocks of a run that finds the engine at rest.

        Parameters
        ----------
        candidates : sequence of int
            Of each query.

        Returns
        -------
        int
            From the run's first word in to its last word out, both included.
        """
        return self._last_issue(candidates) + self.answer_latency_cycles + 1

    def interval_cycles(self, candidates: Sequence[int]) -> int:
        """Count the clocks from a run's first word in to the next run's.

        Parameters
        ----------
        candidates : sequence of int
            Of each query.

        Returns
        -------
        int
            Less than :meth:`cycles`: the next run loads while the last answers leave.
        """
        return self._last_issue(candidates) + VALUE_READ_RANK + 1

    def _last_issue(self, candidates: Sequence[int]) -> int:
        """Follow both sequencers, query by query, to the slot that ends the run's last word."""
        config = self.layer.config
        n_positions = len(candidates)
        seen = np.asarray(seen_keys(config, n_positions)).sum(axis=1).tolist()
        loaded: list[int] = []  # the clock of each query's word
        scored: list[int] = []  # of the last slot of its keys
        summed: list[int] = []  # and of the last slot of its candidates
        word_end = -self.clocks_per_word
        for query in range(n_positions):
            rows_before = 2
            if config.mode == "set":
                rows_before = 0 if query else 2 * n_positions
            loaded.append((loaded[-1] + PAUSE_CYCLES if query else -1) + rows_before + 1)
            first = loaded[-1] + _TOKEN_CYCLES
            if query:
                first = max(first, scored[-1] + 1)
            if query >= 2:
                loaded[-1] = max(loaded[-1], scored[query - 2] + 1)
                first = max(first, loaded[-1] + _TOKEN_CYCLES, summed[query - 2] + 2)
            scored.append(first + seen[query] - 1)
            free = scored[-1] + self.score_rank + LIST_CYCLES
            if query:
                free = max(free, summed[-1] + 1)
            for _ in range(self.words):
                word_end = max(free + candidates[query] - 1, word_end + self.clocks_per_word)
                free = word_end + 1
            summed.append(word_end)
        return word_end
