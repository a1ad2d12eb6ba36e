"""When what happens in the engine: the ranks of its pipeline, and the clocks of a whole run.

A slot is what the lanes do in one clock: one word of one key, for its score or for its sum.  From
its issue, in rank 0, a slot passes one rank a clock and never stops::

    0   score memory is read (sums)
    2   score and highest score enter the weight stage; the key's address is known
    7   a word that enters now is written when the next rank reads
    8   row memory and query memory are read
    9   weight leaves its stage; factors are chosen
    11  products
    11 + levels   sum of a word over all lanes (scores)
    12  sums of the values
    12 + levels   score
"""

from __future__ import annotations

from dataclasses import dataclass

from lutloom.attention.config import AttentionConfig
from lutloom.attention.integer import seen_keys
from lutloom_hw.attention.exponent import WeightStage
from lutloom_hw.attention.intake import PAUSE_CYCLES, Intake
from lutloom_hw.attention.sequencer import Sequencer
from lutloom_hw.attention_options import RowMemory

SCORE_RANK = 2
"""Score memory and its register."""
FACTOR_RANK = SCORE_RANK + WeightStage.latency_cycles
READ_RANK = FACTOR_RANK - 1
ENTRY_RANK = READ_RANK - 1
"""A word that enters at this rank's clock is written at that of the read."""
PRODUCT_RANK = FACTOR_RANK + 2
_TOKEN_CYCLES = Intake.latency_cycles + Sequencer.latency_cycles
"""From a query's last word to its first slot."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Give the clocks of an engine whose input never waits and whose output is never refused.

    Parameters
    ----------
    config : AttentionConfig
    lanes : int
    clocks_per_word, divider_latency_cycles : int
        Of the divider.
    row_memory : {"block", "single_port"}
        With ``single_port`` a word of a key or value enters only in a clock in which none is read.
    """

    config: AttentionConfig
    lanes: int
    clocks_per_word: int
    divider_latency_cycles: int
    row_memory: RowMemory = "block"

    @property
    def words(self) -> int:
        """Words of a row."""
        return self.config.head_size // self.lanes

    @property
    def levels(self) -> int:
        """Levels of the adder tree."""
        return (self.lanes - 1).bit_length()

    @property
    def score_rank(self) -> int:
        """The rank at which a score is whole."""
        return PRODUCT_RANK + self.levels + 1

    @property
    def stages_latency_cycles(self) -> int:
        """Clocks from the slot that ends a sum to the word of answers out of the divider."""
        return PRODUCT_RANK + 1 + self.divider_latency_cycles

    @property
    def answer_latency_cycles(self) -> int:
        """Clocks from the slot that ends a sum to the word of answers at the engine's output."""
        return self.stages_latency_cycles + self.words_in_flight

    @property
    def words_in_flight(self) -> int:
        """Words of answers between the lanes and the output when nothing waits.

        A word takes a clock for each place of their queue, and the sequencer knows two clocks
        later that it has left.
        """
        return -(-(self.stages_latency_cycles + 2) // (self.clocks_per_word - 1))

    def useful_slots(self, n_positions: int) -> int:
        """Count the slots of a run: two passes over every key seen, a slot for each word.

        Parameters
        ----------
        n_positions : int

        Returns
        -------
        int
        """
        return 2 * self.words * int(seen_keys(self.config, n_positions).sum())

    def lane_use(self, n_positions: int) -> float:
        """Give useful multiplications a lane and clock over one run, loading included.

        Parameters
        ----------
        n_positions : int

        Returns
        -------
        float
            At most 1.
        """
        return self.useful_slots(n_positions) / self.cycles(n_positions)

    def cycles(self, n_positions: int) -> int:
        """Count the clocks of a run that finds the engine at rest.

        That is :meth:`useful_slots` and a constant, where every later query sees at least
        ``clocks_per_word`` keys and they fill ``score_rank + 1`` slots; with fewer, a pass of sums
        waits for the divider, or for the highest score.

        Parameters
        ----------
        n_positions : int

        Returns
        -------
        int
            From the run's first word in to its last word out, both included.
        """
        return self._last_issue(n_positions) + self.answer_latency_cycles + 1

    def interval_cycles(self, n_positions: int) -> int:
        """Count the clocks from a run's first word in to the next run's.

        Parameters
        ----------
        n_positions : int

        Returns
        -------
        int
            Less than :meth:`cycles`: the next run loads while the last answers leave.
        """
        return self._last_issue(n_positions) + ENTRY_RANK + 1

    def _last_issue(self, n_positions: int) -> int:
        """Follow the passes: the next query's scores first, or else the sums that are due."""
        seen = seen_keys(self.config, n_positions).sum(axis=1).tolist()
        loaded: list[int] = []  # the clock of each query's last word
        scored: list[int] = []  # and of the last slot of its scores
        issued: list[range] = []  # clocks in which slots were issued since the last was loaded
        n_summed = free = 0
        word_end = -self.clocks_per_word  # the last slot that ended a sum
        while n_summed < n_positions:
            scores_at = sums_at = None
            if len(scored) < min(n_positions, n_summed + 2):
                next_loaded = self._loaded(n_positions, loaded, scored, issued)
                scores_at = max(free, next_loaded + _TOKEN_CYCLES)
            if n_summed < len(scored):
                sums_at = max(free, scored[n_summed] + self.score_rank + 1)
            if scores_at is not None and (sums_at is None or scores_at <= sums_at):
                loaded.append(next_loaded)
                issued = [span for span in issued if span.stop + ENTRY_RANK > next_loaded]
                free = scores_at + self.words * seen[len(scored)]
                issued.append(range(scores_at, free))
                scored.append(free - 1)
            elif sums_at is not None:
                free = sums_at
                for _ in range(self.words):
                    last_free = free + seen[n_summed] - 1
                    word_end = max(last_free, word_end + self.clocks_per_word)
                    issued += [range(free, last_free), range(word_end, word_end + 1)]
                    free = word_end + 1
                n_summed += 1
        return word_end

    def _loaded(
        self, n_positions: int, loaded: list[int], scored: list[int], issued: list[range]
    ) -> int:
        """Tell when the next query's last word is in; there is room for two queries."""
        query = len(loaded)
        rows_before = 2
        if self.config.mode == "set":
            rows_before = 0 if query else 2 * n_positions
        clock = loaded[-1] + PAUSE_CYCLES if loaded else -1
        left = rows_before * self.words
        if self.row_memory == "single_port":
            for span in issued:
                free = max(0, span.start + ENTRY_RANK - clock - 1)
                if free >= left:
                    break
                left -= free
                clock = max(clock, span.stop + ENTRY_RANK - 1)
        first = clock + left + 1
        if query >= 2:
            first = max(first, scored[query - 2] + ENTRY_RANK + 1)
        return first + self.words - 1
