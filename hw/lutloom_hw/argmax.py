"""The highest score's class, by a tournament: compare in one clock, select in the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from numpy.typing import NDArray

from lutloom_hw.stage import Stage, bits_for


@dataclass(frozen=True, slots=True)
class _Player:
    """A score and the low bits of the class it belongs to."""

    score: Value
    index: tuple[Value, ...]


class Argmax(Stage):
    """Answer with the class of the highest score; the lowest class wins among equals.

    Parameters
    ----------
    n_classes : int
        2 to 100.
    score_width : int
        Bits of one score.
    clocks_per_round : int
        3: compare in two clocks, select in the next.  2: compare in one.  1: both in one, without
        the flip-flops that hold the scores meanwhile.

    Members
    -------
    i : In(stream.Signature(n_classes * score_width, always_ready=True))
        Scores, class 0 in the least significant bits.
    o : Out(stream.Signature(class_width, always_ready=True))
        The class.

    Latency: ``clocks_per_round * ceil(log2(n_classes))`` clocks.  Throughput: one row a clock.
    """

    def __init__(self, *, n_classes: int, score_width: int, clocks_per_round: int = 2) -> None:
        self.n_classes = n_classes
        self.score_width = score_width
        self.clocks_per_round = clocks_per_round
        self.n_rounds = (n_classes - 1).bit_length()
        super().__init__(
            i_fields=n_classes,
            i_width=score_width,
            o_fields=1,
            o_width=bits_for(n_classes - 1),
            latency_cycles=clocks_per_round * self.n_rounds,
        )

    def model(self, inputs: NDArray[Any]) -> NDArray[np.int64]:
        """Take the first of the highest scores with numpy.

        Parameters
        ----------
        inputs : integers[n, n_classes]

        Returns
        -------
        int64[n, 1]
        """
        winners: NDArray[np.int64] = np.argmax(inputs, axis=1).astype(np.int64)
        return winners[:, None]

    def _build(self, m: Module) -> None:
        players = [
            _Player(self.i.payload.word_select(c, self.score_width), ())
            for c in range(self.n_classes)
        ]
        for number in range(1, self.n_rounds + 1):
            winners = [
                self._play(m, players[k], players[k + 1], f"round{number}_{k // 2}")
                for k in range(0, len(players) - 1, 2)
            ]
            if len(players) % 2:
                bye = players[-1]
                for clock in range(self.clocks_per_round):
                    bye = self._delay(m, bye, f"round{number}_bye{clock}")
                winners.append(_Player(bye.score, (*bye.index, Const(0, 1))))
            players = winners
        m.d.comb += self.o.payload.eq(Cat(players[0].index))

    def _play(self, m: Module, low: _Player, high: _Player, name: str) -> _Player:
        """Let two neighbours play; the lower class wins among equals."""
        high_wins = Signal(name=f"{name}_high_wins", reset_less=True)
        for clock in range(self.clocks_per_round - 1):
            held_low = self._delay(m, low, f"{name}_low{clock}")
            held_high = self._delay(m, high, f"{name}_high{clock}")
            if clock == 0:
                compares = self._compare(m, high.score, low.score, name)
            low, high = held_low, held_high
        if self.clocks_per_round == 1:
            m.d.comb += high_wins.eq(greater(high.score, low.score))
        else:
            m.d.sync += high_wins.eq(compares)
        score = Signal(self.score_width, name=f"{name}_score", reset_less=True)
        index = Signal(len(low.index) + 1, name=f"{name}_index", reset_less=True)
        lower_bits = Mux(high_wins, Cat(high.index), Cat(low.index))
        m.d.sync += [
            score.eq(Mux(high_wins, high.score, low.score)),
            index.eq(Cat(lower_bits, high_wins)),
        ]
        return _Player(score, tuple(index))

    def _compare(self, m: Module, high: Value, low: Value, name: str) -> Value:
        """Compare scores; with three clocks a round, halves in one clock and both in the next."""
        middle = self.score_width // 2
        if self.clocks_per_round < 3 or not middle:
            return greater(high, low)
        halves = Signal(3, name=f"{name}_halves", reset_less=True)
        upper = _greater_equal(high[middle:], low[middle:])
        m.d.sync += halves.eq(Cat(*upper, greater(high[:middle], low[:middle])))
        return halves[0] | (halves[1] & halves[2])

    def _delay(self, m: Module, player: _Player, name: str) -> _Player:
        score = Signal(self.score_width, name=f"{name}_score", reset_less=True)
        m.d.sync += score.eq(player.score)
        index: list[Value] = []
        for k, bit in enumerate(player.index):
            if isinstance(bit, Const):
                index.append(bit)
                continue
            delayed = Signal(name=f"{name}_index{k}", reset_less=True)
            m.d.sync += delayed.eq(bit)
            index.append(delayed)
        return _Player(score, tuple(index))


def greater(high: Value, low: Value) -> Value:
    """Compare two unsigned values of equal width by a tree of small tables, no carry chain.

    Parameters
    ----------
    high, low : Value

    Returns
    -------
    Value
        One bit: ``high > low``.
    """
    return _greater_equal(high, low)[0]


def _greater_equal(high: Value, low: Value) -> tuple[Value, Value]:
    """Give (high > low, high == low); two bits of each make one table of four inputs."""
    if len(high) == 1:
        return high & ~low, ~(high ^ low)
    middle = 1 if len(high) == 2 else (len(high) + 3) // 4 * 2
    upper_greater, upper_equal = _greater_equal(high[middle:], low[middle:])
    lower_greater, lower_equal = _greater_equal(high[:middle], low[:middle])
    return upper_greater | (upper_equal & lower_greater), upper_equal & lower_equal
