"""Both ends of a simulated component's streams in one cocotb coroutine, clock by clock.

Inputs change at the falling edge of ``clk``, outputs are read when they have settled after that,
and the rising edge decides: so whatever depends on inputs within a clock is seen as flip-flops do.
"""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.handle import HierarchyObject, LogicObject, PackedObject, ValueObjectBase
from cocotb.triggers import FallingEdge, ReadOnly
from numpy.typing import NDArray

from lutloom_sim.beats import IDLE_LIMIT_CYCLES, StreamRun

_CLOCK_PERIOD_NS = 10
_RESET_CYCLES = 4


class StreamBench:
    """Drive ``i`` and monitor ``o`` of a component with the stream ports.

    Parameters
    ----------
    dut : HierarchyObject
        cocotb's handle of the top.
    seed : int
        Of all stalls.
    """

    def __init__(self, dut: HierarchyObject, seed: int) -> None:
        clk = dut.clk
        assert isinstance(clk, LogicObject)
        self._edge = FallingEdge(clk)
        self._clock = Clock(clk, _CLOCK_PERIOD_NS, unit="ns")
        self._rst = _port(dut, "rst")
        self._i_payload, self._i_valid, self._i_ready = (
            _port(dut, f"i__{name}") for name in ("payload", "valid", "ready")
        )
        self._o_payload, self._o_valid, self._o_ready = (
            _port(dut, f"o__{name}") for name in ("payload", "valid", "ready")
        )
        assert isinstance(self._o_payload, LogicObject | PackedObject)
        self._payload_words = -(-len(self._o_payload) // 64)
        self._random = random.Random(seed)

    async def start(self) -> None:
        """Start the clock and reset."""
        self._clock.start(start_high=False)
        await self.reset()

    async def reset(self) -> None:
        """Hold ``rst`` for some clocks; return at a falling edge."""
        self._i_valid.value = 0
        self._o_ready.value = 0
        self._rst.value = 1
        for _ in range(_RESET_CYCLES):
            await self._edge
        self._rst.value = 0

    async def stream(
        self,
        beats: NDArray[np.uint8],
        n_answers: int,
        *,
        stall_input: float = 0.0,
        stall_output: float = 0.0,
        cycles_max: int | None = None,
        idle_limit_cycles: int = IDLE_LIMIT_CYCLES,
    ) -> StreamRun:
        """Offer beats, each until it is taken, and take answers, from one falling edge on.

        Parameters
        ----------
        beats : uint8[n_beats, beat_bytes]
            Payloads; bit 0 of byte 0 is payload bit 0.
        n_answers : int
            Answers to wait for.
        stall_input, stall_output : float
            Chance in any one clock that the source, or the sink, holds back.
        cycles_max : int or None
            Stop after so many clocks, complete or not.
        idle_limit_cycles : int
            Clocks in which nothing may move.

        Returns
        -------
        StreamRun

        Raises
        ------
        AssertionError
            If nothing moves for too long, an answer changes while it waits, or there are too
            many.
        """
        draw = self._random.random
        answers: list[int] = []
        taken = cycle = idle_cycles = 0
        first_answer_cycle = -1
        offered, ready, waiting = False, False, -1
        self._i_valid.value = 0
        self._o_ready.value = 0
        started_s = time.perf_counter()
        while len(answers) < n_answers or taken < len(beats):
            if cycles_max is not None and cycle >= cycles_max:
                break
            if not offered and taken < len(beats) and draw() >= stall_input:
                self._i_payload.value = int.from_bytes(beats[taken].tobytes(), "little")
                self._i_valid.value = 1
                offered = True
            now_ready = draw() >= stall_output
            if now_ready != ready:
                self._o_ready.value = ready = now_ready
            await ReadOnly()
            valid = bool(self._o_valid.value)
            answer = int(self._o_payload.value) if valid else -1
            assert waiting in (-1, answer), f"answer {len(answers)} changed while it waited"
            waiting = answer if valid and not ready else -1
            accepted = offered and bool(self._i_ready.value)
            if valid and first_answer_cycle < 0:
                first_answer_cycle = cycle
            if valid and ready:
                answers.append(answer)
                assert len(answers) <= n_answers, "more answers came than beats ask for"
            idle_cycles = 0 if accepted or (valid and ready) else idle_cycles + 1
            assert idle_cycles < idle_limit_cycles, (
                f"nothing moved for {idle_cycles} clocks after {taken} beats "
                f"and {len(answers)} answers"
            )
            await self._edge
            cycle += 1
            if accepted:
                taken += 1
                offered = False
                if taken == len(beats) or stall_input:
                    self._i_valid.value = 0
        seconds = time.perf_counter() - started_s
        size = 8 * self._payload_words
        data = b"".join(answer.to_bytes(size, "little") for answer in answers)
        payloads = np.frombuffer(data, dtype="<u8").reshape(-1, self._payload_words)
        return StreamRun(payloads, cycle, first_answer_cycle, seconds)

    async def surplus(self, cycles: int) -> int:
        """Count the answers that come without any further beat.

        Parameters
        ----------
        cycles : int
            Clocks to watch.
        """
        self._i_valid.value = 0
        self._o_ready.value = 1
        count = 0
        for _ in range(cycles):
            await ReadOnly()
            count += bool(self._o_valid.value)
            await self._edge
        return count


def _port(dut: HierarchyObject, name: str) -> ValueObjectBase[Any, Any]:
    port = getattr(dut, name)
    assert isinstance(port, ValueObjectBase)
    return port
